"""What every part of a song agrees on: style, clock, key, form and chords."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fxrep.data.synthesis.composition.form import Clock, ScoreSection, draw_form
from fxrep.data.synthesis.composition.harmony import Key, ScoreChord, build_chord, draw_key, draw_progression
from fxrep.data.synthesis.composition.style import Style, draw_style


@dataclass(frozen=True)
class Sketch:
    """The plan of a song, before anybody plays."""

    style: Style
    clock: Clock
    key: Key
    bars: int
    sections: tuple[ScoreSection, ...]
    chords: tuple[ScoreChord, ...]

    def bars_of(self, part: str) -> Iterator[tuple[int, ScoreSection]]:
        """The bars in which a part plays, with their section."""
        for section in self.sections:
            if part in section.parts:
                for bar in range(section.first_bar, section.first_bar + section.bars):
                    yield bar, section

    def chords_in(self, bar: int) -> list[ScoreChord]:
        """The chords that sound in a bar, each cut to the bar."""
        beats = self.clock.beats_per_bar
        low, high = bar * beats, (bar + 1) * beats
        found = []
        for chord in self.chords:
            start, end = max(chord.beat, low), min(chord.beat + chord.beats, high)
            if start < end:
                found.append(ScoreChord(start, end - start, chord.degree, chord.pitch_classes, chord.name))
        return found

    def chord_at(self, beat: float) -> ScoreChord:
        """The chord that sounds at a beat."""
        return next((chord for chord in self.chords if chord.beat <= beat < chord.beat + chord.beats), self.chords[-1])

    def starts_section(self, bar: int) -> bool:
        """Whether a section begins at this bar."""
        return any(section.first_bar == bar for section in self.sections)


def draw_sketch(duration_s: float, kinds: dict[str, str], generator: np.random.Generator) -> Sketch:
    """Draw the plan of a song of `duration_s` seconds; `kinds` names its parts and their kind (see `draw_form`)."""
    style = draw_style(generator)
    low, high = style.tempo_bpm
    clock = Clock(
        tempo_bpm=round(float(generator.uniform(low, high)), 1),
        beats_per_bar=int(generator.choice(style.beats)),
        swing=float(generator.uniform(*style.swing)),
        swing_beats=style.swing_beats,
    )
    key = draw_key(generator)
    bars = max(1, math.ceil(duration_s / clock.bar_s))
    sections = tuple(draw_form(bars, kinds, generator))
    return Sketch(style, clock, key, bars, sections, tuple(_draw_chords(style, clock, key, sections, generator)))


def _draw_chords(
    style: Style, clock: Clock, key: Key, sections: tuple[ScoreSection, ...], generator: np.random.Generator
) -> list[ScoreChord]:
    """One progression per kind of section, repeated as often as the section has room for."""
    beats = clock.beats_per_bar
    rhythms = {2: [2.0], 3: [3.0], 4: [4.0, 4.0, 4.0, 2.0, 8.0], 5: [5.0], 6: [6.0, 6.0, 3.0], 7: [7.0]}
    progressions: dict[str, tuple[list[int], float]] = {}
    chords: list[ScoreChord] = []
    for section in sections:
        if section.name not in progressions:
            length = int(generator.choice([2, 3, 4, 4, 4, 4, 6, 8]))
            progressions[section.name] = (draw_progression(length, generator), float(generator.choice(rhythms[beats])))
        degrees, span = progressions[section.name]
        beat, end = float(section.first_bar * beats), float((section.first_bar + section.bars) * beats)
        index = 0
        while beat < end:
            length_beats = min(span, end - beat)
            degree = degrees[index % len(degrees)]
            chords.append(build_chord(key, degree, beat, length_beats, style.richness, generator))
            beat, index = beat + length_beats, index + 1
    return chords
