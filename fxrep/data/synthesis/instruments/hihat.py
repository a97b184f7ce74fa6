"""Hi-hat: inharmonic plate modes and noise, short when closed, long when open, cut off by the next stroke."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.envelopes import decay_samples
from fxrep.data.synthesis.filters import high_pass
from fxrep.data.synthesis.modal import add_modes
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.placement import noise_piece, noise_pool, note_span

MODES = 20


def play_hihat(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a hi-hat track, (length,). Articulations ``"closed"`` and ``"open"``."""
    low_hz = generator.uniform(2600, 4800)
    modes_hz = low_hz * np.exp(np.sort(generator.uniform(0, np.log(4.2), MODES)))
    weights = generator.uniform(0.2, 1.0, MODES)
    closed_s = np.exp(generator.uniform(np.log(0.05), np.log(0.2)))
    open_s = generator.uniform(0.5, 1.4)
    metal = generator.uniform(0.05, 0.22)
    white = noise_pool(length, sample_rate, generator)
    sizzle = high_pass(white, generator.uniform(5500, 8500), sample_rate)
    body = high_pass(white, low_hz * 0.8, sample_rate)
    out = np.zeros(length)
    stops = [note.start_s for note in notes[1:]] + [length / sample_rate + 1.0]
    for note, stop_s in zip(notes, stops, strict=True):
        sixty_s = open_s * generator.uniform(0.85, 1.15) if note.articulation == "open" else closed_s
        sixty_s *= 0.7 + 0.45 * note.velocity
        start, count = note_span(note, min(1.1 * sixty_s, stop_s - note.start_s + 0.006), length, sample_rate)
        stroke = np.zeros(count)
        amplitude = metal * weights * generator.uniform(0.3, 1.0, MODES) * note.velocity
        phases = generator.uniform(0, 2 * np.pi, MODES)
        detune = np.exp(generator.normal(0, 0.004, MODES))
        add_modes(stroke, 0, modes_hz * detune, sixty_s * weights, amplitude, phases, sample_rate)
        envelope = decay_samples(count, sixty_s / 6.9, sample_rate)
        edge = decay_samples(count, 0.004, sample_rate)
        stroke += (0.55 * note.velocity * envelope + 0.2 * edge) * noise_piece(sizzle, count, generator)
        stroke += (0.3 * envelope + 0.4 * note.velocity * edge) * noise_piece(body, count, generator) * 0.4
        fade = min(count, int(0.006 * sample_rate))
        stroke[count - fade :] *= np.linspace(1.0, 0.0, fade)
        out[start : start + count] += note.velocity**1.2 * stroke
    return out
