"""Fréchet and kernel distances of sets whose true distance is known: bias, intervals, processor time.

    python benchmarks/set_distances.py
    python benchmarks/set_distances.py --draws 20

Normal distributions in D dimensions with variances 1, 1/2, … 1/D, the second one's half as large again and its mean
half a deviation off. "from a tenth" extrapolates from parts of a tenth of the sets upwards, as Chong and Forsyth do,
"infinite" from a half upwards, as `frechet_at_infinity` does.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from fxrep.metrics import (
    frechet_at_infinity,
    frechet_distance,
    kernel_distance,
    kernel_interval,
    rbf_kernel,
    sample_size_curve,
)

SIZES = [(16, 32), (16, 64), (54, 54), (54, 108), (54, 432), (128, 128), (128, 256), (128, 512)]


def draw(rng: np.random.Generator, n: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    spread = np.arange(1, dim + 1) ** -0.5
    a, b = rng.standard_normal((2, n, dim)) * spread
    return np.sqrt(1.5) * a + 0.5 * np.eye(dim)[0], b


def frechet_truth(dim: int) -> float:
    return float(0.25 + (np.sqrt(1.5) - 1.0) ** 2 * (1.0 / np.arange(1, dim + 1)).sum())


def kernel_truth(dim: int, bandwidth: float) -> float:
    """Closed form under the Gaussian kernel."""
    variances = 1.0 / np.arange(1, dim + 1)

    def mean(total: np.ndarray, shift: float) -> float:
        wide = bandwidth**2 + total
        return float(np.prod(bandwidth / np.sqrt(wide)) * np.exp(-(shift**2) / (2 * wide[0])))

    return mean(3 * variances, 0) + mean(2 * variances, 0) - 2 * mean(2.5 * variances, 0.5)


def from_a_tenth(a: np.ndarray, b: np.ndarray, seed: int) -> float:
    curve = sample_size_curve(frechet_distance, a, b, np.linspace(0.1, 1.0, 15).tolist(), 1, seed)
    return float(np.polyfit(1 / np.asarray(curve.fractions), curve.means, 1)[1])


def compare_bias(draws: int) -> None:
    print("| D | N of each | true | as it is | from a tenth | infinite | 95 % intervals that hold the truth |")
    print("|---|---|---|---|---|---|---|")
    for dim, n in SIZES:
        rng, truth = np.random.default_rng(0), frechet_truth(dim)
        rows, inside = [], []
        for seed in range(draws):
            a, b = draw(rng, n, dim)
            found = frechet_at_infinity(a, b, seed=seed)
            rows.append((frechet_distance(a, b), from_a_tenth(a, b, seed), found.value))
            inside.append(found.interval[0] <= truth <= found.interval[1])
        means, deviations = np.mean(rows, 0), np.std(rows, 0)
        cells = [f"{mean:.2f} ± {deviation:.2f}" for mean, deviation in zip(means, deviations, strict=True)]
        print(f"| {dim} | {n} | {truth:.2f} | {' | '.join(cells)} | {np.mean(inside):.0%} |", flush=True)


def compare_kernel(draws: int) -> None:
    print("\n| D | N of each | kernel distance, true | mean ± deviation | 95 % intervals that hold the truth |")
    print("|---|---|---|---|---|")
    for dim, n in [(16, 16), (16, 64), (128, 32), (128, 128)]:
        rng, bandwidth = np.random.default_rng(1), 2.0
        truth, kernel = kernel_truth(dim, bandwidth), rbf_kernel(bandwidth)
        values, inside = [], []
        for seed in range(draws):
            a, b = draw(rng, n, dim)
            values.append(kernel_distance(a, b, kernel))
            low, high = kernel_interval(a, b, kernel, resamples=300, seed=seed)
            inside.append(low <= truth <= high)
        print(f"| {dim} | {n} | {truth:.4f} | {np.mean(values):.4f} ± {np.std(values):.4f} | {np.mean(inside):.0%} |")


def compare_time() -> None:
    print("\n| processor s, D = 128 | N = 300 | 1000 | 3000 |\n|---|---|---|---|")
    measures: dict[str, Callable[[np.ndarray, np.ndarray], object]] = {
        "Fréchet": frechet_distance,
        "Fréchet, infinite, with interval": frechet_at_infinity,
        "kernel": kernel_distance,
        "interval of kernel, 500 resamples": kernel_interval,
    }
    sets = [draw(np.random.default_rng(2), n, 128) for n in (300, 1000, 3000)]
    for name, measure in measures.items():
        cells = []
        for a, b in sets:
            start = time.process_time()
            measure(a, b)
            cells.append(f"{time.process_time() - start:.3f}")
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(1)
    compare_bias(options.draws)
    compare_kernel(options.draws)
    compare_time()


if __name__ == "__main__":
    main()
