"""A song from a seed: dry tracks of at least eight instruments, and what is known about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from fxrep.data.synthesis.composition.score import Score, compose, part_generator
from fxrep.data.synthesis.rendering import instrument_of, render_part
from fxrep.errors import ArgumentError

GENERATOR_VERSION = 1
"""Goes up whenever the same seed gives other samples than before."""

SAMPLE_RATES = (16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000)
DURATION_S = (5.0, 600.0)
"""Shortest and longest song, in seconds."""


@dataclass(frozen=True)
class Section:
    """A section of a song: name, start and length in seconds, and the tracks that play in it."""

    name: str
    start_s: float
    duration_s: float
    tracks: tuple[str, ...]


@dataclass(frozen=True)
class Chord:
    """A chord of a song: name, such as ``"F#m7"``, start and length in seconds."""

    name: str
    start_s: float
    duration_s: float


@dataclass(frozen=True)
class GeneratedSong:
    """A generated song.

    Attributes:
        name: such as ``"song-000007"``, after the seed.
        seed: what it was made from.
        sample_rate: Hz.
        tracks: name to dry audio, (2, T) float32, peaking between -12 and -6 dBFS; all of the same length.
        instruments: track name to canonical instrument; the pieces of the kit are ``"drums"``.
        style: such as ``"funk"``.
        tempo_bpm: quarter notes per minute.
        beats_per_bar: quarter notes to the bar.
        key: such as ``"Eb minor"``.
        pitch_classes: the seven of the key, from the tonic up; 0 is C.
        sections: in order, without gaps.
        chords: in order, without gaps.
    """

    name: str
    seed: int
    sample_rate: int
    tracks: dict[str, torch.Tensor]
    instruments: dict[str, str]
    style: str
    tempo_bpm: float
    beats_per_bar: int
    key: str
    pitch_classes: tuple[int, ...]
    sections: tuple[Section, ...]
    chords: tuple[Chord, ...]


def generate_song(
    seed: int, *, duration_s: float = 20.0, sample_rate: int = 44100, tracks: Sequence[str] | None = None
) -> GeneratedSong:
    """Compose and render a song; the same arguments give the same bits on the same platform.

    Args:
        seed: 0 or more; each gives another song.
        duration_s: length in seconds, 5 to 600.
        sample_rate: one of `SAMPLE_RATES`. The notes do not depend on it.
        tracks: render only these of the song's tracks; they are what they would be in the whole song.

    Returns:
        The song. Every song has the drums' kick, snare and hi-hat, percussion, bass, guitar, keys, pad, lead and
        vocals; some have toms, cymbals, strings, brass or winds.

    Raises:
        ArgumentError: an argument is outside its range, or the song has no track of that name.
    """
    check_song_arguments(seed, duration_s, sample_rate)
    score = compose(seed, duration_s)
    wanted = list(score.parts) if tracks is None else list(tracks)
    for name in wanted:
        if name not in score.parts:
            raise ArgumentError(f"song {seed} has no track {name!r}: it has {', '.join(score.parts)}")
    length = round(duration_s * sample_rate)
    rendered = {
        name: torch.from_numpy(
            render_part(name, score.parts[name], length, sample_rate, part_generator(seed, f"{name} sound"))
        )
        for name in wanted
    }
    return _describe(seed, duration_s, sample_rate, score, rendered)


def check_song_arguments(seed: int, duration_s: float, sample_rate: int) -> None:
    """Raise `ArgumentError` unless `generate_song` can be called like this."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ArgumentError(f"seed is {seed!r}: give a whole number of 0 or more")
    if not DURATION_S[0] <= duration_s <= DURATION_S[1]:
        raise ArgumentError(f"duration is {duration_s} s: a song has {DURATION_S[0]:g} to {DURATION_S[1]:g} seconds")
    if sample_rate not in SAMPLE_RATES:
        choices = ", ".join(str(rate) for rate in SAMPLE_RATES)
        raise ArgumentError(f"sample rate is {sample_rate} Hz: choose one of {choices}")


def _describe(
    seed: int, duration_s: float, sample_rate: int, score: Score, tracks: dict[str, torch.Tensor]
) -> GeneratedSong:
    sketch = score.sketch
    beats = sketch.clock.beats_per_bar
    beat_s = 60.0 / sketch.clock.tempo_bpm

    def seconds(beat: float, length: float) -> tuple[float, float]:
        start_s = beat * beat_s
        return round(start_s, 6), round(min(length * beat_s, duration_s - start_s), 6)

    return GeneratedSong(
        name=f"song-{seed:06d}",
        seed=seed,
        sample_rate=sample_rate,
        tracks=tracks,
        instruments={name: instrument_of(name) for name in tracks},
        style=sketch.style.name,
        tempo_bpm=sketch.clock.tempo_bpm,
        beats_per_bar=beats,
        key=sketch.key.name,
        pitch_classes=sketch.key.pitch_classes,
        sections=tuple(
            Section(section.name, *seconds(section.first_bar * beats, section.bars * beats), section.parts)
            for section in sketch.sections
            if section.first_bar * beats * beat_s < duration_s
        ),
        chords=tuple(
            Chord(chord.name, *seconds(chord.beat, chord.beats))
            for chord in sketch.chords
            if chord.beat * beat_s < duration_s
        ),
    )
