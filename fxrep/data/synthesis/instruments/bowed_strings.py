"""Strings: a small section whose players each have their own pitch, vibrato and bow noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import CONTROL_STEP, Signal
from fxrep.data.synthesis.envelopes import adsr, control_times, note_hz, wander
from fxrep.data.synthesis.filters import band_pass, body_resonance, low_pass
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.oscillators import WaveTables, add_oscillator, harmonic_series
from fxrep.data.synthesis.placement import note_span


def play_strings(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a string section, (2, length): two desks on each side, not panned."""
    numbers = harmonic_series(200)
    wave = WaveTables(np.exp(generator.normal(0, 0.35, 200)) / numbers ** generator.uniform(0.95, 1.25))
    attack_s, release_s = generator.uniform(0.06, 0.3), generator.uniform(0.12, 0.35)
    rate_hz, depth = generator.uniform(4.8, 6.3), generator.uniform(0.08, 0.28)
    spread = generator.uniform(0.03, 0.1)
    rosin = generator.uniform(0.006, 0.03)
    out = np.zeros((2, length))
    bow = np.zeros(length)
    for note in notes:
        start, count = note_span(note, note.duration_s + release_s, length, sample_rate)
        times = control_times(count, sample_rate)
        rise_s = min(attack_s, 0.6 * note.duration_s) * generator.uniform(0.7, 1.3)
        swell = 1 + 0.15 * np.sin(np.pi * np.clip(times / note.duration_s, 0, 1))
        envelope = note.velocity * swell * adsr(times, rise_s, 2.0, 0.85, release_s, note.duration_s)
        for player in range(4):
            onset = np.clip(times / generator.uniform(0.25, 0.6), 0, 1)
            turns = rate_hz * generator.uniform(0.88, 1.12) * times + generator.random()
            shake = depth * onset * np.sin(2 * np.pi * turns)
            drift = spread * generator.normal() + 0.04 * wander(len(times), 120, generator)
            hz = note_hz(0.0) * np.exp2((note.pitch + shake + drift) / 12)
            gain = 0.22 * envelope * (1 + 0.2 * wander(len(times), 90, generator))
            table = wave.under(float(hz.max()), sample_rate)
            add_oscillator(out[player % 2], start, count, table, generator.random(), hz, gain, sample_rate)
        bow[start : start + count] += np.interp(np.arange(count) / CONTROL_STEP, np.arange(len(times)), envelope)
    hiss = generator.standard_normal((2, length), dtype=np.float32).astype(np.float64)
    scrape = band_pass(hiss, 900, 6000, sample_rate)
    out += rosin * bow * scrape
    body_hz, body_gain = generator.uniform(250, 1200, 3), generator.uniform(0.2, 0.9, 3)
    sides = [body_resonance(side, body_hz, np.full(3, 4.0), body_gain, sample_rate) for side in out]
    return low_pass(np.stack(sides), generator.uniform(4500, 9000), sample_rate)
