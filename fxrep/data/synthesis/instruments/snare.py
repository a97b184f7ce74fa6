"""Snare drum: two modes of the skin and the rattle of the wires; or hand claps, as some songs have them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.envelopes import decay_samples
from fxrep.data.synthesis.filters import band_pass, high_pass
from fxrep.data.synthesis.modal import add_modes
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.placement import noise_piece, noise_pool, note_span


def play_snare(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a snare track, (length,). Articulation ``"ghost"`` is a soft stroke with more wire than skin."""
    first_hz = generator.uniform(145, 255)
    ratios = np.array([1.0, generator.uniform(1.45, 1.9), generator.uniform(2.2, 2.9), generator.uniform(3.1, 3.9)])
    decay_s = np.array([1.0, 0.8, 0.45, 0.3]) * np.exp(generator.uniform(np.log(0.09), np.log(0.4)))
    levels = np.array([1.0, 0.65, 0.3, 0.15]) * generator.uniform(0.6, 1.4, 4)
    skin = generator.uniform(0.25, 1.0)
    wires_s = np.exp(generator.uniform(np.log(0.022), np.log(0.075)))
    claps = generator.random() < 0.25
    low_hz = generator.uniform(900, 2200)
    white = noise_pool(length, sample_rate, generator)
    dark = band_pass(white, low_hz * 0.6, low_hz * 3, sample_rate)
    bright = high_pass(white, generator.uniform(2800, 5500), sample_rate)
    brightness = generator.uniform(0.3, 0.9)
    out = np.zeros(length)
    for note in notes:
        ghost = note.articulation == "ghost"
        strength = note.velocity ** (1.6 if ghost else 1.2)
        start, count = note_span(note, 1.0, length, sample_rate)
        bend = np.exp(generator.normal(0, 0.015) + 0.02 * note.velocity)
        where = generator.uniform(0.6, 1.4, 4)
        if not claps:
            amplitude = strength * skin * levels * where * (0.5 if ghost else 1.0)
            add_modes(out, start, first_hz * ratios * bend, decay_s, amplitude, np.zeros(4), sample_rate, count)
        envelope = _clap_bursts(count, wires_s, sample_rate, generator) if claps else None
        if envelope is None:
            envelope = decay_samples(count, wires_s * (0.75 + 0.4 * note.velocity), sample_rate)
            envelope = 0.75 * envelope + 0.25 * decay_samples(count, 2.2 * wires_s, sample_rate)
        glare = brightness * (0.35 + 0.75 * note.velocity)
        rattle = (1.1 - 0.5 * glare) * noise_piece(dark, count, generator) + glare * noise_piece(
            bright, count, generator
        )
        out[start : start + count] += 0.5 * strength * envelope * rattle
    return out


def _clap_bursts(count: int, decay_s: float, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Three or four hands that do not quite meet, and the last one's longer tail."""
    envelope = np.zeros(count)
    place = 0
    hands = int(generator.integers(3, 5))
    for hand in range(hands):
        last = hand == hands - 1
        rest = decay_samples(count - place, 1.6 * decay_s if last else 0.005, sample_rate)
        envelope[place:] = np.maximum(envelope[place:] * (0.3 if last else 1.0), rest * generator.uniform(0.75, 1.0))
        place = min(count - 1, place + int(generator.uniform(0.008, 0.013) * sample_rate))
    return envelope
