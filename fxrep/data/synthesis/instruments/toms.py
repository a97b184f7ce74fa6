"""Toms: three skins whose pitch falls a little after the stroke, with the modes of a circular membrane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.envelopes import decay_samples
from fxrep.data.synthesis.filters import band_pass
from fxrep.data.synthesis.modal import add_modes
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.placement import noise_piece, noise_pool, note_span

# Zeros of the Bessel functions, in units of the first: where an ideal membrane rings.
MEMBRANE = np.array([1.594, 2.136, 2.296, 2.653, 2.918])


def play_toms(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a tom track, (length,); `voice` 0 to 2 is the drum, from high to low."""
    floor_hz = generator.uniform(62, 90)
    interval = generator.uniform(1.22, 1.42)
    decay_s = np.exp(generator.uniform(np.log(0.09), np.log(0.3)))
    bend = generator.uniform(0.1, 0.55)
    levels = generator.uniform(0.05, 0.4, len(MEMBRANE))
    stick = band_pass(noise_pool(length, sample_rate, generator), 1500, generator.uniform(4000, 8000), sample_rate)
    out = np.zeros(length)
    for note in notes:
        hz = floor_hz * interval ** (2 - min(note.voice, 2)) * np.exp(generator.normal(0, 0.008))
        start, count = note_span(note, min(6.5 * decay_s, 1.4), length, sample_rate)
        times = np.arange(count) / sample_rate
        turns = hz * (times + bend * note.velocity * 0.04 * (1.0 - np.exp(-times / 0.04)))
        stroke = np.sin(2 * np.pi * turns) * np.exp(-times / (decay_s * (0.8 + 0.3 * note.velocity)))
        where = generator.uniform(0.5, 1.5, len(MEMBRANE)) * (0.4 + 0.8 * note.velocity)
        add_modes(stroke, 0, hz * MEMBRANE, 3.5 * decay_s / MEMBRANE, levels * where, np.zeros(5), sample_rate)
        contact = decay_samples(count, 0.006, sample_rate) + 0.08 * decay_samples(count, 0.05, sample_rate)
        stroke += 0.3 * note.velocity * contact * noise_piece(stick, count, generator)
        stroke *= np.minimum(1.0, (count - np.arange(count)) / (0.01 * sample_rate))
        out[start : start + count] += note.velocity**1.2 * stroke
    return out
