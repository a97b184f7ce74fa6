"""Lead: one bright voice with glide, delayed vibrato, a second oscillator and a filter that follows the touch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.envelopes import control_times, curve_hz, falling, wander
from fxrep.data.synthesis.filters import LOW, sweep_filter
from fxrep.data.synthesis.instruments.phrasing import loudness_curve, phrase_seconds, phrases, pitch_curve, vibrato
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.oscillators import WaveTables, add_oscillator, harmonic_series, pulse, sawtooth
from fxrep.data.synthesis.placement import note_span


def play_lead(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a lead, (length,)."""
    waves = [_draw_wave(generator) for _ in range(2)]
    blend = generator.uniform(0.2, 0.8)
    interval = float(generator.choice([0.0, 0.0, 0.0, 12.0, -12.0, 7.0])) + generator.uniform(0.03, 0.12)
    glide_s = np.exp(generator.uniform(np.log(0.02), np.log(0.16)))
    rate_hz, depth = generator.uniform(4.5, 6.8), generator.uniform(0.1, 0.45)
    delay_s = generator.uniform(0.1, 0.35)
    attack_s, release_s = generator.uniform(0.003, 0.03), generator.uniform(0.04, 0.2)
    cutoff_hz = np.exp(generator.uniform(np.log(1400), np.log(5500)))
    sweep, q = generator.uniform(0.3, 2.2), generator.uniform(0.7, 3.0)
    out = np.zeros(length)
    for phrase in phrases(notes):
        start, count = note_span(phrase[0], phrase_seconds(phrase) + release_s, length, sample_rate)
        times = control_times(count, sample_rate)
        bend = vibrato(phrase, times, rate_hz, depth, delay_s, generator) + 0.02 * wander(len(times), 50, generator)
        scoop = -generator.uniform(0.0, 0.8) * falling(times, 0.3 * glide_s)
        pitch = pitch_curve(phrase, times, glide_s) + bend + scoop
        level = loudness_curve(phrase, times, attack_s, release_s)
        # The mix of the two waves moves while a note sounds: no spectrum of it stands still.
        shape = np.clip(blend + 0.25 * wander(len(times), 120, generator) + 0.2 * bend, 0.05, 0.95)
        voice = np.zeros(count)
        for wave, gain, offset in ((waves[0], 1 - shape, 0.0), (waves[1], shape, interval)):
            hz = curve_hz(pitch + offset)
            table = wave.under(float(hz.max()), sample_rate)
            add_oscillator(voice, 0, count, table, generator.random(), hz, 0.6 * gain * level, sample_rate)
        strikes = sum(
            (
                note.velocity * falling(np.maximum(times - note.start_s + phrase[0].start_s, 0.0), 0.18)
                for note in phrase
            ),
            np.zeros(len(times)),
        )
        cutoff = cutoff_hz * np.exp2(sweep * np.minimum(strikes, 1.2) + 0.3 * bend + (phrase[0].pitch - 72) / 24)
        sweep_filter(voice, cutoff, q, LOW, sample_rate)
        out[start : start + count] += voice
    return out


def _draw_wave(generator: np.random.Generator) -> WaveTables:
    kind = int(generator.integers(4))
    if kind == 0:
        return sawtooth()
    if kind == 1:
        return pulse(float(generator.uniform(0.08, 0.5)))
    numbers = harmonic_series(128)
    if kind == 2:
        # A hard-synchronised sweep leaves a hump of strong harmonics.
        center = generator.uniform(3, 9)
        return WaveTables((1 / numbers) * (1 + 5 * np.exp(-np.square((numbers - center) / 1.5))))
    odd = np.where(numbers % 2 == 1, 1.0, generator.uniform(0.0, 0.4))
    return WaveTables(odd * np.exp(generator.normal(0, 0.4, 128)) / numbers ** generator.uniform(0.9, 1.3))
