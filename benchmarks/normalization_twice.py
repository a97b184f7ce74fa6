"""What a second normalisation changes, and how far peaks stand out before and after, over stems of every instrument.

    python benchmarks/normalization_twice.py songs.parquet --statistics normalized/statistics.json --each 4

The statistics are those that `fxrep data normalize songs.parquet -o normalized` has fitted. Of every instrument, so
many stems are drawn from all splits. With --list, a line for every stem.
"""

from __future__ import annotations

import argparse
from itertools import pairwise

import numpy as np
import torch

from fxrep.audio import load_audio, sample_peak_db
from fxrep.data.manifest import Manifest, ManifestRow, read_manifest
from fxrep.normalization import FxNormalizer
from fxrep.normalization.prominence import prominences_db
from fxrep.normalization.step import NormalizationStep, track_source

QUIETEST_PEAK_DB = -40.0


def drawn(manifest: Manifest, each: int, seed: int) -> list[ManifestRow]:
    """So many tracks of every instrument, at random."""
    order = np.random.default_rng(seed).permutation(len(manifest.rows))
    by_instrument: dict[str, list[ManifestRow]] = {}
    for row in (manifest.rows[i] for i in order):
        by_instrument.setdefault(row.instrument, []).append(row)
    return [row for name in sorted(by_instrument) for row in by_instrument[name][:each]]


def crest_db(audio: torch.Tensor) -> float:
    return float(20 * torch.log10(audio.abs().max() / audio.square().mean().sqrt()))


def difference_db(first: torch.Tensor, second: torch.Tensor) -> float:
    ratio = (second - first).square().sum() / first.square().sum()
    return float(10 * torch.log10(ratio.clamp_min(1e-20)))


def measured(normalizer: FxNormalizer, audio: torch.Tensor, rate: int, instrument: str) -> dict[str, float]:
    """Two passes: how far each moves every feature, how far it was from its target, and the peaks."""
    passes = [audio]
    for _ in range(2):
        passes.append(normalizer(passes[-1], rate, instrument))
    features = [normalizer.measure(heard, rate, instrument) for heard in passes]
    row = {"samples": difference_db(passes[1], passes[2])}
    targets = normalizer.targets(instrument)
    for step in set(normalizer.steps):
        values, target = [feature[step.name] for feature in features], targets[step.name]
        moved = [step.distance(a, b) for a, b in pairwise(values)]
        row |= {f"{step.name} first": moved[0], f"{step.name} second": moved[1]}
        row |= {f"{step.name} {name}": step.shortfall(values[i], target) for i, name in ((0, "before"), (1, "after"))}
    stands_out = [float(prominences_db(track_source(heard, rate))[0]) for heard in passes]
    return row | {
        "crest rise": crest_db(passes[1]) - crest_db(passes[0]),
        "crest rise twice": crest_db(passes[2]) - crest_db(passes[0]),
        "peak over loudness before": stands_out[0],
        "peak over loudness after": stands_out[1],
        "its rise": stands_out[1] - stands_out[0],
    }


def print_tables(rows: list[dict[str, float]], steps: list[NormalizationStep]) -> None:
    table = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    unchanged = int(np.sum(table["samples"] < -100))
    print(f"\n{unchanged} of {len(rows)} stems are unchanged by the second pass (below -100 dB of the samples).\n")
    columns = ("before", "after", "first", "second")
    print("| step | unit | from the target: before | after | first pass moves | second: median | worst |")
    print("|---|---|---|---|---|---|---|")
    for step in steps:
        values = {key: column[np.isfinite(column)] for key in columns for column in (table[f"{step.name} {key}"],)}
        medians = " | ".join(f"{np.median(values[key]):.3f}" for key in columns)
        print(f"| {step.name} | {step.unit} | {medians} | {values['second'].max():.3f} |")
    print("\n| dB | median | worst tenth | worst |\n|---|---|---|---|")
    for key in ("samples", "crest rise", "crest rise twice", *(key for key in table if "peak" in key), "its rise"):
        print(f"| {key} | {np.median(table[key]):.1f} | {np.percentile(table[key], 90):.1f} | {table[key].max():.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--statistics", required=True)
    parser.add_argument("--steps", default="default", help="in order, or default, fxnorm-automix, koo")
    parser.add_argument("--each", type=int, default=4, help="stems of every instrument")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    normalizer = FxNormalizer.load(options.statistics, steps=options.steps.split(","))
    manifest, rows = read_manifest(options.manifest), []
    for row in drawn(manifest, options.each, options.seed):
        audio, rate = load_audio(manifest.path_of(row), duration_s=options.seconds, channels=2)
        if float(sample_peak_db(audio)) < QUIETEST_PEAK_DB:
            continue
        rows.append(measured(normalizer, audio, rate, row.instrument))
        if options.list:
            print(row.instrument, row.path, {key: round(value, 3) for key, value in rows[-1].items()}, flush=True)
    print_tables(rows, list(dict.fromkeys(normalizer.steps)))


if __name__ == "__main__":
    main()
