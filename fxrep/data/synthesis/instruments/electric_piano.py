"""Electric piano: frequency modulation, a soft body and a bell-like tine that answers to the touch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.envelopes import adsr, control_times, falling, note_hz, wander
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.oscillators import SINE, add_fm
from fxrep.data.synthesis.placement import note_span


def play_electric_piano(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render electric piano, (length,). Louder notes have more modulation, so more overtones."""
    body_ratio = float(generator.choice([1.0, 1.0, 1.0, 2.0]))
    body_index = generator.uniform(0.5, 2.4)
    tine_ratio = float(generator.choice([7.0, 9.0, 11.0, 14.0]))
    tine_level = generator.uniform(0.06, 0.35)
    tine_s = generator.uniform(0.04, 0.25)
    ring_s = generator.uniform(0.8, 2.2)
    detune = generator.uniform(0.01, 0.07)
    tremolo_hz, tremolo = generator.uniform(3.5, 6.5), generator.uniform(0, 0.12)
    out = np.zeros(length)
    for note in notes:
        decay_s = ring_s * 2 ** ((60 - note.pitch) / 24)
        start, count = note_span(note, min(note.duration_s, 3 * decay_s) + 0.12, length, sample_rate)
        times = control_times(count, sample_rate)
        pitch = note.pitch + generator.normal(0, 0.015) + 0.01 * wander(len(times), 60, generator)
        hz = note_hz(0.0) * np.exp2(pitch / 12)
        touch = note.velocity * generator.uniform(0.9, 1.1)
        level = 0.5 * touch * adsr(times, 0.002, decay_s, 0.0, 0.1, note.duration_s)
        level *= 1 - tremolo * (1 + np.sin(2 * np.pi * tremolo_hz * (note.start_s + times)))
        room = 0.46 * sample_rate / float(hz.max())
        index = body_index * (0.15 + 1.3 * touch**1.5) * (0.35 + 0.65 * falling(times, 0.4 * decay_s))
        index = np.minimum(index, max(0.0, (room - 1) / body_ratio - 2))
        add_fm(out, start, count, SINE, hz, body_ratio, index, level, sample_rate)
        bent = hz * 2 ** (detune / 12)
        add_fm(out, start, count, SINE, bent, 1.0, 0.3 * index, 0.5 * level, sample_rate)
        ratio = min(tine_ratio, float(np.floor(room / 3.2)))
        if ratio >= 2:
            ping = level * tine_level * touch * falling(times, tine_s)
            add_fm(out, start, count, SINE, hz * ratio, 1.0, 0.2 * np.ones(len(times)), ping, sample_rate)
    return out
