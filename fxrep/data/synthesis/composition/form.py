"""The form of a song: sections, which parts play in them, and how beats become seconds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

STEPS_PER_BEAT = 4


@dataclass(frozen=True)
class Clock:
    """Tempo and metre; turns written beats into seconds, swung.

    Attributes:
        tempo_bpm: beats per minute.
        beats_per_bar: beats to the bar.
        swing: share of the first half of a swung pair, 0.5 is straight.
        swing_beats: length of a swung pair in beats.
    """

    tempo_bpm: float
    beats_per_bar: int
    swing: float
    swing_beats: float

    @property
    def bar_s(self) -> float:
        """Length of a bar in seconds."""
        return self.beats_per_bar * 60.0 / self.tempo_bpm

    def seconds(self, beat: float) -> float:
        """When a written beat sounds, in seconds."""
        pair, position = divmod(beat / self.swing_beats, 1.0)
        swung = position * 2 * self.swing if position < 0.5 else self.swing + (position - 0.5) * 2 * (1 - self.swing)
        return (pair + swung) * self.swing_beats * 60.0 / self.tempo_bpm


@dataclass(frozen=True)
class ScoreSection:
    """A section in bars: its name, where it is, how intense (0 to 1), and the parts that play."""

    name: str
    first_bar: int
    bars: int
    intensity: float
    parts: tuple[str, ...]


INTENSITY = {"intro": 0.45, "verse": 0.6, "prechorus": 0.75, "chorus": 0.95, "bridge": 0.55, "outro": 0.5}

# How likely a kind of part plays in a kind of section; a chorus is nearly full, a bridge thins out.
PRESENCE = {
    "intro": {"drums": 0.45, "bass": 0.5, "harmony": 0.6, "melody": 0.3, "percussion": 0.5},
    "verse": {"drums": 0.93, "bass": 0.93, "harmony": 0.65, "melody": 0.6, "percussion": 0.6},
    "prechorus": {"drums": 0.9, "bass": 0.9, "harmony": 0.75, "melody": 0.6, "percussion": 0.7},
    "chorus": {"drums": 1.0, "bass": 1.0, "harmony": 0.93, "melody": 0.85, "percussion": 0.9},
    "bridge": {"drums": 0.5, "bass": 0.7, "harmony": 0.6, "melody": 0.6, "percussion": 0.5},
    "outro": {"drums": 0.7, "bass": 0.8, "harmony": 0.8, "melody": 0.5, "percussion": 0.6},
}
LEAST_SHARE = 0.5
"""Every part plays in at least this share of the bars."""


def draw_form(bars: int, kinds: dict[str, str], generator: np.random.Generator) -> list[ScoreSection]:
    """Lay out `bars` bars in sections; `kinds` gives each part its kind, a key of the rows of `PRESENCE`."""
    names = _section_names(bars, generator)
    lengths = _section_lengths(bars, len(names))
    presence = [{part for part, kind in kinds.items() if generator.random() < PRESENCE[name][kind]} for name in names]
    for part in kinds:
        _ensure_presence(part, presence, lengths, bars, generator)
    sections, first = [], 0
    for name, length, parts in zip(names, lengths, presence, strict=True):
        intensity = float(np.clip(INTENSITY[name] + generator.normal(0, 0.06), 0.3, 1.0))
        sections.append(ScoreSection(name, first, length, intensity, tuple(part for part in kinds if part in parts)))
        first += length
    return sections


def _ensure_presence(
    part: str, presence: list[set[str]], lengths: list[int], bars: int, generator: np.random.Generator
) -> None:
    for index in generator.permutation(len(presence)):
        played = sum(length for length, parts in zip(lengths, presence, strict=True) if part in parts)
        if played >= LEAST_SHARE * bars:
            return
        presence[int(index)].add(part)


def _section_names(bars: int, generator: np.random.Generator) -> list[str]:
    phrase = 2 if bars < 20 else 4 if bars < 80 else 8
    slots = max(2, round(bars / phrase))
    names = ["intro"] if slots >= 4 and generator.random() < 0.8 else []
    cycle = ["verse", "verse"] if slots >= 8 and generator.random() < 0.6 else ["verse"]
    cycle += ["prechorus"] if slots >= 7 and generator.random() < 0.5 else []
    cycle += ["chorus", "chorus"] if slots >= 6 and generator.random() < 0.5 else ["chorus"]
    if generator.random() < 0.2:
        cycle = cycle[::-1]
    ending = ["outro"] if slots >= 6 and generator.random() < 0.6 else []
    while len(names) + len(ending) < slots:
        names += cycle
        if len(names) >= slots // 2 and "bridge" not in names and generator.random() < 0.5:
            names.append("bridge")
    return names[: slots - len(ending)] + ending


def _section_lengths(bars: int, sections: int) -> list[int]:
    edges = [round(index * bars / sections) for index in range(sections + 1)]
    return [max(1, after - before) for before, after in itertools.pairwise(edges)]
