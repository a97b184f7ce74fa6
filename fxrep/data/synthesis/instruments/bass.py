"""Synthesised bass: two oscillators and a sub through a resonant filter with an envelope of its own, one voice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.envelopes import adsr, control_times, falling, note_hz, wander
from fxrep.data.synthesis.filters import LOW, sweep_filter
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.oscillators import SINE, WaveTables, add_oscillator, harmonic_series, pulse, sawtooth
from fxrep.data.synthesis.placement import note_span


def play_bass(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a bass track, (length,). Articulation ``"slide"`` glides from the pitch before."""
    wave = _draw_wave(generator)
    second_level = generator.uniform(0.0, 0.8)
    sub_level = generator.uniform(0.2, 0.9)
    detune = generator.uniform(0.02, 0.12)
    cutoff_hz = np.exp(generator.uniform(np.log(120), np.log(700)))
    sweep_octaves = generator.uniform(0.8, 4.0)
    sweep_s = np.exp(generator.uniform(np.log(0.04), np.log(0.4)))
    q = generator.uniform(0.6, 3.2)
    attack_s = generator.uniform(0.002, 0.012)
    sustain = generator.uniform(0.35, 0.9)
    decay_s = generator.uniform(0.15, 0.6)
    drive = generator.uniform(0.4, 2.0)
    out = np.zeros(length)
    last_pitch = notes[0].pitch if notes else 0.0
    phases = generator.uniform(0, 1, 3)
    for index, note in enumerate(notes):
        held_s = note.duration_s
        if index + 1 < len(notes):
            held_s = max(0.03, min(held_s, notes[index + 1].start_s - note.start_s))
        start, count = note_span(note, held_s + 0.05, length, sample_rate)
        times = control_times(count, sample_rate)
        glide = (last_pitch - note.pitch) if note.articulation == "slide" else generator.normal(0, 0.15)
        pitch = note.pitch + glide * falling(times, 0.035) + 0.02 * wander(len(times), 40, generator)
        hz = note_hz(0.0) * np.exp2(pitch / 12)
        table = wave.under(float(hz.max()) * 1.02, sample_rate)
        voice = np.zeros(count)
        flat = np.ones(len(times))
        phases[0] = add_oscillator(voice, 0, count, table, phases[0], hz, flat, sample_rate)
        bent = hz * 2 ** (detune / 12)
        phases[1] = add_oscillator(voice, 0, count, table, phases[1], bent, second_level * flat, sample_rate)
        phases[2] = add_oscillator(voice, 0, count, SINE, phases[2], hz, sub_level * flat, sample_rate)
        octaves = sweep_octaves * (0.3 + 0.8 * note.velocity) * falling(times, sweep_s * generator.uniform(0.85, 1.2))
        sweep_filter(voice, cutoff_hz * np.exp2(octaves + 0.3 * (note.pitch - 36) / 12), q, LOW, sample_rate)
        voice = np.tanh(drive * voice) / drive
        envelope = adsr(times, attack_s, decay_s, sustain, 0.045, held_s)
        voice *= np.interp(np.arange(count) / sample_rate, times, envelope)
        out[start : start + count] += note.velocity**0.9 * voice
        last_pitch = note.pitch
    return out


def _draw_wave(generator: np.random.Generator) -> WaveTables:
    kind = int(generator.integers(4))
    if kind == 0:
        return sawtooth()
    if kind == 1:
        return pulse(float(generator.uniform(0.12, 0.5)))
    numbers = harmonic_series(64)
    slope = generator.uniform(1.0, 1.9)
    rough = np.exp(generator.normal(0, 0.5, 64))
    return WaveTables(rough / numbers**slope, generator.uniform(-0.5, 0.5, 64))
