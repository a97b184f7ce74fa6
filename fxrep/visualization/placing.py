"""Where new recordings go on a map that is fitted: what lies there already never moves.

For a UMAP the scheme is UMAP's own `transform` without its random part, so that nothing but arrays of numbers has to be
kept: the memberships of a new vector in the neighbourhoods of its nearest landmarks are found as UMAP finds them, and
the point goes where the map's own curve 1 / (1 + a d^2b) says that these neighbours attract it most. UMAP would then
push it about by repulsion from landmarks drawn at random; here the same vector always goes to the same place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 15
"""Of a point: what UMAP's `n_neighbors` is by default."""
_SPARE = 16
"""More candidates than needed: those of a fast product in float32 are put in order again in float64."""
_BLOCK = 1024
_HALVINGS = 60
_STEPS = 30


@dataclass(frozen=True)
class LinearPlacing:
    """Projection onto two axes, of maps too small for UMAP.

    Attributes:
        centre: mean of the landmarks, float64 ``(D,)``.
        axes: float64 ``(2, D)``.
        middle: of the projected landmarks, float64 ``(2,)``.
        extent: half of their longer side.
    """

    centre: np.ndarray
    axes: np.ndarray
    middle: np.ndarray
    extent: float

    def place(self, vectors: np.ndarray, landmarks: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """As `Projection.place`."""
        wide = np.asarray(vectors, dtype=np.float64) - self.centre
        placed = np.stack([(wide * axis).sum(axis=-1) for axis in self.axes], axis=-1)
        placed = (placed - self.middle) / self.extent
        same = (vectors[:, None] == landmarks[None]).all(axis=-1)
        known = same.any(axis=1)
        placed[known] = positions[same[known].argmax(axis=1)]
        return np.asarray(placed)


@dataclass(frozen=True)
class NeighbourPlacing:
    """Among the nearest landmarks of a UMAP.

    Attributes:
        a: of UMAP's curve of memberships in the plane.
        b: likewise.
        extent: UMAP's units in one unit of the map.
    """

    a: float
    b: float
    extent: float

    def place(self, vectors: np.ndarray, landmarks: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """As `Projection.place`."""
        placed = np.empty((len(vectors), 2))
        for start in range(0, len(vectors), _BLOCK):
            rows = np.ascontiguousarray(vectors[start : start + _BLOCK], dtype=np.float32)
            near, similarities = nearest_landmarks(rows, landmarks, NEIGHBOURS)
            weights = memberships(np.clip(1.0 - similarities, 0.0, None))
            places = self._attract(positions[near] * self.extent, weights) / self.extent
            same = (landmarks[near] == rows[:, None]).all(axis=-1)
            known = same.any(axis=1)
            places[known] = positions[near[known, same[known].argmax(axis=1)]]
            placed[start : start + _BLOCK] = places
        return placed

    def _attract(self, neighbours: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Places of greatest attraction by neighbours ``(N, K, 2)`` of weights ``(N, K)``, float64 ``(N, 2)``."""
        # From the neighbour that has most of the others' weight about it, so that a recording between two groups joins
        # one of them instead of lying in the empty space between.
        gaps = np.square(neighbours[:, :, None] - neighbours[:, None]).sum(axis=-1)
        support = (self._curve(gaps) * weights[:, None]).sum(axis=-1)
        places = np.take_along_axis(neighbours, support.argmax(axis=1)[:, None, None], axis=1)[:, 0]
        for _ in range(_STEPS):
            pull = weights * self._curve(np.square(neighbours - places[:, None]).sum(axis=-1))
            places = (pull[..., None] * neighbours).sum(axis=1) / pull.sum(axis=1)[:, None]
        return places

    def _curve(self, squared: np.ndarray) -> np.ndarray:
        curve: np.ndarray = 1.0 / (1.0 + self.a * squared**self.b)
        return curve


Placing = LinearPlacing | NeighbourPlacing


def nearest_landmarks(vectors: np.ndarray, landmarks: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The landmarks most similar to each vector, best first, and their similarities, int64 and float64 ``(N, count)``.

    Exact, equal ones in their order; fewer where there are fewer landmarks. No row depends on another.
    """
    import faiss

    index = faiss.IndexFlatIP(landmarks.shape[1])
    index.add(np.ascontiguousarray(landmarks, dtype=np.float32))
    wanted = min(count, len(landmarks))
    near = np.empty((len(vectors), wanted), dtype=np.int64)
    similarities = np.empty((len(vectors), wanted))
    for start in range(0, len(vectors), _BLOCK):
        rows = np.ascontiguousarray(vectors[start : start + _BLOCK], dtype=np.float32)
        _, found = index.search(rows, min(wanted + _SPARE, len(landmarks)))
        found = np.sort(found, axis=1)
        exact = (landmarks[found].astype(np.float64) * rows[:, None].astype(np.float64)).sum(axis=-1)
        order = np.argsort(-exact, axis=1, kind="stable")[:, :wanted]
        near[start : start + _BLOCK] = np.take_along_axis(found, order, axis=1)
        similarities[start : start + _BLOCK] = np.take_along_axis(exact, order, axis=1)
    return near, similarities


def memberships(distances: np.ndarray) -> np.ndarray:
    """UMAP's memberships ``(N, K)`` of new points in the neighbourhoods of their nearest ``(N, K)``, nearest first.

    exp(-d / sigma) with sigma such that all but the first add up to log2 K (McInnes et al. 2018, section 3.1; a new
    point has no neighbour for certain, so that no distance is taken off). No sigma is below a thousandth of the mean
    distance.
    """
    target = np.log2(max(distances.shape[1], 2))
    low = np.zeros(len(distances))
    high = np.full(len(distances), np.inf)
    sigma = np.ones(len(distances))
    for _ in range(_HALVINGS):
        total = np.exp(-distances[:, 1:] / sigma[:, None]).sum(axis=1)
        above = total > target
        high = np.where(above, sigma, high)
        low = np.where(above, low, sigma)
        with np.errstate(invalid="ignore"):
            sigma = np.where(np.isfinite(high), (low + high) / 2, sigma * 2)
    floor = 1e-3 * distances.mean(axis=1)
    sigma = np.maximum(sigma, np.maximum(floor, 1e-12))
    # Of many equal distances the sum is above the target at any sigma; what is equally far counts the same.
    return np.asarray(np.exp(-(distances - distances[:, :1]) / sigma[:, None]))
