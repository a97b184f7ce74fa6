"""What the bass plays: roots, octaves, walking lines and syncopations under the chords."""

from __future__ import annotations

import numpy as np

from fxrep.data.synthesis.composition.harmony import ScoreChord
from fxrep.data.synthesis.composition.sketch import Sketch
from fxrep.data.synthesis.notes import ScoreNote

LOWEST = 28


def write_bass(sketch: Sketch, generator: np.random.Generator) -> list[ScoreNote]:
    """One line for the verse and another for the rest. Articulation ``"slide"`` glides from the note before."""
    habits = {name: str(generator.choice(sketch.style.bass)) for name in ("verse", "other")}
    pattern = generator.random(64)
    length = float(generator.uniform(0.55, 0.98))
    top = int(generator.integers(41, 50))
    notes: list[ScoreNote] = []
    for bar, section in sketch.bars_of("bass"):
        habit = habits.get(section.name, habits["other"])
        for chord in sketch.chords_in(bar):
            root = LOWEST + (chord.pitch_classes[0] - LOWEST) % 12
            root += 12 if root + 12 <= top and pattern[chord.degree] < 0.5 else 0
            following = sketch.chord_at(chord.beat + chord.beats)
            for beat, beats, pitch, velocity in _line(habit, chord, root, following, pattern, generator):
                touch = float(np.clip(velocity * (0.75 + 0.25 * section.intensity), 0.2, 1.0))
                slide = "slide" if notes and generator.random() < 0.08 else ""
                notes.append(ScoreNote(beat, beats * length, pitch, touch, slide))
    return notes


def _line(
    habit: str,
    chord: ScoreChord,
    root: int,
    following: ScoreChord,
    pattern: np.ndarray,
    generator: np.random.Generator,
) -> list[tuple[float, float, float, float]]:
    """(beat, beats, pitch, velocity) of the notes under one chord."""
    fifth = root + (chord.pitch_classes[2] - chord.pitch_classes[0]) % 12
    start, span = chord.beat, chord.beats
    if habit == "sustained":
        return [(start, span, root, 0.85)]
    if habit == "walking":
        return _walk(chord, root, following, generator)
    if habit == "roots":
        second = [(start + span / 2, span / 2, fifth if pattern[8] < 0.4 else root, 0.75)] if span >= 2 else []
        return [(start, span / 2 if second else span, root, 0.9), *second]
    step = {"sixteenths": 0.25, "syncopated": 0.25, "offbeat": 0.5}.get(habit, 0.5)
    line = []
    for index in range(int(span / step)):
        draw = pattern[(9 + index) % 64]
        strong = index * step % 1.0 == 0
        pitch = float(root)
        if habit == "offbeat" and strong:
            continue
        if habit == "syncopated":
            if index > 0 and draw > 0.36:
                continue
            pitch = root if draw > 0.12 or index == 0 else float(generator.choice([fifth, root + 12, root]))
        elif habit == "octaves":
            pitch = root if strong else root + 12
        elif draw < 0.1 and index > 2:
            pitch = fifth
        line.append((start + index * step, step * (1.6 if habit == "syncopated" else 1.0), pitch, 0.9 - 0.2 * draw))
    return line


def _walk(
    chord: ScoreChord, root: int, following: ScoreChord, generator: np.random.Generator
) -> list[tuple[float, float, float, float]]:
    """A quarter note a beat: root, chord tones, and a last one a step away from the root to come."""
    line = []
    target = LOWEST + (following.pitch_classes[0] - LOWEST) % 12
    tones = [root + (pitch - chord.pitch_classes[0]) % 12 for pitch in chord.pitch_classes]
    count = max(1, int(chord.beats))
    for index in range(count):
        if index == 0:
            pitch = root
        elif index == count - 1:
            pitch = target + int(generator.choice([-2, -1, 1, 2]))
        else:
            pitch = int(generator.choice(tones))
        line.append((chord.beat + index, 1.0, float(pitch), 0.8 - 0.1 * (index % 2)))
    return line
