"""Pad: detuned oscillators on both sides, a filter that opens and closes slowly, long attacks and releases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.envelopes import adsr, control_times, note_hz, wander
from fxrep.data.synthesis.filters import LOW, sweep_filter
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.oscillators import WaveTables, add_oscillator, harmonic_series, pulse, sawtooth
from fxrep.data.synthesis.placement import note_span


def play_pad(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a pad, (2, length): as keyboards do, the two sides are detuned differently and not panned."""
    waves = [_draw_wave(generator) for _ in range(2)]
    spread = generator.uniform(0.04, 0.16)
    attack_s = generator.uniform(0.12, 0.7)
    release_s = generator.uniform(0.3, 0.9)
    cutoff_hz = np.exp(generator.uniform(np.log(450), np.log(2200)))
    movement = generator.uniform(0.3, 1.3)
    period_s = np.exp(generator.uniform(np.log(1.2), np.log(9)))
    q = generator.uniform(0.6, 2.2)
    air = max(0.0, generator.uniform(-0.3, 0.3))
    out = np.zeros((2, length))
    for note in notes:
        start, count = note_span(note, note.duration_s + release_s, length, sample_rate)
        times = control_times(count, sample_rate)
        rise_s = min(attack_s, 0.6 * note.duration_s) * generator.uniform(0.8, 1.2)
        envelope = note.velocity * adsr(times, rise_s, 1.5, 0.8, release_s, note.duration_s)
        for side in range(2):
            for layer, wave in enumerate(waves):
                detune = spread * (1 if layer == side else -1) + generator.normal(0, 0.02)
                drift = 0.03 * wander(len(times), 0.8 * sample_rate / 64, generator)
                hz = note_hz(0.0) * np.exp2((note.pitch + detune + drift) / 12)
                breathing = 1 + 0.15 * wander(len(times), 0.5 * sample_rate / 64, generator)
                table = wave.under(float(hz.max()), sample_rate)
                gain = 0.25 * envelope * breathing
                add_oscillator(out[side], start, count, table, generator.random(), hz, gain, sample_rate)
    times = control_times(length, sample_rate)
    begin = generator.uniform(0, 2 * np.pi)
    for side in range(2):
        if air > 0:
            out[side] += air * _breath(out[side], generator)
        sway = np.sin(2 * np.pi * times / period_s + begin + 0.4 * side)
        sway += 0.5 * wander(len(times), period_s * sample_rate / 64, generator)
        sweep_filter(out[side], cutoff_hz * np.exp2(movement * sway), q, LOW, sample_rate)
    return out


def _breath(side: Signal, generator: np.random.Generator) -> Signal:
    """Noise as loud as `side` (T,), slowly following it."""
    power = np.convolve(np.square(side[::64]), np.ones(32) / 32, "same")
    follow = np.interp(np.arange(len(side)), np.arange(len(power)) * 64.0, np.sqrt(power))
    breath: Signal = follow * generator.standard_normal(len(side), dtype=np.float32)
    return breath


def _draw_wave(generator: np.random.Generator) -> WaveTables:
    kind = int(generator.integers(3))
    if kind == 0:
        return sawtooth()
    if kind == 1:
        return pulse(float(generator.uniform(0.1, 0.5)))
    numbers = harmonic_series(96)
    rough = np.exp(generator.normal(0, 0.7, 96))
    return WaveTables(rough / numbers ** generator.uniform(0.9, 1.5), generator.uniform(-np.pi, np.pi, 96))
