"""Where a song changes: its sections, found by which tracks play how loud, or given by a person."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError
from fxrep.mixing.tracks import TrackSet
from fxrep.mixing.windows import choose_windows

Array = NDArray[np.floating]
SHORTEST_S = 2.0
"""No section is shorter."""

SHORTEST_FOUND_S = 8.0
"""A section that is found has at least this length."""

MOST_FOUND = 12
_STEPS_PER_S = 10
_BLOCK_S = 5.0
# So far under its loudest a track is not heard, and further down makes no difference.
_FLOOR_DB = -40.0
_MOST_FRAMES = 600
# Before and after a boundary, so much decides where exactly it lies.
_CONTEXT_STEPS = 30
# What a boundary must explain, in multiples of what chance explains.
_EVIDENCE = 3.0


@dataclass(frozen=True)
class SongLevels:
    """How loud each track is over the song.

    Attributes:
        levels_db: (tracks, steps) ten a second, relative to the loudest step of the track, -40 at least.
        duration_s: of the song.
    """

    levels_db: Array
    duration_s: float

    def sounds(self, start_s: float, stop_s: float) -> NDArray[np.bool_]:
        """Return (tracks, steps) whether each track is heard, between two times."""
        first, last = (round(time * _STEPS_PER_S) for time in (start_s, stop_s))
        heard: NDArray[np.bool_] = self.levels_db[:, first:last] > _FLOOR_DB
        return heard

    def windows(self, start_s: float, stop_s: float, window_s: float, count: int) -> list[float]:
        """Return starts of windows in a section where its tracks are heard, as `TrackSet.windows` does for a song."""
        found = choose_windows(list(self.sounds(start_s, stop_s)), stop_s - start_s, window_s, count)
        return [max(0.0, min(start_s + start, self.duration_s - window_s)) for start in found]


def measure_levels(tracks: TrackSet) -> SongLevels:
    """Measure the level of every track over the song, in constant memory."""
    steps = math.ceil(tracks.duration_s * _STEPS_PER_S)
    energy = np.zeros((len(tracks), steps))
    for row, recording in zip(energy, tracks.recordings.values(), strict=True):
        reader = recording.reader(recording.rate, round(_BLOCK_S * recording.rate))
        position = 0
        while (block := reader.read()).shape[-1]:
            squares = block.square().mean(0).double().numpy()
            places = (position + np.arange(len(squares))) * _STEPS_PER_S // recording.rate
            row += np.bincount(np.minimum(places, steps - 1), squares, steps)
            position += len(squares)
    loudest = np.maximum(energy.max(1, keepdims=True), 1e-12)
    levels = 10.0 * np.log10(np.maximum(energy / loudest, 10.0 ** (_FLOOR_DB / 10.0)))
    return SongLevels(levels, tracks.duration_s)


def find_sections(levels: SongLevels, sections: str | int | float | Sequence[float]) -> list[float]:
    """Return where the sections of a song begin, the first at 0.

    Args:
        levels: of the tracks.
        sections: ``auto``: where it changes which tracks play how loud, if it does; a whole number: so many, where it
            changes most; times in seconds: there. Text is read as one of these: ``3`` is a number of sections, ``3.0``
            and ``12,45.5`` are times.

    Returns:
        Seconds, ascending.

    Raises:
        ArgumentError: it is none of these, or a section would be shorter than two seconds.
    """
    wanted = _parse(sections)
    if wanted is None:
        return _split(levels, None)
    if isinstance(wanted, int):
        if not 1 <= wanted * SHORTEST_S <= max(levels.duration_s, SHORTEST_S):
            most = max(1, int(levels.duration_s / SHORTEST_S))
            raise ArgumentError(f"sections is {wanted}; a song of {levels.duration_s:.1f} s can have 1 to {most}")
        return _split(levels, wanted)
    starts = sorted({0.0, *wanted})
    for start, stop in zip(starts, [*starts[1:], levels.duration_s], strict=True):
        if stop - start < SHORTEST_S and len(starts) > 1:
            raise ArgumentError(
                f"the section from {start:g} to {stop:g} s is shorter than {SHORTEST_S:g} s; the song ends at "
                f"{levels.duration_s:.1f} s: give times further apart"
            )
    return starts


def check_sections(sections: object) -> None:
    """Refuse what does not say where sections are, before anything is measured.

    Raises:
        ArgumentError: it is neither ``auto`` nor a number nor times.
    """
    _parse(sections)


def _parse(sections: object) -> int | list[float] | None:
    if isinstance(sections, str):
        return _parse_text(sections)
    if isinstance(sections, int) and not isinstance(sections, bool):
        if sections < 1:
            raise ArgumentError(f"sections is {sections}; expected 1 or more")
        return sections
    times: list[Any] = list(sections) if isinstance(sections, (list, tuple)) else [sections]
    if not times or not all(is_number(time) and 0.0 <= time < math.inf for time in times):
        raise ArgumentError(f"sections is {sections!r:.60}; expected 'auto', a number of sections, or times in seconds")
    return [float(time) for time in times]


def _parse_text(text: str) -> int | list[float] | None:
    if text.strip() == "auto":
        return None
    try:
        if text.strip().isdecimal():
            return _parse(int(text))
        return _parse([float(word) for word in text.split(",")])
    except ValueError:
        raise ArgumentError(
            f"sections is {text!r}; expected auto, a number of sections as 3, or times in seconds as 12,45.5"
        ) from None


def _split(levels: SongLevels, wanted: int | None) -> list[float]:
    """Cut the song into the stretches within which the levels differ least (exact, by dynamic programming)."""
    size = max(_STEPS_PER_S, math.ceil(levels.levels_db.shape[1] / _MOST_FRAMES))
    count = max(1, levels.levels_db.shape[1] // size)
    frames = levels.levels_db[:, : count * size].reshape(len(levels.levels_db), count, -1).mean(-1).T
    frame_s = size / _STEPS_PER_S
    shortest = max(1, math.ceil((SHORTEST_FOUND_S if wanted is None else SHORTEST_S) / frame_s))
    if wanted is not None:
        shortest = min(shortest, max(1, count // wanted))
    most = min(MOST_FOUND, count // shortest) if wanted is None else min(wanted, count)
    if most < 2:
        return [0.0]
    costs, cuts = _partitions(frames, shortest, most)
    pieces = most - 1 if wanted is not None else _best_count(frames, costs)
    places = [count]
    for piece in range(pieces, 0, -1):
        places.insert(0, int(cuts[piece, places[0]]))
    steps = [0, *(place * size for place in places)]
    for number in range(1, len(steps) - 1):
        low, high = steps[number - 1] + shortest * size, steps[number + 1] - shortest * size
        steps[number] = _sharpen(levels.levels_db, steps[number], size, low, high)
    return [step / _STEPS_PER_S for step in steps[:-1]]


def _sharpen(levels_db: Array, place: int, reach: int, low: int, high: int) -> int:
    """Return the step, at most a frame away, at which what comes before and what comes after differ most."""
    reach_low, reach_high = max(low, place - reach), min(high, place + reach)
    first, last = max(0, place - _CONTEXT_STEPS), min(levels_db.shape[1], place + _CONTEXT_STEPS)
    around = levels_db[:, first:last]
    candidates = range(max(1, reach_low - first), min(last - first - 1, reach_high - first) + 1)
    within = [sum(float(part.var(1).sum()) * part.shape[1] for part in np.split(around, [at], 1)) for at in candidates]
    return first + candidates[int(np.argmin(within))] if within else place


def _partitions(frames: Array, shortest: int, most: int) -> tuple[Array, NDArray[np.int64]]:
    """Return the least cost of the frames in 1 to `most` pieces, and where the last piece of each begins.

    Returns:
        (most,) sums of squares around the means of the pieces, and (most, frames + 1) beginnings of the last piece of
        the best partition of so many first frames.
    """
    count = len(frames)
    total = np.concatenate([np.zeros((1, frames.shape[1])), np.cumsum(frames, 0)])
    squares = np.concatenate([[0.0], np.cumsum((frames**2).sum(1))])
    first, last = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
    length = last - first
    # (sum over the piece)² summed over the tracks, without holding all pieces of all tracks at once.
    norm = (total**2).sum(1)
    between = norm[None] + norm[:, None] - 2.0 * (total @ total.T)
    cost = squares[None] - squares[:, None] - between / np.maximum(length, 1)
    cost[length < shortest] = np.inf
    best = np.full((most, count + 1), np.inf)
    cuts = np.zeros((most, count + 1), dtype=np.int64)
    best[0] = cost[0]
    for piece in range(1, most):
        candidates = best[piece - 1][:, None] + cost
        cuts[piece] = candidates.argmin(0)
        best[piece] = candidates.min(0)
    return best[:, -1], cuts


def _best_count(frames: Array, costs: Array) -> int:
    """Return how many boundaries are worth it: each must explain more than chance would."""
    # Half the mean square of the steps from frame to frame: the spread that is there without any boundary.
    spread = float(np.median(np.square(np.diff(frames, axis=0)).sum(1))) / 2.0 if len(frames) > 1 else 0.0
    spread = max(spread, 0.25 * frames.shape[1])
    penalty = _EVIDENCE * spread * math.log(max(2, len(frames)))
    return int(np.argmin(costs + penalty * np.arange(len(costs))))
