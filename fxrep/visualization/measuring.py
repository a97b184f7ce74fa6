"""The features of points, measured from their audio: what maps are coloured and clusters are named by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fxrep.audio import load_audio
from fxrep.errors import FxrepError
from fxrep.progress import track_progress
from fxrep.retrieval import ASPECTS
from fxrep.retrieval.database import Level

Progress = Callable[[str, int, int], None]
"""Called with what is done, how much of it, and of how much; an error that it raises ends the work.

Of how much is 0 where nobody can tell, as while a map is fitted.
"""
RATE = 44100
PASSAGE_S = 10.0
PASSAGES = 3


class Part(NamedTuple):
    """What is measured for a point: a part of a file."""

    path: str
    start_s: float
    duration_s: float


def measure_part(part: Part, level: Level) -> np.ndarray:
    """Features in the order of `ASPECTS`, float32 ``(F,)``; NaN where there is nothing to measure.

    Of a window all of it; of a longer song three passages of ten seconds about its quarters, averaged.

    Raises:
        AudioError: it cannot be read, is silent or shorter than half a second.
    """
    from fxrep.metrics import mix_features

    rows = []
    for start_s, duration_s in passages(part, level):
        audio, rate = load_audio(part.path, start_s=start_s, duration_s=duration_s, sample_rate=RATE, channels=2)
        found = mix_features(audio.numpy(), rate)
        rows.append([found[aspect.feature] for aspect in ASPECTS])
    return np.asarray(np.mean(rows, axis=0), dtype=np.float32)


def passages(part: Part, level: Level) -> list[tuple[float, float]]:
    """Start and length in seconds of what is measured."""
    if level == "window" or part.duration_s <= PASSAGES * PASSAGE_S:
        return [(part.start_s, part.duration_s)]
    centres = [part.duration_s * number / (PASSAGES + 1) for number in range(1, PASSAGES + 1)]
    return [(centre - PASSAGE_S / 2, PASSAGE_S) for centre in centres]


def measure_parts(
    parts: Iterable[Part], total: int, level: Level, progress: Progress | None = None
) -> Iterator[tuple[np.ndarray | None, str]]:
    """Features of parts one after another; None and the reason where one cannot be measured."""
    missing: dict[str, str] = {}
    for number, part in enumerate(track_progress(parts, "features", total) if progress is None else parts):
        if progress is not None:
            progress("measuring features", number, total)
        if part.path not in missing and not Path(part.path).is_file():
            missing[part.path] = "does not exist: check the path"
        if part.path in missing:
            yield None, missing[part.path]
            continue
        try:
            yield measure_part(part, level), ""
        except FxrepError as error:
            yield None, str(error).removeprefix(part.path).lstrip(": ")
