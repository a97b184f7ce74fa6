"""Where texts go on a picture so that no two overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Away from the point to the right, then the other sides and the corners.
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
_COVERED, _MARGIN = 25.0, 8.0


def lay_out(
    anchors: np.ndarray,
    sizes: np.ndarray,
    bounds: tuple[float, float, float, float],
    *,
    gaps: Sequence[float],
    taken: np.ndarray | None = None,
    spared: np.ndarray | None = None,
) -> np.ndarray:
    """Find room for texts, the first ones first.

    Args:
        anchors: what the texts belong to, in pixels, ``(N, 2)``.
        sizes: width and height of the texts in pixels, ``(N, 2)``.
        bounds: left, bottom, right and top that no text may cross, in pixels.
        gaps: distances from the anchor in pixels to try, one after another.
        taken: rectangles that are not free, as `rectangles` gives them, ``(M, 4)``.
        spared: places that should not be covered, ``(P, 2)``: each counts as much as `_COVERED` pixels of distance.

    Returns:
        lower left corners of the texts, ``(N, 2)``; NaN for those without room.
    """
    occupied = np.empty((0, 4)) if taken is None else taken
    avoided = np.empty((0, 2)) if spared is None else spared
    corners = np.full((len(anchors), 2), np.nan)
    moves = np.array([(dx, dy, gap) for gap in gaps for dx, dy in _DIRECTIONS], dtype=float)
    for number, (anchor, size) in enumerate(zip(anchors, sizes, strict=True)):
        low = anchor - size / 2 + moves[:, :2] * (size / 2 + moves[:, 2:])
        high = low + size
        free = (low >= bounds[:2]).all(axis=1) & (high <= bounds[2:]).all(axis=1)
        if len(occupied):
            apart = (high[:, None] <= occupied[None, :, :2]) | (low[:, None] >= occupied[None, :, 2:])
            free &= apart.any(axis=2).all(axis=1)
        if not free.any():
            continue
        near = (avoided >= low[:, None] - _MARGIN) & (avoided <= high[:, None] + _MARGIN)
        covered = near.all(axis=2).sum(axis=1)
        cost = np.where(free, moves[:, 2] + _COVERED * covered, np.inf)
        best = int(cost.argmin())
        corners[number] = low[best]
        occupied = np.concatenate([occupied, [[*low[best], *high[best]]]])
    return corners


def rectangles(corners: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Left, bottom, right and top of the texts that found room, ``(M, 4)``."""
    placed = np.isfinite(corners).all(axis=1)
    return np.asarray(np.concatenate([corners, corners + sizes], axis=1)[placed])
