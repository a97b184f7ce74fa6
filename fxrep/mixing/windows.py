"""Choosing stretches of a song in which its tracks can be heard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fxrep.mixing.measuring import STEPS_PER_S

# Two windows share at most half of what they hold.
_HIGHEST_OVERLAP = 0.5


WINDOW_S = 10.0
"""Seconds of the windows of a method that does not say how long it listens: its ``window_s``."""

WINDOWS = 4
"""How many places of a song, or of each of its sections, a method listens to at most."""


def choose_windows(sounds: Sequence[NDArray[np.bool_]], duration_s: float, window_s: float, count: int) -> list[float]:
    """Return where to look at a song so that each track that sounds is heard.

    A first set of windows is taken one by one, each the one with most tracks not yet heard, and where that leaves one
    out although `count` windows could hold all, the set is searched for. What is left of the count goes where most
    sounds, tracks that were heard little before others, apart from the windows before where there is room for that, and
    at most half shared with one of them where not.

    Args:
        sounds: of each track, ten booleans a second.
        duration_s: of the song.
        window_s: seconds.
        count: at most this many windows.

    Returns:
        Starts in seconds, ascending; fewer than `count` where there is no room, ``[0.0]`` in a song shorter than a
        window.
    """
    if duration_s <= window_s:
        return [0.0]
    starts = _grid(duration_s, window_s)
    shares = _shares(sounds, starts, window_s)
    heard = shares[(shares > 0).any(1)]
    chosen = _cover(heard > 0, heard, count)
    while len(chosen) < count:
        distance = np.abs(starts[:, None] - starts[chosen]).min(1, initial=np.inf) / window_s
        apart = distance >= 1 - 1e-9
        if not apart.any():
            apart = distance >= 1 - _HIGHEST_OVERLAP - 1e-9
        if not apart.any():
            break
        before = heard[:, chosen].sum(1)
        gain = (heard / (1.0 + before[:, None])).sum(0)
        chosen.append(int(np.argmax(np.where(apart, gain, -1.0))))
    return [float(starts[index]) for index in sorted(chosen)]


def _grid(duration_s: float, window_s: float) -> NDArray[np.float64]:
    """Starts on the steps of the measurement, a quarter of a window apart at most, the last window at the end."""
    hop = max(1, int(window_s * STEPS_PER_S / 4))
    last = duration_s - window_s
    steps = np.arange(0, int(last * STEPS_PER_S) + 1, hop)
    return np.unique(np.append(np.minimum(steps / STEPS_PER_S, last), last))


def _shares(sounds: Sequence[NDArray[np.bool_]], starts: NDArray[np.float64], window_s: float) -> NDArray[np.float64]:
    """(tracks, starts) which share of the window each track sounds in."""
    first = np.round(starts * STEPS_PER_S).astype(int)
    length = max(1, round(window_s * STEPS_PER_S))
    rows = []
    for steps in sounds:
        total = np.concatenate([[0], np.cumsum(steps)])
        rows.append(total[np.minimum(first + length, len(steps))] - total[np.minimum(first, len(steps))])
    return np.asarray(rows, dtype=np.float64) / length


def _cover(heard: NDArray[np.bool_], shares: NDArray[np.float64], count: int) -> list[int]:
    """Return the fewest windows found that hold every track, or, where `count` are too few for that, the most."""
    chosen: list[int] = []
    left = np.ones(len(heard), dtype=bool)
    while left.any() and len(chosen) < count:
        new = heard[left].sum(0)
        # Among those with most tracks, where these sound longest.
        chosen.append(int(np.argmax(new + shares[left].sum(0) / (1 + left.sum()))))
        left &= ~heard[:, chosen[-1]]
    return _search(heard, shares, count) if left.any() else chosen


def _search(heard: NDArray[np.bool_], shares: NDArray[np.float64], count: int) -> list[int]:
    """Return at most `count` windows that hold as many tracks as any could (maximum coverage, solved exactly)."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    tracks, starts = heard.shape
    # Variables: which windows are taken, then which tracks are heard. The shares break ties and never outweigh a track.
    cost = np.concatenate([-shares.sum(0) / (1.0 + count * tracks), -np.ones(tracks)])
    rules = [
        LinearConstraint(np.concatenate([np.ones(starts), np.zeros(tracks)]), ub=count),
        LinearConstraint(np.hstack([-heard.astype(float), np.eye(tracks)]), ub=0),
    ]
    solved = milp(cost, constraints=rules, integrality=np.ones(starts + tracks), bounds=Bounds(0, 1))
    return [int(index) for index in np.flatnonzero(solved.x[:starts] > 0.5)]
