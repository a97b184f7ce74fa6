"""How players play a score: their timing, their touch, and the phrases they shape."""

from __future__ import annotations

import numpy as np

from fxrep.data.synthesis.composition.form import Clock
from fxrep.data.synthesis.notes import Note, ScoreNote


def perform(
    notes: list[ScoreNote],
    clock: Clock,
    looseness_ms: float,
    duration_s: float,
    generator: np.random.Generator,
) -> list[Note]:
    """Play written notes: swing, a lag that this player keeps, jitter around it, and dynamics that breathe.

    Timing errors of players drift: each deviation keeps half of the one before (a first-order
    autoregression), with `looseness_ms` as its standard deviation. Notes that would start after `duration_s` are
    left out; the result is in order of time.
    """
    lag_s = float(generator.normal(0.0, 0.5 * looseness_ms / 1000.0))
    touch_spread = float(generator.uniform(0.03, 0.09))
    arc_beats = clock.beats_per_bar * float(generator.choice([2, 4]))
    arc = float(generator.uniform(0.0, 0.1))
    played = []
    error_s = 0.0
    last_beat = -1.0
    for note in sorted(notes, key=lambda item: (item.beat, item.pitch)):
        if note.beat != last_beat:
            error_s = 0.5 * error_s + 0.866 * float(generator.normal(0.0, looseness_ms / 1000.0))
            last_beat = note.beat
        own_s = float(generator.normal(0.0, 0.15 * looseness_ms / 1000.0))
        start_s = max(0.0, clock.seconds(note.beat) + lag_s + error_s + own_s)
        end_s = clock.seconds(note.beat + note.beats) + lag_s
        swell = arc * float(np.sin(np.pi * (note.beat % arc_beats) / arc_beats))
        velocity = float(np.clip(note.velocity + swell + generator.normal(0.0, touch_spread), 0.05, 1.0))
        if start_s < duration_s - 0.02:
            length_s = max(end_s - start_s, 0.03)
            played.append(Note(start_s, length_s, note.pitch, velocity, note.articulation, note.voice))
    return sorted(played, key=lambda item: (item.start_s, item.pitch))
