"""What every dataset looks like to the rest of the library: songs made of tracks, with an optional mix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Track:
    """One recorded or rendered part of a song.

    Attributes:
        name: what the dataset calls the track, unique within its song.
        instrument: one of `fxrep.data.INSTRUMENTS`; `"other"` when it is not known.
        path: the audio file.
    """

    name: str
    instrument: str
    path: Path


@runtime_checkable
class Multitrack(Protocol):
    """A song as its tracks. `Song` is the plain implementation; anything with these attributes will do.

    The tracks of a song share one timeline: sample 0 of each is the same moment. They need not have the same length,
    rate or number of channels.
    """

    @property
    def name(self) -> str:
        """Unique within its dataset."""

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks; empty where a dataset publishes mixes only."""

    @property
    def mix(self) -> Path | None:
        """The finished mix, aligned with the tracks, where the dataset has one."""

    @property
    def artist(self) -> str | None:
        """Who made the song, for attribution."""

    @property
    def licence(self) -> str | None:
        """The licence of the audio, as the dataset states it."""

    @property
    def split(self) -> str | None:
        """One of `SPLITS` where the dataset defines splits, else None."""


@dataclass(frozen=True)
class Song:
    """A song of a dataset: what the adapters yield and `Manifest.songs` returns (see `Multitrack`)."""

    name: str
    tracks: tuple[Track, ...] = ()
    mix: Path | None = None
    artist: str | None = None
    licence: str | None = None
    split: str | None = None
