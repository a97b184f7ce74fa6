"""Flute: few harmonics, a breath that is part of the tone, a chiff at the start, vibrato of loudness and pitch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import CONTROL_STEP, Signal
from fxrep.data.synthesis.envelopes import control_times, curve_hz, falling, wander
from fxrep.data.synthesis.filters import BAND, sweep_filter
from fxrep.data.synthesis.instruments.phrasing import loudness_curve, phrase_seconds, phrases, pitch_curve, vibrato
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.oscillators import WaveTables, add_oscillator
from fxrep.data.synthesis.placement import note_span


def play_winds(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a flute, (length,)."""
    soft = WaveTables(np.array([1.0, 0.12, 0.05, 0.02]) * generator.uniform(0.6, 1.5, 4))
    falloff = np.arange(1, 13) ** -generator.uniform(1.3, 2.0)
    loud = WaveTables(falloff * generator.uniform(0.4, 1.4, 12), generator.uniform(0, 6, 12))
    breath, chiff = generator.uniform(0.04, 0.22), generator.uniform(0.2, 1.0)
    rate_hz, depth = generator.uniform(4.2, 5.8), generator.uniform(0.05, 0.22)
    attack_s = generator.uniform(0.03, 0.09)
    out = np.zeros(length)
    for phrase in phrases(notes):
        start, count = note_span(phrase[0], phrase_seconds(phrase) + 0.12, length, sample_rate)
        times = control_times(count, sample_rate)
        shake = vibrato(phrase, times, rate_hz, depth, 0.2, generator)
        pitch = pitch_curve(phrase, times, 0.04) + shake + 0.03 * wander(len(times), 60, generator)
        hz = curve_hz(pitch)
        level = loudness_curve(phrase, times, attack_s, 0.1) * (1 + 1.2 * shake)
        mix = np.clip(0.6 * level + 0.15 * wander(len(times), 80, generator), 0, 1)
        voice = np.zeros(count)
        phase = generator.random()
        for wave, gain in ((soft, 1 - mix), (loud, mix)):
            table = wave.under(float(hz.max()), sample_rate)
            add_oscillator(voice, 0, count, table, phase, hz, 0.7 * gain * level, sample_rate)
        air = generator.standard_normal(count)
        strikes = sum(
            (falling(np.maximum(times - note.start_s + phrase[0].start_s, 0.0), 0.04) for note in phrase),
            np.zeros(len(times)),
        )
        blow = breath * level * (1 + 3 * chiff * np.minimum(strikes, 1.0))
        air *= np.interp(np.arange(count) / CONTROL_STEP, np.arange(len(times)), blow)
        bright = air.copy()
        sweep_filter(air, 2 * hz, 3.0, BAND, sample_rate)
        sweep_filter(bright, np.full(len(times), 4500.0), 0.7, BAND, sample_rate)
        out[start : start + count] += voice + 1.5 * air + 0.35 * bright
    return out
