"""Hand percussion: shaker and tambourine grains, congas, cowbell and wood block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.envelopes import decay_samples
from fxrep.data.synthesis.filters import band_pass
from fxrep.data.synthesis.modal import add_modes
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.placement import noise_piece, noise_pool, note_span

# Frequency ratios, seconds to -60 dB and levels of what is struck.
STRUCK = {
    "conga": (np.array([1.0, 1.59, 2.14, 2.65, 3.6]), (0.35, 0.8), np.array([1.0, 0.45, 0.3, 0.15, 0.1]), (165, 240)),
    "cowbell": (np.array([1.0, 1.48, 2.62, 3.9, 5.4]), (0.3, 0.7), np.array([0.8, 1.0, 0.4, 0.3, 0.2]), (500, 620)),
    "block": (np.array([1.0, 2.71, 4.9, 6.8, 8.1]), (0.05, 0.12), np.array([1.0, 0.4, 0.2, 0.1, 0.05]), (750, 1300)),
}


def play_percussion(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a percussion track, (length,); articulations and voices as `write_percussion` writes them."""
    center_hz = generator.uniform(4500, 8500)
    grains_s = generator.uniform(0.018, 0.045)
    jingles = np.exp(generator.uniform(np.log(3500), np.log(13000), 12))
    pool = noise_pool(length, sample_rate, generator)
    grains = band_pass(pool, center_hz * 0.65, center_hz * 1.5, sample_rate)
    skin = band_pass(pool, 700, 3500, sample_rate)
    base_hz = {tool: generator.uniform(*values[3]) for tool, values in STRUCK.items()}
    ring_s = {tool: generator.uniform(*values[1]) for tool, values in STRUCK.items()}
    interval = generator.uniform(1.2, 1.5)
    out = np.zeros(length)
    for note in notes:
        start, count = note_span(note, 0.45, length, sample_rate)
        if note.articulation == "shaker":
            out[start : start + count] += _shake(note, count, grains_s, sample_rate, generator) * (
                noise_piece(grains, count, generator)
            )
        elif note.articulation == "tambourine":
            _jingle(out, start, count, note, jingles, sample_rate, generator)
            envelope = decay_samples(count, 0.03, sample_rate) * 0.25 * note.velocity
            out[start : start + count] += envelope * noise_piece(grains, count, generator)
        else:
            ratios, _, levels, _ = STRUCK[note.articulation]
            hz = base_hz[note.articulation] * interval ** (1 - note.voice) * np.exp(generator.normal(0, 0.01))
            tilt = ratios ** (note.velocity - 0.8) * generator.uniform(0.6, 1.3, len(ratios)) * levels
            decay_s = ring_s[note.articulation] / np.sqrt(ratios) * (0.7 + 0.4 * note.velocity)
            add_modes(out, start, hz * ratios, decay_s, 0.8 * note.velocity * tilt, np.zeros(5), sample_rate, count)
            contact = decay_samples(count, 0.004, sample_rate) * 0.25 * note.velocity**2
            out[start : start + count] += contact * noise_piece(skin, count, generator)
    return out


def _shake(note: Note, count: int, grains_s: float, sample_rate: int, generator: np.random.Generator) -> Signal:
    """A stroke of a shaker: grains gather, hit the wall, and settle; odd strokes come back slower."""
    gather_s = grains_s * generator.uniform(0.35, 0.7) * (1.5 if note.voice else 1.0)
    rise = np.minimum(1.0, np.arange(count) / (gather_s * sample_rate)) ** 2
    late = np.maximum(0.0, np.arange(count) / sample_rate - gather_s)
    envelope: Signal = 0.7 * note.velocity**1.2 * rise * np.exp(-late / grains_s)
    return envelope


def _jingle(
    out: Signal,
    start: int,
    count: int,
    note: Note,
    jingles: Signal,
    sample_rate: int,
    generator: np.random.Generator,
) -> None:
    """Pairs of small plates that meet several times within some tens of milliseconds."""
    place = 0
    for impact in range(int(generator.integers(2, 5))):
        amplitude = 0.22 * note.velocity * generator.uniform(0.1, 1.0, len(jingles)) * 0.65**impact
        hz = jingles * np.exp(generator.normal(0, 0.006, len(jingles)))
        decay_s = generator.uniform(0.08, 0.32, len(jingles))
        phases = generator.uniform(0, 2 * np.pi, len(jingles))
        add_modes(out, start + place, hz, decay_s, amplitude, phases, sample_rate, max(1, count - place))
        place += int(generator.uniform(0.008, 0.03) * sample_rate)
        if place >= count:
            return
