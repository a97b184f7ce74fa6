"""Every distance between two sets at once, with intervals and the curves over the sample size."""

from __future__ import annotations

from functools import partial
from typing import Any

from fxrep.metrics.frechet import LEAST_GROUPS, frechet_at_infinity, frechet_distance
from fxrep.metrics.kernels import kernel_distance, kernel_interval, median_distance, polynomial_kernel, rbf_kernel
from fxrep.metrics.sample_size import Distance, sample_size_curve
from fxrep.metrics.vector_sets import SetLike, check_sets


def compare_sets(set_a: SetLike, set_b: SetLike, resamples: int = 500, seed: int = 0) -> dict[str, Any]:
    """Measure two sets with every distance of this package.

    Args:
        set_a: (N, D).
        set_b: (M, D), the reference.
        resamples: of the bootstrap of the kernel distances.
        seed: of everything that is drawn.

    Returns:
        Plain values: ``vectors`` and ``groups`` (of the first and the second set), ``dim``; ``frechet`` as it is;
        ``frechet_infinite`` (``value``, ``interval``, ``error``, ``reliable``; see `FrechetEstimate`), None with fewer
        than 8 groups in a set; ``kernel_rbf`` and ``kernel_polynomial`` (``value``, ``interval``, the former with its
        ``bandwidth``); ``curves`` of ``frechet`` and both kernels over the sample size.

    Raises:
        ArgumentError: a set cannot be used, or their dimensions differ.
    """
    first, second = check_sets(set_a, set_b)
    bandwidth = median_distance(second)
    # The bandwidth of the whole reference in every part of it: a curve of one measure.
    kernels = {"kernel_rbf": rbf_kernel(bandwidth), "kernel_polynomial": polynomial_kernel()}
    distances: dict[str, Distance] = {name: partial(kernel_distance, kernel=kernel) for name, kernel in kernels.items()}
    result: dict[str, Any] = {
        "vectors": [len(first), len(second)],
        "groups": [first.n_groups, second.n_groups],
        "dim": first.dim,
        "frechet": frechet_distance(first, second),
        "frechet_infinite": None,
    }
    if min(first.n_groups, second.n_groups) >= LEAST_GROUPS:
        found = frechet_at_infinity(first, second, seed=seed)
        result["frechet_infinite"] = {
            "value": found.value,
            "interval": list(found.interval),
            "error": found.error,
            "reliable": found.reliable,
        }
    for name, kernel in kernels.items():
        interval = kernel_interval(first, second, kernel, resamples=resamples, seed=seed)
        result[name] = {"value": distances[name](first, second), "interval": list(interval)}
    result["kernel_rbf"]["bandwidth"] = bandwidth
    distances["frechet"] = frechet_distance
    result["curves"] = {
        name: sample_size_curve(distance, first, second, seed=seed).as_dict() for name, distance in distances.items()
    }
    return result
