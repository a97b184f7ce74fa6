"""A mix as one thing: the tracks, their levels, the settings of the console, sections, and all that is made of it."""

from __future__ import annotations

from fxrep.mixing.sections import Section
from fxrep.mixing.session import TRACK_LUFS, MixSession, neutral_session
from fxrep.mixing.tracks import TrackSet

__all__ = ["TRACK_LUFS", "MixSession", "Section", "TrackSet", "neutral_session"]
