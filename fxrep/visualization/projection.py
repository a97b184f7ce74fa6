"""From embeddings to two dimensions, the same ones every time."""

from __future__ import annotations

import warnings

import numpy as np

from fxrep.errors import require

SMALLEST_UMAP = 15
NEIGHBOURS = 15


def project(vectors: np.ndarray, seed: int = 0) -> np.ndarray:
    """Place unit vectors in the plane.

    UMAP (McInnes et al. 2018) over cosine distances, started from the two principal components, seeded and on one
    thread, so that the same vectors give the same map. Below 15 points, where UMAP's neighbourhoods mean nothing,
    the principal components themselves.

    Args:
        vectors: ``(N, D)``.
        seed: of UMAP's optimisation.

    Returns:
        float64 ``(N, 2)``, centred, the larger extent being -1 to 1.

    Raises:
        MissingExtraError: umap-learn is not installed.
    """
    if len(vectors) < SMALLEST_UMAP:
        return _fit_square(principal_components(vectors))
    umap = require("umap", "viz")
    with warnings.catch_warnings():
        # It warns that a seed means one thread, which is asked for, and of points with no distinct neighbours.
        warnings.simplefilter("ignore")
        reducer = umap.UMAP(
            n_neighbors=min(NEIGHBOURS, len(vectors) - 1),
            min_dist=0.1,
            metric="cosine",
            init=_start(vectors, seed),
            random_state=seed,
            n_jobs=1,
        )
        return _fit_square(np.asarray(reducer.fit_transform(vectors), dtype=np.float64))


def principal_components(vectors: np.ndarray) -> np.ndarray:
    """The first two principal components, float64 ``(N, 2)``; the largest coordinate of each is positive."""
    centred = np.asarray(vectors, dtype=np.float64)
    centred = centred - centred.mean(axis=0) if len(centred) else centred
    left, strength, _ = np.linalg.svd(centred, full_matrices=False)
    components = np.zeros((len(centred), 2))
    count = min(2, len(strength))
    components[:, :count] = left[:, :count] * strength[:count]
    if len(components):
        # A component's sign is arbitrary; fixing it keeps the map from flipping between machines.
        peaks = components[np.abs(components).argmax(axis=0), [0, 1]]
        components *= np.where(peaks < 0, -1.0, 1.0)
    return components


def _start(vectors: np.ndarray, seed: int) -> np.ndarray:
    start = _fit_square(principal_components(vectors)) * 10.0
    # Points that start in the same place are never pulled apart.
    return np.asarray(start + np.random.default_rng(seed).normal(scale=1e-3, size=start.shape), dtype=np.float32)


def _fit_square(points: np.ndarray) -> np.ndarray:
    if not len(points):
        return points
    centred = points - (points.max(axis=0) + points.min(axis=0)) / 2
    extent = np.abs(centred).max()
    return centred / extent if extent > 1e-12 else np.zeros_like(centred)
