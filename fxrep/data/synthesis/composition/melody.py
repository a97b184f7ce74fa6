"""What the singer, the lead and the flute play: motifs that return, varied, over the chords."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fxrep.data.synthesis.composition.sketch import Sketch
from fxrep.data.synthesis.notes import ScoreNote


@dataclass(frozen=True)
class Manner:
    """How a melodic part moves.

    Attributes:
        center: MIDI pitch around which it stays, and `reach` the semitones it goes up or down.
        lengths: note lengths in beats to choose from, with `weights`.
        rest: share of a motif's time that is silent.
        leap: probability of moving by more than a step.
    """

    center: float
    reach: float
    lengths: tuple[float, ...]
    weights: tuple[float, ...]
    rest: float
    leap: float


def draw_manner(part: str, generator: np.random.Generator) -> Manner:
    """How `part` ("vocals", "lead" or "winds") moves in this song."""
    if part == "vocals":
        center = float(generator.choice([50, 53, 57, 60, 64]) + generator.uniform(-2, 2))
        return Manner(center, 8, (0.5, 1.0, 1.5, 2.0, 0.25), (0.36, 0.3, 0.14, 0.14, 0.06), 0.22, 0.25)
    center = float(generator.uniform(66, 82))
    if generator.random() < 0.5:
        return Manner(center, 11, (0.25, 0.5, 1.0), (0.4, 0.45, 0.15), 0.25, 0.4)
    return Manner(center, 10, (0.5, 1.0, 2.0, 3.0), (0.3, 0.3, 0.3, 0.1), 0.2, 0.3)


Motif = list[tuple[float, float, int]]  # onset and length in beats, steps of the scale from the motif's first note


def write_melody(sketch: Sketch, part: str, generator: np.random.Generator) -> list[ScoreNote]:
    """Two motifs a kind of section, in the order A A B A', each fitted to the chords it meets.

    `voice` counts vowels for the singer; articulation ``"legato"`` binds a note to the one before it.
    """
    manner = draw_manner(part, generator)
    beats = sketch.clock.beats_per_bar
    # Long bars at a slow tempo hold a motif each; short ones share it.
    span = beats if sketch.clock.bar_s > 1.9 else 2 * beats
    motifs: dict[str, list[Motif]] = {}
    notes: list[ScoreNote] = []
    for section in sketch.sections:
        if part not in section.parts:
            continue
        kind = section.name if section.name in ("verse", "chorus") else "other"
        motifs.setdefault(kind, [_draw_motif(manner, span, generator) for _ in range(2)])
        first, last = section.first_bar * beats, (section.first_bar + section.bars) * beats
        for index in range(int(np.ceil((last - first) / span))):
            motif = motifs[kind][1 if index % 4 == 2 else 0]
            if index % 4 == 3:
                motif = _vary(motif, generator)
            anchor = sketch.key.step_near(manner.center + generator.normal(0, manner.reach / 4))
            notes += _fit(sketch, manner, motif, first + index * span, last, anchor, section.intensity, generator)
    return notes


def _draw_motif(manner: Manner, span: float, generator: np.random.Generator) -> Motif:
    motif: Motif = []
    position = float(generator.choice([0.0, 0.0, 0.5, 1.0]))
    step = 0
    end = span * (1.0 - manner.rest * float(generator.uniform(0.4, 1.4)))
    while position < end:
        length = float(generator.choice(manner.lengths, p=manner.weights))
        if generator.random() > 0.08:
            motif.append((position, min(length, span - position), step))
        position += length
        size = int(generator.integers(2, 5)) if generator.random() < manner.leap else int(generator.integers(0, 2))
        direction = -1 if step > 3 else 1 if step < -3 else int(generator.choice([-1, 1]))
        step += direction * size
    return motif or [(0.0, span / 2, 0)]


def _vary(motif: Motif, generator: np.random.Generator) -> Motif:
    """The same rhythm with another ending."""
    kept = max(1, len(motif) // 2)
    tail = [(onset, length, step + int(generator.integers(-2, 3))) for onset, length, step in motif[kept:]]
    return motif[:kept] + tail


def _fit(
    sketch: Sketch,
    manner: Manner,
    motif: Motif,
    first_beat: float,
    last_beat: float,
    anchor: int,
    intensity: float,
    generator: np.random.Generator,
) -> list[ScoreNote]:
    notes: list[ScoreNote] = []
    for onset, length, step in motif:
        beat = first_beat + onset
        if beat >= last_beat:
            break
        pitch = sketch.key.pitch(anchor + step)
        while pitch > manner.center + manner.reach:
            pitch -= 12
        while pitch < manner.center - manner.reach:
            pitch += 12
        if beat % 1.0 == 0 and (length >= 1 or generator.random() < 0.5):
            tones = sketch.chord_at(beat).pitch_classes
            pitch = min(range(pitch - 3, pitch + 4), key=lambda near: (near % 12 not in tones, abs(near - pitch)))
        touching = bool(notes) and abs(notes[-1].beat + notes[-1].beats - beat) < 0.3
        bound = "legato" if touching and generator.random() < 0.45 else ""
        velocity = float(np.clip(0.5 + 0.3 * intensity + (0.08 if beat % 2 == 0 else 0.0), 0.2, 1.0))
        held = length * (1.0 if bound else float(generator.uniform(0.8, 0.97)))
        notes.append(ScoreNote(beat, held, pitch, velocity, bound, int(generator.integers(0, 64))))
    return notes
