"""Playing a line with one voice: notes that touch share a breath, and the pitch travels between them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.notes import Note


def phrases(notes: Sequence[Note]) -> Iterator[list[Note]]:
    """Group notes into phrases: a legato note joins the one before it. Each is cut where the next begins."""
    phrase: list[Note] = []
    for index, note in enumerate(notes):
        until = notes[index + 1].start_s if index + 1 < len(notes) else note.start_s + note.duration_s
        length = max(0.03, min(note.duration_s, until - note.start_s))
        bound = note.articulation == "legato" and phrase and note.start_s - _end_s(phrase[-1]) < 0.12
        if phrase and not bound:
            yield phrase
            phrase = []
        if bound:
            before = phrase[-1]
            phrase[-1] = Note(
                before.start_s,
                note.start_s - before.start_s,
                before.pitch,
                before.velocity,
                before.articulation,
                before.voice,
            )
        phrase.append(Note(note.start_s, length, note.pitch, note.velocity, note.articulation, note.voice))
    if phrase:
        yield phrase


def pitch_curve(phrase: Sequence[Note], times: Signal, glide_s: float) -> Signal:
    """MIDI pitch over a phrase, `times` counted from its start; it moves to each note within about `glide_s`."""
    curve = np.full(len(times), float(phrase[0].pitch))
    for before, note in itertools.pairwise(phrase):
        since = times - (note.start_s - phrase[0].start_s)
        moved = 1.0 / (1.0 + np.exp(np.clip(-since / max(0.22 * glide_s, 1e-3), -40, 40)))
        curve += (note.pitch - before.pitch) * moved
    return curve


def vibrato(
    phrase: Sequence[Note], times: Signal, rate_hz: float, depth: float, delay_s: float, generator: np.random.Generator
) -> Signal:
    """Semitones around the pitch: grows within each held note, its rate and depth never quite the same."""
    curve = np.zeros(len(times))
    for note in phrase:
        since = times - (note.start_s - phrase[0].start_s)
        inside = (since >= 0) & (since < note.duration_s)
        onset = np.clip((since - delay_s * generator.uniform(0.7, 1.4)) / 0.25, 0.0, 1.0)
        own_hz = rate_hz * generator.uniform(0.92, 1.08)
        wave = np.sin(2 * np.pi * own_hz * since + generator.uniform(0, 2 * np.pi))
        curve += np.where(inside, depth * generator.uniform(0.6, 1.2) * onset * wave, 0.0)
    return curve


def loudness_curve(phrase: Sequence[Note], times: Signal, attack_s: float, release_s: float) -> Signal:
    """Gain over a phrase: each note's velocity, a small new accent at each, and the release after the last."""
    level = np.zeros(len(times))
    for index, note in enumerate(phrase):
        since = times - (note.start_s - phrase[0].start_s)
        rise = np.clip(since / attack_s, 0.0, 1.0)
        accent = note.velocity * (1.0 + 0.25 * np.exp(-np.maximum(since, 0.0) / 0.12))
        level = np.where(since >= 0, (level if index else 0.0) * (1 - rise) + accent * rise, level)
    held_s = _end_s(phrase[-1]) - phrase[0].start_s
    faded: Signal = level * np.square(np.clip(1.0 - (times - held_s) / release_s, 0.0, 1.0))
    return faded


def phrase_seconds(phrase: Sequence[Note]) -> float:
    """From the start of the first note to the end of the last."""
    return _end_s(phrase[-1]) - phrase[0].start_s


def _end_s(note: Note) -> float:
    return note.start_s + note.duration_s
