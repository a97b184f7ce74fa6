"""Singing voice: a glottal source with breath and jitter through five moving formants, with consonants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fxrep.data.synthesis.compilation import CONTROL_STEP, Signal
from fxrep.data.synthesis.envelopes import control_times, curve_hz, decay_samples, wander
from fxrep.data.synthesis.filters import band_pass, formant_filter
from fxrep.data.synthesis.instruments.phrasing import loudness_curve, phrase_seconds, phrases, pitch_curve, vibrato
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.oscillators import WaveTables, add_oscillator, harmonic_series
from fxrep.data.synthesis.placement import noise_piece, noise_pool, note_span

# Formants in Hz of a male voice, after Peterson and Barney (1952); the two highest hardly move.
VOWELS = np.array(
    [
        [730, 1090, 2440, 3400, 4300],
        [530, 1840, 2480, 3500, 4400],
        [270, 2290, 3010, 3600, 4500],
        [570, 840, 2410, 3300, 4200],
        [300, 870, 2240, 3200, 4200],
        [660, 1720, 2410, 3450, 4350],
        [490, 1350, 1690, 3100, 4200],
    ],
    dtype=np.float64,
)
BANDWIDTH_HZ = np.array([70.0, 90.0, 130.0, 200.0, 280.0])
CONSONANTS = ("", "", "s", "t", "k", "m", "h")


@dataclass(frozen=True)
class Singer:
    """What stays the same about a singer: vocal tract, vibrato, breath, and the strength of consonants."""

    tract: float
    soft: WaveTables
    loud: WaveTables
    breath: float
    rate_hz: float
    depth: float
    glide_s: float
    attack_s: float
    diction: float
    vowel_order: Signal


def play_vocals(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a sung line, (length,); `voice` picks each note's syllable, legato notes share a breath."""
    mean_pitch = float(np.mean([note.pitch for note in notes])) if notes else 57.0
    singer = _draw_singer(mean_pitch, generator)
    noise = noise_pool(length, sample_rate, generator)
    hiss = {
        "s": band_pass(noise, generator.uniform(4200, 5500), 10000, sample_rate),
        "t": band_pass(noise, 2500, 6500, sample_rate),
        "k": band_pass(noise, 1200, 2600, sample_rate),
        "h": band_pass(noise, 700, 3500, sample_rate),
    }
    out = np.zeros(length)
    for phrase in phrases(notes):
        start, count = note_span(phrase[0], phrase_seconds(phrase) + 0.09, length, sample_rate)
        out[start : start + count] += _sing(singer, phrase, count, sample_rate, generator)
        for note in phrase:
            kind = CONSONANTS[note.voice % len(CONSONANTS)]
            if kind in hiss:
                _consonant(out, hiss[kind], kind, note, singer.diction, sample_rate, generator)
    return out


def _draw_singer(mean_pitch: float, generator: np.random.Generator) -> Singer:
    numbers = harmonic_series(256)
    slope = generator.uniform(1.25, 1.6)
    # Shorter vocal tracts sing higher: about a sixth from a bass to a soprano.
    tract = float(np.clip(1.0 + (mean_pitch - 50) * 0.012 + generator.normal(0, 0.03), 0.92, 1.28))
    return Singer(
        tract=tract,
        soft=WaveTables(1 / numbers ** (slope + 0.7)),
        loud=WaveTables(1 / numbers**slope),
        breath=float(np.exp(generator.uniform(np.log(0.01), np.log(0.09)))),
        rate_hz=float(generator.uniform(4.8, 6.4)),
        depth=float(generator.uniform(0.12, 0.5)),
        glide_s=float(generator.uniform(0.05, 0.14)),
        attack_s=float(generator.uniform(0.02, 0.06)),
        diction=float(generator.uniform(0.3, 1.0)),
        vowel_order=generator.permutation(len(VOWELS)).astype(np.float64),
    )


def _sing(singer: Singer, phrase: list[Note], count: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    times = control_times(count, sample_rate)
    points = len(times)
    jitter = 0.035 * wander(points, 14, generator) + 0.05 * wander(points, 90, generator)
    scoop = -generator.uniform(0.0, 1.2) * np.exp(-times / 0.05)
    bend = vibrato(phrase, times, singer.rate_hz, singer.depth, 0.22, generator)
    hz = curve_hz(pitch_curve(phrase, times, singer.glide_s) + jitter + scoop + bend)
    level = loudness_curve(phrase, times, singer.attack_s, 0.08) * (1 + 0.06 * wander(points, 20, generator))
    effort = np.clip(0.25 + 0.7 * level + 0.1 * wander(points, 150, generator), 0.0, 1.0)
    voice = np.zeros(count)
    phase = generator.random()
    top = float(hz.max())
    add_oscillator(voice, 0, count, singer.soft.under(top, sample_rate), phase, hz, level * (1 - effort), sample_rate)
    add_oscillator(voice, 0, count, singer.loud.under(top, sample_rate), phase, hz, level * effort, sample_rate)
    grid = np.arange(count) * (sample_rate / CONTROL_STEP / sample_rate)
    breath = singer.breath * np.interp(grid, np.arange(points), level * (1.3 - effort))
    # The glottis lets more air through while it is open, so the breath pulses with the voice.
    voice += breath * generator.standard_normal(count, dtype=np.float32) * (0.4 + np.abs(voice))
    tract = _vocal_tract(singer, phrase, times, generator)
    tract = np.minimum(np.maximum(tract, 1.02 * (hz * (np.arange(5) == 0)[:, None])), 0.45 * sample_rate)
    formant_filter(voice, tract, BANDWIDTH_HZ * generator.uniform(0.9, 1.25), sample_rate)
    return voice


def _vocal_tract(singer: Singer, phrase: list[Note], times: Signal, generator: np.random.Generator) -> Signal:
    """Centres of the formants, (5, points): each note glides into its vowel, and some into a second one."""
    curve = np.zeros((5, len(times)))
    for index, note in enumerate(phrase):
        vowel = VOWELS[int(singer.vowel_order[note.voice % len(VOWELS)])] * np.exp(generator.normal(0, 0.03, 5))
        since = times - (note.start_s - phrase[0].start_s)
        if CONSONANTS[note.voice % len(CONSONANTS)] == "m":
            closed = np.exp(-np.maximum(since, 0.0) / 0.05)
            target = vowel[:, None] + (np.array([250, 1000, 2200, 3200, 4300]) - vowel)[:, None] * closed
        else:
            target = np.repeat(vowel[:, None], len(times), axis=1)
        if note.duration_s > 0.45:
            second = VOWELS[int(singer.vowel_order[(note.voice // 7) % len(VOWELS)])]
            turn = 1 / (1 + np.exp(np.clip(-(since - 0.6 * note.duration_s) / 0.05, -40, 40)))
            target = target + 0.7 * (second - vowel)[:, None] * turn
        moved = 1 / (1 + np.exp(np.clip(-since / 0.02, -40, 40))) if index else 1.0
        curve = curve * (1 - moved) + target * moved
    wobble = np.stack([1 + 0.015 * wander(len(times), 60, generator) for _ in range(5)])
    formants: Signal = singer.tract * curve * wobble
    return formants


def _consonant(
    out: Signal,
    hiss: Signal,
    kind: str,
    note: Note,
    diction: float,
    sample_rate: int,
    generator: np.random.Generator,
) -> None:
    """Noise before and into a note: a held hiss, or the burst of a stop."""
    long_s = {"s": 0.11, "h": 0.08}.get(kind, 0.025) * generator.uniform(0.7, 1.3)
    lead_s = long_s * (0.8 if kind in "sh" else 0.6)
    start = max(0, int((note.start_s - lead_s) * sample_rate))
    count = min(int(long_s * sample_rate), len(out) - start)
    if count < 8:
        return
    if kind in "sh":
        envelope = np.sin(np.pi * np.arange(count) / count) ** 0.7
    else:
        envelope = decay_samples(count, long_s / 3, sample_rate)
        envelope *= np.minimum(1.0, (count - np.arange(count)) / (0.3 * count))
    level = diction * note.velocity * {"s": 0.22, "t": 0.3, "k": 0.35, "h": 0.12}[kind]
    out[start : start + count] += level * envelope * noise_piece(hiss, count, generator)
