"""Tracks that a method rendered: what is left of them to mix is their sum."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from fxrep.audio import AudioInput
from fxrep.effects.console import default_console
from fxrep.mixing.session import MixSession
from fxrep.mixing.tracks import TrackSet


class RenderedTracks(TrackSet):
    """Tracks in a temporary folder, which is there as long as anybody has them.

    Args:
        tracks: files by name.
        sample_rate: Hz.
        folder: that they lie in.

    Raises:
        AudioError: one of them cannot be read.
    """

    def __init__(self, tracks: Mapping[str, Path], sample_rate: int, folder: tempfile.TemporaryDirectory[str]) -> None:
        named: dict[str, AudioInput] = dict(tracks)
        super().__init__(named, sample_rate)
        self.folder = folder


def rendered_session(
    tracks: Mapping[str, Path], sample_rate: int, folder: tempfile.TemporaryDirectory[str]
) -> MixSession:
    """Return the sum of rendered tracks on a neutral console, to be edited from there.

    Args:
        tracks: files by name.
        sample_rate: Hz of the mix.
        folder: that they lie in; it goes with the session.

    Raises:
        ArgumentError: there are no tracks.
        AudioError: one of them cannot be read.
    """
    rendered = RenderedTracks(tracks, sample_rate, folder)
    return MixSession(default_console().default_settings(rendered.names), rendered)
