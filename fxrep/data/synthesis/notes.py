"""What composers write and instruments play."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScoreNote:
    """A note as written: exact, in beats.

    Attributes:
        beat: start, counted from the beginning of the song.
        beats: length.
        pitch: MIDI pitch; instruments without pitch ignore it.
        velocity: 0 to 1.
        articulation: how it is played; which words an instrument knows is said in its module.
        voice: the string it is on, or the number of its vowel.
    """

    beat: float
    beats: float
    pitch: float
    velocity: float
    articulation: str = ""
    voice: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """A note as played: in seconds, with the player's timing and touch. Fields as in `ScoreNote`."""

    start_s: float
    duration_s: float
    pitch: float
    velocity: float
    articulation: str = ""
    voice: int = 0
