"""From embeddings to two dimensions, the same ones every time, and what is kept to place others later."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from fxrep.errors import require
from fxrep.visualization.placing import NEIGHBOURS, LinearPlacing, NeighbourPlacing, Placing, nearest_landmarks

SMALLEST_UMAP = 15
MOST_FITTED = 20_000
"""Of a larger library so many points, drawn evenly, are fitted; the others are placed among them."""
MIN_DIST = 0.1


@dataclass(frozen=True)
class Projection:
    """A fitted map.

    Attributes:
        landmarks: the vectors it was fitted to, each once, float32 ``(L, D)``.
        positions: where they lie, float64 ``(L, 2)``, -1 to 1.
        placing: where others go.
    """

    landmarks: np.ndarray
    positions: np.ndarray
    placing: Placing

    def place(self, vectors: np.ndarray) -> np.ndarray:
        """Where vectors ``(N, D)`` go, float64 ``(N, 2)``; those of landmarks to their very places.

        The same vector always goes to the same place, whatever it is placed together with.
        """
        given = np.ascontiguousarray(vectors, dtype=np.float32)
        return self.placing.place(given, self.landmarks, self.positions)


def fit_projection(vectors: np.ndarray, seed: int = 0) -> Projection:
    """Fit a map to unit vectors ``(N, D)``, at most `MOST_FITTED` of which should be given.

    UMAP (McInnes et al. 2018) over exact cosine distances, started from the two principal components, seeded and on
    one thread, so that the same vectors give the same map. Below 15 different vectors, where UMAP's neighbourhoods mean
    nothing, the principal components themselves.

    Args:
        vectors: ``(N, D)``; equal ones are one landmark.
        seed: of UMAP's optimisation.

    Raises:
        MissingExtraError: umap-learn is not installed.
    """
    landmarks = distinct(np.ascontiguousarray(vectors, dtype=np.float32))
    if len(landmarks) < SMALLEST_UMAP:
        centre, axes = principal_axes(landmarks)
        raw = (landmarks.astype(np.float64) - centre) @ axes.T
        middle, extent = _square(raw)
        return Projection(landmarks, (raw - middle) / extent, LinearPlacing(centre, axes, middle, extent))
    threads = require("threadpoolctl", "viz")
    # Several threads add up in varying order, and the last bit of the start grows to another map.
    with threads.threadpool_limits(1):
        raw, a, b = _fit_umap(landmarks, seed)
    middle, extent = _square(raw)
    return Projection(landmarks, (raw - middle) / extent, NeighbourPlacing(a, b, extent))


def project(vectors: np.ndarray, seed: int = 0) -> np.ndarray:
    """Places of unit vectors ``(N, D)``, float64 ``(N, 2)``, the larger extent being -1 to 1; see `fit_projection`."""
    return fit_projection(vectors, seed).place(vectors) if len(vectors) else np.zeros((0, 2))


def distinct(vectors: np.ndarray) -> np.ndarray:
    """Each different row once, in the order of their first appearance."""
    if not len(vectors):
        return vectors
    rows = vectors.view(np.dtype((np.void, vectors.shape[1] * vectors.itemsize))).reshape(-1)
    _, firsts = np.unique(rows, return_index=True)
    return np.ascontiguousarray(vectors[np.sort(firsts)])


def principal_axes(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean ``(D,)`` and first two principal axes ``(2, D)``, float64; the largest coordinate on each is positive."""
    wide = np.asarray(vectors, dtype=np.float64)
    centre = wide.mean(axis=0)
    centred = wide - centre
    axes = np.zeros((2, wide.shape[1]))
    # The smaller of the two products has the same strengths: few vectors, or few dimensions.
    if len(centred) < centred.shape[1]:
        strengths, left = np.linalg.eigh(centred @ centred.T)
        found = (centred.T @ left[:, ::-1][:, :2]).T
        lengths = np.sqrt(np.maximum(strengths[::-1][:2], 0.0))
    else:
        strengths, right = np.linalg.eigh(centred.T @ centred)
        found = right[:, ::-1][:, :2].T
        lengths = np.sqrt(np.maximum(strengths[::-1][:2], 0.0))
    # What is left by rounding where all vectors lie on a line, or are one, is no axis.
    real = lengths > 1e-7 * np.sqrt(len(wide))
    count = int(real.sum())
    axes[:count] = found[:count] / np.linalg.norm(found[:count], axis=1, keepdims=True)
    shown = centred @ axes.T
    # An axis's sign is arbitrary; fixing it keeps the map from flipping between machines.
    peaks = shown[np.abs(shown).argmax(axis=0), [0, 1]]
    return centre, axes * np.where(peaks < 0, -1.0, 1.0)[:, None]


def _fit_umap(landmarks: np.ndarray, seed: int) -> tuple[np.ndarray, float, float]:
    umap = require("umap", "viz")
    count = min(NEIGHBOURS, len(landmarks) - 1)
    # Exact neighbours, itself first, as UMAP expects: its own search would be approximate and need compiling.
    others, similarities = nearest_landmarks(landmarks, landmarks, count + 1)
    own = np.arange(len(landmarks))[:, None]
    order = np.argsort(others != own, axis=1, kind="stable")
    others, similarities = np.take_along_axis(others, order, 1), np.take_along_axis(similarities, order, 1)
    distances = np.clip(1.0 - similarities, 0.0, None)
    distances[:, 0] = 0.0
    with warnings.catch_warnings():
        # It warns that a seed means one thread, which is asked for, and that it cannot place others, which is our part.
        warnings.simplefilter("ignore")
        reducer = umap.UMAP(
            n_neighbors=count,
            min_dist=MIN_DIST,
            metric="cosine",
            init=_start(landmarks, seed),
            random_state=seed,
            n_jobs=1,
            precomputed_knn=(others[:, :count].astype(np.int32), distances[:, :count].astype(np.float32)),
        )
        raw = np.asarray(reducer.fit_transform(landmarks), dtype=np.float64)
    return raw, float(reducer._a), float(reducer._b)


def _start(vectors: np.ndarray, seed: int) -> np.ndarray:
    centre, axes = principal_axes(vectors)
    raw = (vectors.astype(np.float64) - centre) @ axes.T
    middle, extent = _square(raw)
    start = (raw - middle) / extent * 10.0
    # Points that start in the same place are never pulled apart.
    return np.asarray(start + np.random.default_rng(seed).normal(scale=1e-3, size=start.shape), dtype=np.float32)


def _square(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Middle of the points' bounds, and half of the longer side; 1 where they are one point."""
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max()) / 2
    return (low + high) / 2, extent if extent > 1e-12 else 1.0
