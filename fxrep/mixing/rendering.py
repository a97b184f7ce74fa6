"""Playing a song through a console in blocks: the mix, what it is the sum of, or one track behind its strip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch.nn import functional as F

from fxrep.effects.console import ConsoleSettings, MixingConsole
from fxrep.effects.console.rendering import stereo
from fxrep.effects.console.track_reader import TrackReader
from fxrep.mixing.sections import Part, Player, Section, SectionPlayer
from fxrep.mixing.warm_up import warm_up_s

Pieces = list["torch.Tensor | None"]


class MixPlayer:
    """A console with its memory: the tracks on several threads, their sum meanwhile on the one that calls.

    Args:
        settings: of the mix; the blocks come in the order of its tracks.
        sample_rate: Hz.
        pool: its threads.
    """

    def __init__(self, settings: ConsoleSettings, sample_rate: int, pool: ThreadPoolExecutor) -> None:
        console = settings.console
        assert isinstance(console, MixingConsole)
        self.stream, self.pool = console.stream(sample_rate, settings), pool
        self.processed: Pieces | None = None

    def push(self, blocks: list[torch.Tensor]) -> torch.Tensor:
        """Process this block of the tracks while the one before is mixed."""
        working = [self.pool.submit(self.stream.push_track, number, block) for number, block in enumerate(blocks)]
        ready = torch.zeros(2, 0) if self.processed is None else self._join(self.processed)
        self.processed = [one.result() for one in working]
        return ready

    def finish(self) -> torch.Tensor:
        """Mix what is left."""
        ready = [] if self.processed is None else [self._join(self.processed)]
        numbers = range(len(self.stream.names))
        return torch.cat([*ready, self._end([self.stream.finish_track(number) for number in numbers])], -1)

    def _join(self, processed: Pieces) -> torch.Tensor:
        return self.stream.mix(processed)

    def _end(self, processed: Pieces) -> torch.Tensor:
        return self.stream.finish(processed)


class SplitPlayer(MixPlayer):
    """What the master strip is given, one below the other: (2 * places, T).

    Args:
        settings: of the mix.
        sample_rate: Hz.
        pool: its threads.
        places: tracks, groups and buses as (kind, name), in the order of the rows; of those that the settings do not
            use there is silence.
    """

    def __init__(
        self, settings: ConsoleSettings, sample_rate: int, pool: ThreadPoolExecutor, places: Sequence[tuple[str, str]]
    ) -> None:
        super().__init__(settings, sample_rate, pool)
        self.rows, self.count = [places.index(place) for place in self.stream.inputs], len(places)

    def _join(self, processed: Pieces) -> torch.Tensor:
        return self._placed(self.stream.split(processed))

    def _end(self, processed: Pieces) -> torch.Tensor:
        return self._placed(self.stream.finish_split(processed))

    def _placed(self, parts: torch.Tensor) -> torch.Tensor:
        found = torch.zeros(self.count, *parts.shape[1:])
        found[self.rows] = parts
        return found.flatten(0, 1)


class StripPlayer:
    """The strip of one track with its memory.

    Args:
        settings: of the mix.
        sample_rate: Hz.
        track: its name; the only one whose blocks are given.
    """

    def __init__(self, settings: ConsoleSettings, sample_rate: int, track: str) -> None:
        self.stream = settings.console.track.stream(sample_rate, settings.tracks[track])

    def push(self, blocks: list[torch.Tensor]) -> torch.Tensor:
        """Process the block."""
        return stereo(self.stream.push(blocks[0].unsqueeze(0)))[0]

    def finish(self) -> torch.Tensor:
        """Return what the strip owes."""
        rest = self.stream.finish()
        return torch.zeros(2, 0) if rest is None else stereo(rest)[0]


def arrange(
    settings: ConsoleSettings,
    sections: Sequence[Section],
    sample_rate: int,
    make: Callable[[ConsoleSettings], Player],
) -> Player:
    """Return what plays the whole song: one player, or those of the sections one after the other.

    Args:
        settings: from the beginning to the first section.
        sections: in order.
        sample_rate: Hz.
        make: opens a player for settings.
    """
    if not sections:
        return make(settings)
    parts: list[Part] = [_part(make, settings)]
    for section in sections:
        half = section.fade_s / 2
        begins, full = (round((section.start_s + sign * half) * sample_rate) for sign in (-1, 1))
        parts[-1].fades, parts[-1].ends = begins, full
        warm_up = min(warm_up_s(section.settings) * sample_rate, begins)
        parts.append(_part(make, section.settings, opens=begins - round(warm_up), begins=begins, full=full))
    return SectionPlayer(parts)


def _part(make: Callable[[ConsoleSettings], Player], settings: ConsoleSettings, **times: int) -> Part:
    return Part(lambda: make(settings), **times)


def play(
    player: Player, readers: Sequence[TrackReader], block: int, tail: int, pool: ThreadPoolExecutor
) -> Iterator[torch.Tensor]:
    """Read the tracks, ahead of what plays them, and yield what comes out.

    Args:
        player: takes a block of each reader.
        readers: of one block length.
        block: samples.
        tail: samples of silence to append.
        pool: threads to read on.

    Yields:
        (2, samples), never empty.
    """
    reading = [pool.submit(reader.read) for reader in readers]
    while True:
        blocks = [one.result() for one in reading]
        longest = max(piece.shape[-1] for piece in blocks)
        # Silence up to the longest track, and past it the tail.
        extra = min(tail, block - longest)
        tail -= extra
        if not longest + extra:
            break
        reading = [pool.submit(reader.read) for reader in readers]
        ready = player.push([F.pad(piece, (0, longest + extra - piece.shape[-1])) for piece in blocks])
        if ready.shape[-1]:
            yield ready
    rest = player.finish()
    if rest.shape[-1]:
        yield rest


class LevelledReader(TrackReader):
    """A track brought to the level at which the console is given it.

    Args:
        reader: of the track.
        gain_db: dB.
    """

    def __init__(self, reader: TrackReader, gain_db: float) -> None:
        self.blocks, self.nothing = reader.blocks, reader.nothing
        self.gain = 10 ** (gain_db / 20)

    def read(self) -> torch.Tensor:
        """Return the next block (C, T), empty past the end."""
        block = super().read()
        return block if self.gain == 1.0 else block * self.gain
