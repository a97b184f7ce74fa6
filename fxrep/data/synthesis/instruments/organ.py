"""Tone-wheel organ: nine drawbars, a percussive third, key clicks, and a rotor that is only a mild vibrato."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.envelopes import adsr, control_times, decay_samples, falling, note_hz
from fxrep.data.synthesis.filters import band_pass
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.oscillators import SINE, WaveTables, add_oscillator
from fxrep.data.synthesis.placement import noise_piece, noise_pool, note_span

# Harmonics of the drawbars 16' to 1', relative to the octave below the key.
DRAWBARS = np.array([1, 3, 2, 4, 6, 8, 10, 12, 16])


def play_organ(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render organ, (length,). Velocity only changes the click: the keys of an organ know no touch."""
    pulled = generator.uniform(0, 1, 9) ** 1.5
    pulled[[0, 2, 3]] += generator.uniform(0.3, 0.8, 3)
    spectrum = np.zeros(16)
    spectrum[DRAWBARS - 1] = pulled
    wave = WaveTables(spectrum, generator.uniform(0, 2 * np.pi, 16))
    percussion = generator.uniform(0, 0.5)
    click = generator.uniform(0.02, 0.15)
    rotor_hz, rotor = generator.uniform(0.7, 6.8), generator.uniform(0.0, 0.1)
    clicks = band_pass(noise_pool(length, sample_rate, generator), 1000, 5000, sample_rate)
    out = np.zeros(length)
    for note in notes:
        start, count = note_span(note, note.duration_s + 0.03, length, sample_rate)
        times = control_times(count, sample_rate)
        turning = np.sin(2 * np.pi * rotor_hz * (note.start_s + times) + 0.05 * note.pitch)
        hz = note_hz(note.pitch - 12) * np.exp2(rotor * turning / 12)
        level = 0.4 * adsr(times, 0.004, 1.0, 1.0, 0.025, note.duration_s) * (1 + 1.5 * rotor * turning)
        table = wave.under(float(hz.max()), sample_rate)
        add_oscillator(out, start, count, table, generator.random(), hz, level, sample_rate)
        if hz.max() * 6 < 0.45 * sample_rate:
            ping = percussion * note.velocity * level * falling(times, 0.12)
            add_oscillator(out, start, count, SINE, 0.0, hz * 6, ping, sample_rate)
        short = min(count, int(0.02 * sample_rate))
        envelope = click * note.velocity * decay_samples(short, 0.003, sample_rate)
        out[start : start + short] += envelope * noise_piece(clicks, short, generator)
    return out
