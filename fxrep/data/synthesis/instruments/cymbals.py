"""Cymbals: dense plate modes over noise; the crash blooms and fades, the ride pings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.envelopes import decay_samples
from fxrep.data.synthesis.filters import high_pass
from fxrep.data.synthesis.modal import add_modes
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.placement import noise_piece, noise_pool, note_span

MODES = {"crash": 72, "ride": 36}


def play_cymbals(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a cymbal track, (length,). Articulations ``"crash"`` and ``"ride"``."""
    plates = {}
    for kind, count in MODES.items():
        low_hz = generator.uniform(320, 480) if kind == "crash" else generator.uniform(450, 900)
        modes_hz = low_hz * np.exp(np.sort(generator.beta(1.4, 1.0, count)) * np.log(14000 / low_hz))
        ring_s = generator.uniform(1.6, 3.0) if kind == "crash" else generator.uniform(1.0, 2.2)
        decay_s = ring_s * (600 / modes_hz) ** 0.3 * generator.uniform(0.5, 1.3, count)
        levels = generator.uniform(0.2, 1.0, count) * (modes_hz / 2000) ** (-0.15 if kind == "crash" else -0.5)
        plates[kind] = (modes_hz, decay_s, levels / np.sqrt(count))
    white = noise_pool(length, sample_rate, generator)
    wash = high_pass(white, generator.uniform(2500, 4500), sample_rate)
    out = np.zeros(length)
    for note in notes:
        kind = "crash" if note.articulation == "crash" else "ride"
        modes_hz, decay_s, levels = plates[kind]
        start, count = note_span(note, 2.6 if kind == "crash" else 0.9, length, sample_rate)
        stroke = np.zeros(count)
        tilt = (modes_hz / 3000) ** (0.7 * (note.velocity - 0.6))
        amplitude = levels * tilt * generator.uniform(0.3, 1.2, len(levels))
        phases = generator.uniform(0, 2 * np.pi, len(levels))
        add_modes(stroke, 0, modes_hz, decay_s, amplitude, phases, sample_rate)
        if kind == "crash":
            # Energy climbs into the high modes in the first tens of milliseconds.
            bloom = 1.0 - 0.75 * decay_samples(count, 0.025, sample_rate)
            envelope = bloom * (0.35 * decay_samples(count, 0.45, sample_rate))
            envelope += 0.25 * decay_samples(count, 0.08, sample_rate)
        else:
            envelope = 0.25 * decay_samples(count, 0.012, sample_rate) + 0.05 * decay_samples(count, 0.25, sample_rate)
        stroke += envelope * noise_piece(wash, count, generator)
        fade = min(count, int(0.15 * sample_rate))
        stroke[count - fade :] *= np.linspace(1.0, 0.0, fade)
        out[start : start + count] += note.velocity**1.2 * stroke * (1.0 if kind == "crash" else 0.6)
    return high_pass(out, 250, sample_rate)
