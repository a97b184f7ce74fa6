"""Sections of a song with settings of their own, and how one passes into the next without a click."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from fxrep.effects.console import ConsoleSettings
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError

FADE_S = 0.1


@dataclass
class Section:
    """A part of a song that is set in its own way, from `start_s` to the next section or the end.

    Attributes:
        start_s: seconds, above 0; the middle of the cross-fade from what was set before.
        settings: of the whole console, for the same tracks.
        fade_s: length of the cross-fade in seconds.
    """

    start_s: float
    settings: ConsoleSettings
    fade_s: float = FADE_S


def check_sections(sections: Sequence[Section], duration_s: float) -> None:
    """Refuse sections that cannot follow one another.

    Raises:
        ArgumentError: naming the section, from 1.
    """
    before = 0.0
    for number, section in enumerate(sections, start=1):
        if not isinstance(section, Section):
            raise ArgumentError(f"section {number} is a {type(section).__name__}: expected Section(start_s, settings)")
        for name, value in (("start_s", section.start_s), ("fade_s", section.fade_s)):
            if not is_number(value) or not 0 <= value < math.inf:
                raise ArgumentError(f"section {number}: {name} is {value!r}; expected seconds, 0 or more")
        if section.start_s - section.fade_s / 2 < before or section.start_s == 0:
            raise ArgumentError(
                f"section {number} begins at {section.start_s:g} s with a cross-fade of {section.fade_s:g} s; it must "
                f"begin after the one before, whose cross-fade ends at {before:g} s"
            )
        if section.start_s >= duration_s:
            raise ArgumentError(
                f"section {number} begins at {section.start_s:g} s; the tracks end at {duration_s:.3f} s"
            )
        before = section.start_s + section.fade_s / 2


class Player(Protocol):
    """Blocks of all tracks in, what they sound like out; as much comes out as goes in, some of it later."""

    def push(self, blocks: list[torch.Tensor]) -> torch.Tensor:
        """Take the next block (C, T) of each track and return what is ready, (2, T')."""

    def finish(self) -> torch.Tensor:
        """Return what is still owed, (2, T'). A finished player takes no more blocks."""


@dataclass
class Part:
    """One way to play, for a stretch of the song, in samples.

    Attributes:
        make: opens the player.
        opens: the first sample that it hears, early enough that at `begins` it remembers what it would remember had
            it heard all.
        begins: where the cross-fade into it begins.
        full: where it alone is heard.
        fades: where the cross-fade out of it begins; None: never.
        ends: where it is no longer heard; None: never.
    """

    make: Callable[[], Player]
    opens: int = 0
    begins: int = 0
    full: int = 0
    fades: int | None = None
    ends: int | None = None

    def weight(self, start: int, stop: int) -> torch.Tensor | None:
        """Return its share (stop - start,) of what is heard from `start` on; None is all.

        A raised cosine: the shares of both sides add up to one, as fits two versions of the same music.
        """
        if start >= self.full and (self.fades is None or stop <= self.fades):
            return None
        time = torch.arange(start, stop, dtype=torch.float64)
        share = _rise(time, self.begins, self.full)
        if self.fades is not None and self.ends is not None:
            share = share * (1 - _rise(time, self.fades, self.ends))
        return share.float()


class SectionPlayer:
    """Players one after the other, cross-faded, each opened before it is heard and dropped when it no longer is.

    Args:
        parts: in order; each begins where the one before fades.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.coming = list(parts)
        self.playing: list[_Playing] = []
        self.heard = 0
        self.given = 0

    def push(self, blocks: list[torch.Tensor]) -> torch.Tensor:
        """Send the block to all players that are to hear it."""
        after = self.heard + blocks[0].shape[-1]
        while self.coming and self.coming[0].opens < after:
            self.playing.append(_Playing(self.coming.pop(0)))
        for one in self.playing:
            skipped = max(0, one.part.opens - self.heard)
            one.take(one.player.push([block[:, skipped:] for block in blocks]))
        self.heard = after
        return self._ready()

    def finish(self) -> torch.Tensor:
        """Finish all players."""
        for one in self.playing:
            one.take(one.player.finish())
        return self._ready()

    def _ready(self) -> torch.Tensor:
        stop = int(min([self.heard, *(one.limit() for one in self.playing)]))
        if stop <= self.given:
            return torch.zeros(2, 0)
        pieces = [piece for one in self.playing if (piece := one.hand_over(self.given, stop)) is not None]
        self.given = stop
        self.playing = [one for one in self.playing if one.part.ends is None or one.part.ends > stop]
        return pieces[0] if len(pieces) == 1 else torch.stack(pieces).sum(0)


class _Playing:
    """A player at work, and what came out of it and was not heard yet."""

    def __init__(self, part: Part) -> None:
        self.part, self.player = part, part.make()
        self.kept = torch.zeros(2, 0)
        self.position = part.opens

    def take(self, piece: torch.Tensor) -> None:
        self.kept = torch.cat((self.kept, piece), -1) if self.kept.shape[-1] else piece
        # What came out before it is heard was only to warm it up.
        early = min(max(0, self.part.begins - self.position), self.kept.shape[-1])
        if early:
            self.kept, self.position = self.kept[:, early:].clone(), self.position + early

    def limit(self) -> int | float:
        """Return up to where it does not keep the others waiting."""
        reached = self.position + self.kept.shape[-1]
        return math.inf if self.part.ends is not None and reached >= self.part.ends else max(reached, self.part.begins)

    def hand_over(self, start: int, stop: int) -> torch.Tensor | None:
        """Return its share of (2, stop - start), or None where it has none."""
        first, last = max(start, self.part.begins), min(stop, self.part.ends or stop)
        if first >= last:
            return None
        piece = self.kept[:, first - self.position : last - self.position]
        share = self.part.weight(first, last)
        piece = piece.clone() if share is None else piece * share
        self.kept, self.position = self.kept[:, last - self.position :].clone(), last
        return torch.nn.functional.pad(piece, (first - start, stop - last))


def _rise(time: torch.Tensor, start: int, stop: int) -> torch.Tensor:
    """From 0 at the start to 1 at the stop, without corners; a step where they are one."""
    if stop <= start:
        return (time >= start).to(time.dtype)
    return 0.5 - 0.5 * torch.cos(math.pi * ((time - start) / (stop - start)).clamp(0, 1))
