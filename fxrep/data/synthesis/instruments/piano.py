"""Struck strings with stiffness: a piano-like instrument of decaying, slightly sharp partials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.envelopes import decay_samples, note_hz
from fxrep.data.synthesis.filters import band_pass, body_resonance
from fxrep.data.synthesis.modal import add_modes
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.placement import noise_piece, noise_pool, note_span

PARTIALS = 20


def play_piano(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render piano, (length,): partials at ``k * sqrt(1 + B k^2)``, a hammer that hardens with velocity."""
    stiffness = np.exp(generator.uniform(np.log(1e-4), np.log(9e-4)))
    hammer = generator.uniform(0.7, 1.5)
    strike = generator.uniform(0.09, 0.16)
    ring_s = generator.uniform(3.0, 8.0)
    beating = generator.uniform(0.0, 0.5)
    color = np.exp(generator.normal(0, 0.35, PARTIALS))
    thump = band_pass(noise_pool(length, sample_rate, generator), 120, 900, sample_rate)
    knock = generator.uniform(0.01, 0.06)
    numbers = np.arange(1.0, PARTIALS + 1.0)
    out = np.zeros(length)
    for note in notes:
        hz = note_hz(note.pitch + generator.normal(0, 0.012))
        start, count = note_span(note, min(note.duration_s + 0.2, 3.5), length, sample_rate)
        partials_hz = hz * numbers * np.sqrt(1 + stiffness * numbers**2)
        comb = np.abs(np.sin(np.pi * numbers * (strike + generator.normal(0, 0.003)))) + 0.05
        slope = np.exp(-numbers * (hz / 440) ** 0.4 * (0.42 - 0.3 * note.velocity) / hammer)
        amplitude = 0.5 * comb * slope * color * generator.uniform(0.85, 1.15, PARTIALS)
        decay_s = ring_s * 2 ** ((60 - note.pitch) / 20) / (1 + 0.22 * numbers)
        stroke = np.zeros(count)
        pair_hz = partials_hz[:4] * np.exp2(generator.uniform(0.3, 1.5) * beating / 1200)
        add_modes(stroke, 0, partials_hz, decay_s, amplitude, np.zeros(PARTIALS), sample_rate)
        add_modes(stroke, 0, pair_hz, 1.8 * decay_s[:4], 0.4 * amplitude[:4], np.full(4, 0.7), sample_rate)
        stroke += knock * note.velocity * decay_samples(count, 0.03, sample_rate) * noise_piece(thump, count, generator)
        times = np.arange(count) / sample_rate
        stroke *= np.square(np.clip(1 - (times - note.duration_s) / 0.2, 0.0, 1.0))
        out[start : start + count] += note.velocity**1.2 * stroke
    return body_resonance(
        out, generator.uniform(90, 500, 3), np.full(3, 3.0), generator.uniform(0.05, 0.4, 3), sample_rate
    )
