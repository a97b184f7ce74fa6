"""Brass: a reed-like wave whose brightness follows its loudness, with a lip that slides into the note."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.envelopes import adsr, control_times, curve_hz, falling, wander
from fxrep.data.synthesis.filters import LOW, sweep_filter
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.oscillators import WaveTables, add_oscillator, harmonic_series
from fxrep.data.synthesis.placement import note_span


def play_brass(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a brass section, (length,). Risset's finding: higher harmonics enter later and leave sooner."""
    numbers = harmonic_series(120)
    bell = 1 + generator.uniform(0.5, 2.0) * np.exp(-np.square((numbers - generator.uniform(4, 8)) / 2.5))
    wave = WaveTables(bell / numbers ** generator.uniform(0.75, 1.05), np.full(120, np.pi / 2))
    attack_s, release_s = generator.uniform(0.025, 0.07), generator.uniform(0.05, 0.12)
    opening = generator.uniform(1.8, 3.6)
    growl = generator.uniform(0.0, 0.1)
    slide = generator.uniform(0.2, 1.2)
    rate_hz, depth = generator.uniform(4.5, 6), generator.uniform(0.03, 0.18)
    out = np.zeros(length)
    for note in notes:
        start, count = note_span(note, note.duration_s + release_s, length, sample_rate)
        times = control_times(count, sample_rate)
        points = len(times)
        envelope = adsr(times, attack_s * generator.uniform(0.8, 1.3), 0.12, 0.72, release_s, note.duration_s)
        envelope *= 1 + growl * wander(points, 8, generator)
        shake = depth * np.clip((times - 0.3) / 0.4, 0, 1) * np.sin(2 * np.pi * rate_hz * times)
        lip = -slide * generator.uniform(0.5, 1.2) * falling(times, 0.025) + 0.04 * wander(points, 70, generator)
        hz = curve_hz(note.pitch + shake + lip)
        voice = np.zeros(count)
        table = wave.under(float(hz.max()), sample_rate)
        add_oscillator(voice, 0, count, table, generator.random(), hz, 0.5 * envelope, sample_rate)
        swell = np.clip(envelope, 0.0, 1.5) * (0.35 + 0.75 * note.velocity)
        cutoff = 1.3 * hz * np.exp2(opening * swell)
        sweep_filter(voice, cutoff, 0.8, LOW, sample_rate)
        out[start : start + count] += note.velocity * voice
    return out
