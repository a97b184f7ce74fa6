"""Bass drum: a sine that falls in pitch, a beater click, and saturation; from acoustic to long and electronic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.envelopes import decay_samples
from fxrep.data.synthesis.filters import band_pass, low_pass
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.placement import noise_piece, noise_pool, note_span


def play_kick(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a kick track, (length,). Louder strokes start higher, click more and ring longer."""
    base_hz = generator.uniform(41, 64)
    sweep = generator.uniform(1.5, 6.0)
    sweep_s = np.exp(generator.uniform(np.log(0.007), np.log(0.05)))
    decay_s = np.exp(generator.uniform(np.log(0.06), np.log(0.28)))
    drive = generator.uniform(0.8, 3.0)
    click = generator.uniform(0.05, 0.5)
    click_s = generator.uniform(0.002, 0.009)
    skin = generator.uniform(0.0, 0.35)
    skin_ratio = generator.uniform(1.55, 2.4)
    center = np.exp(generator.uniform(np.log(1200), np.log(5000)))
    noise = band_pass(noise_pool(length, sample_rate, generator), 0.6 * center, 1.6 * center, sample_rate)
    out = np.zeros(length)
    for note in notes:
        fall_s = decay_s * (0.8 + 0.35 * note.velocity)
        start, count = note_span(note, min(6.5 * fall_s, 1.2), length, sample_rate)
        times = np.arange(count) / sample_rate
        tuned = base_hz * np.exp(generator.normal(0, 0.012))
        # The phase is the integral of tuned * (1 + sweep * exp(-t / sweep_s)), written out.
        bend = sweep * (0.5 + 0.6 * note.velocity) * sweep_s * generator.uniform(0.93, 1.07)
        turns = tuned * (times + bend * (1.0 - np.exp(-times / sweep_s)))
        body = np.sin(2 * np.pi * turns) * np.exp(-times / fall_s)
        body += skin * np.sin(2 * np.pi * skin_ratio * turns + 1.0) * np.exp(-times / (0.3 * fall_s))
        shaped = np.tanh(drive * body) / np.tanh(drive)
        shaped[: len(times)] += _click(noise, start, count, click * note.velocity, click_s, sample_rate, generator)
        shaped *= np.minimum(1.0, (count - np.arange(count)) / (0.005 * sample_rate))
        out[start : start + count] += note.velocity**1.3 * shaped
    return low_pass(out, generator.uniform(6000, 14000), sample_rate)


def _click(
    noise: Signal,
    start: int,
    count: int,
    level: float,
    decay_s: float,
    sample_rate: int,
    generator: np.random.Generator,
) -> Signal:
    burst = np.zeros(count)
    short = min(count, int(8 * decay_s * sample_rate))
    envelope = decay_samples(short, decay_s, sample_rate)
    burst[:short] = level * noise_piece(noise, short, generator) * envelope
    burst[: min(short, 4)] += level * 0.5
    return burst
