"""What guitar, keys, pad and strings play: the chords, each in its own rhythm and register."""

from __future__ import annotations

import numpy as np

from fxrep.data.synthesis.composition.harmony import ScoreChord, voice_chord
from fxrep.data.synthesis.composition.sketch import Sketch
from fxrep.data.synthesis.notes import ScoreNote

# Onsets in beats of rhythmic figures, repeated every four beats (or cut to the chord).
FIGURES = {
    "strum": ((0, 1, 1.5, 2.5, 3, 3.5), (0, 1, 2, 2.5, 3.5), (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), (0, 1.5, 2, 3)),
    "chop": ((0.5, 1.25, 2.5, 3.25), (1, 3), (0.75, 1.5, 2.75, 3.5), (0, 0.75, 1.5, 2.25, 3, 3.75)),
    "offbeat": ((0.5, 1.5, 2.5, 3.5), (1, 3), (0.5, 1.5, 2.5, 3.25, 3.5)),
    "power": ((0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), (0, 1.5, 3), (0, 0.75, 1.5, 2, 2.75, 3.5)),
    "comp": ((0, 1.5, 3.5), (0, 2.5), (0.5, 1.5, 3), (0, 0.75, 2.5), (1.5, 2, 3.5)),
    "stabs": ((0, 0.75, 1.5), (0, 1.5, 2.75), (0.25, 1, 2.5, 3.25), (0, 0.5, 2.25)),
    "block": ((0, 2), (0,), (0, 1, 2, 3)),
}
SHORT = {"chop": 0.3, "offbeat": 0.35, "stabs": 0.3, "power": 0.45}


def write_guitar(sketch: Sketch, generator: np.random.Generator) -> list[ScoreNote]:
    """Strums, chops, power chords or picked figures; `voice` is the string, articulation ``"muted"`` a damped one."""
    habits = {name: str(generator.choice(sketch.style.guitar)) for name in ("verse", "other")}
    center = float(generator.uniform(52, 64))
    return _chord_part(sketch, "guitar", habits, center, int(generator.integers(4, 7)), generator, strummed=True)


def write_keys(sketch: Sketch, generator: np.random.Generator) -> list[ScoreNote]:
    """Comping, blocks, stabs or broken chords of three to five notes."""
    habits = {name: str(generator.choice(sketch.style.keys)) for name in ("verse", "other")}
    center = float(generator.uniform(56, 70))
    return _chord_part(sketch, "keys", habits, center, int(generator.integers(3, 5)), generator, strummed=False)


def write_sustained(sketch: Sketch, part: str, center: float, generator: np.random.Generator) -> list[ScoreNote]:
    """Chords held as long as they last, for pads, strings and brass; notes that stay are not struck again."""
    count = int(generator.integers(3, 5))
    short = generator.random() < (0.6 if part == "brass" else 0.0)
    figure = FIGURES["stabs"][int(generator.integers(4))]
    notes: list[ScoreNote] = []
    previous: list[int] = []
    for bar, section in sketch.bars_of(part):
        for chord in sketch.chords_in(bar):
            previous = voice_chord(chord, center, count, previous)
            velocity = 0.5 + 0.35 * section.intensity
            onsets = [onset for onset in figure if onset < chord.beats] if short else [0.0]
            length = min(0.6, chord.beats) if short else chord.beats
            for onset in onsets:
                for voice, pitch in enumerate(previous):
                    start = chord.beat + onset
                    notes.append(ScoreNote(start, length, pitch, velocity, "", voice))
    return notes if short else _tie(notes)


def _tie(notes: list[ScoreNote]) -> list[ScoreNote]:
    """Join a note to the next of the same pitch when nothing is between them."""
    tied: list[ScoreNote] = []
    ringing: dict[float, int] = {}
    for note in notes:
        index = ringing.get(note.pitch)
        if index is not None and abs(tied[index].beat + tied[index].beats - note.beat) < 1e-6 and tied[index].beats < 8:
            old = tied[index]
            tied[index] = ScoreNote(old.beat, old.beats + note.beats, old.pitch, old.velocity, "", old.voice)
        else:
            ringing[note.pitch] = len(tied)
            tied.append(note)
    return tied


def _chord_part(
    sketch: Sketch,
    part: str,
    habits: dict[str, str],
    center: float,
    count: int,
    generator: np.random.Generator,
    *,
    strummed: bool,
) -> list[ScoreNote]:
    figures = {
        name: FIGURES[habit][int(generator.integers(len(FIGURES[habit])))] if habit in FIGURES else ()
        for name, habit in habits.items()
    }
    order = _arpeggio_order(count, generator)
    step = float(generator.choice([0.25, 0.5, 0.5])) if sketch.clock.tempo_bpm < 125 else 0.5
    notes: list[ScoreNote] = []
    previous: list[int] = []
    for bar, section in sketch.bars_of(part):
        name = section.name if section.name in habits else "other"
        habit = habits[name]
        for chord in sketch.chords_in(bar):
            played = 2 if habit == "power" else 2 if habit == "riff" else count
            previous = voice_chord(chord, center - (8 if habit == "power" else 0), played, previous)
            level = 0.5 + 0.35 * section.intensity
            if habit in ("arpeggio", "riff"):
                notes += _arpeggio(chord, previous, order, step, level, generator)
            else:
                notes += _struck(chord, previous, figures[name], habit, level, strummed, generator)
    return notes


def _arpeggio_order(count: int, generator: np.random.Generator) -> list[int]:
    order = list(range(count))
    shape = int(generator.integers(4))
    if shape == 1:
        order = order[::-1]
    elif shape == 2:
        order = order + order[-2:0:-1]
    elif shape == 3:
        order = [int(index) for index in generator.integers(0, count, int(generator.choice([6, 8])))]
    return order


def _arpeggio(
    chord: ScoreChord,
    pitches: list[int],
    order: list[int],
    step: float,
    level: float,
    generator: np.random.Generator,
) -> list[ScoreNote]:
    notes = []
    for index in range(int(chord.beats / step)):
        if index and generator.random() < 0.1:
            continue
        voice = order[index % len(order)] % len(pitches)
        accent = 0.12 if index * step % 1.0 == 0 else 0.0
        notes.append(ScoreNote(chord.beat + index * step, step * 1.8, pitches[voice], level - 0.1 + accent, "", voice))
    return notes


def _struck(
    chord: ScoreChord,
    pitches: list[int],
    figure: tuple[float, ...],
    habit: str,
    level: float,
    strummed: bool,
    generator: np.random.Generator,
) -> list[ScoreNote]:
    notes = []
    within = chord.beat % 4.0
    onsets = [onset - within for onset in figure if 0 <= onset - within < chord.beats] or [0.0]
    for index, onset in enumerate(onsets):
        end = onsets[index + 1] if index + 1 < len(onsets) else chord.beats
        length = min(SHORT.get(habit, 8.0), end - onset)
        upward = strummed and onset % 1.0 != 0
        lag = float(generator.uniform(0.008, 0.03)) if strummed else float(generator.uniform(0.0, 0.008))
        muted = "muted" if strummed and habit in ("chop", "power") and generator.random() < 0.35 else ""
        chosen = list(enumerate(pitches))
        if upward:
            chosen = chosen[::-1][: max(2, len(chosen) - 2)]
        for place, (voice, pitch) in enumerate(chosen):
            velocity = float(np.clip(level + (0.1 if onset % 2 == 0 else -0.08) - 0.02 * place, 0.15, 1.0))
            notes.append(ScoreNote(chord.beat + onset + place * lag, length, pitch, velocity, muted, voice))
    return notes
