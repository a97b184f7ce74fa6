"""Mixing whole songs in constant memory: several tracks at once, block by block, and the mix written as it comes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import torch
from torch.nn import functional as F

from fxrep.audio import AudioInput, audio_info
from fxrep.audio.block_writing import save_blocks
from fxrep.audio.resampling import check_rate
from fxrep.effects.console.blocks import ConsoleStream
from fxrep.effects.console.settings import ConsoleSettings
from fxrep.effects.console.track_reader import TrackReader, track_length
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError
from fxrep.progress import track_progress

Pieces = list[torch.Tensor | None]


def choose_rate(tracks: Mapping[str, AudioInput], sample_rate: int | None) -> int:
    """Return the sample rate of a mix.

    Raises:
        ArgumentError: what is given is no rate; or none is, and there is an array, or files disagree.
        AudioError: a file cannot be read.
    """
    if not tracks:
        raise ArgumentError("there are no tracks; give at least one")
    if sample_rate is not None:
        check_rate(sample_rate)
        return sample_rate
    rates: dict[int, str] = {}
    for name, source in tracks.items():
        if not isinstance(source, (str, os.PathLike)):
            raise ArgumentError(f"track {name} is an array, which has no sample rate: pass sample_rate")
        rates.setdefault(audio_info(source).sample_rate, name)
    if len(rates) > 1:
        found = ", ".join(f"{name} has {rate} Hz" for rate, name in rates.items())
        raise ArgumentError(f"tracks differ in sample rate ({found}): pass sample_rate to resample them to one")
    return next(iter(rates))


def open_tracks(
    tracks: Mapping[str, AudioInput], settings: ConsoleSettings, sample_rate: int, block: int
) -> list[TrackReader]:
    """Open the audio of every track of the settings, in their order.

    Raises:
        ArgumentError: a track has no audio, some audio has no track, or the block is not a length.
        AudioError: some audio is unusable.
    """
    if isinstance(block, bool) or not isinstance(block, int) or block < 1:
        raise ArgumentError(f"block is {block!r}; expected samples, 1 or more")
    for name in settings.tracks:
        if name not in tracks:
            raise ArgumentError(f"track {name} of the settings has no audio; there is {', '.join(tracks)}")
    for name in tracks:
        if name not in settings.tracks:
            raise ArgumentError(f"the settings have no track {name!r}; they have {', '.join(settings.tracks)}")
    return [TrackReader(name, tracks[name], sample_rate, block) for name in settings.tracks]


def check_tail(tail_s: float, sample_rate: int) -> int:
    """Return the length of the tail in samples.

    Raises:
        ArgumentError: it is not a time.
    """
    if not is_number(tail_s) or not 0.0 <= tail_s < math.inf:
        raise ArgumentError(f"tail_s is {tail_s!r}; expected seconds, 0 or more")
    return round(tail_s * sample_rate)


def mix_song(
    stream: ConsoleStream, readers: Sequence[TrackReader], tail: int, block: int, threads: int | None
) -> Iterator[torch.Tensor]:
    """Read, process and mix; see `MixingConsole.iter_song`.

    While the main thread mixes one block, the others process the tracks of the next and read the one after it.
    """
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise ArgumentError(f"threads is {threads!r}; expected 1 or more")
    workers = min(len(readers), threads or os.cpu_count() or 1)
    with ThreadPoolExecutor(workers, thread_name_prefix="console") as pool:
        numbers = range(len(readers))
        reading = [pool.submit(reader.read) for reader in readers]
        processed: Pieces | None = None
        while True:
            blocks, tail = _align([future.result() for future in reading], block, tail)
            if blocks is None:
                break
            working = [
                pool.submit(stream.push_track, number, piece) for number, piece in zip(numbers, blocks, strict=True)
            ]
            reading = [pool.submit(reader.read) for reader in readers]
            if processed is not None:
                yield from _some(stream.mix(processed))
            processed = _results(working)
        if processed is not None:
            yield from _some(stream.mix(processed))
        yield from _some(stream.finish([stream.finish_track(number) for number in numbers]))


def _results(futures: Sequence[Future[torch.Tensor]]) -> Pieces:
    return [future.result() for future in futures]


def _some(piece: torch.Tensor) -> Iterator[torch.Tensor]:
    if piece.shape[-1]:
        yield piece


def _align(blocks: Sequence[torch.Tensor], block: int, tail: int) -> tuple[list[torch.Tensor] | None, int]:
    """Fill what has ended with silence up to the longest track, and past it with the tail that remains."""
    longest = max(piece.shape[-1] for piece in blocks)
    extra = min(tail, block - longest)
    length = longest + extra
    if not length:
        return None, 0
    return [F.pad(piece, (0, length - piece.shape[-1])) for piece in blocks], tail - extra


def check_output(output: str | os.PathLike[str], tracks: Mapping[str, AudioInput]) -> None:
    """Refuse to write the mix over a recording that it is made of."""
    for name, source in tracks.items():
        if isinstance(source, (str, os.PathLike)) and Path(source).resolve() == Path(output).resolve():
            raise ArgumentError(f"{output} is track {name}: the mix would replace it; name another file")


def write_song(
    output: str | os.PathLike[str],
    blocks: Iterator[torch.Tensor],
    sample_rate: int,
    subtype: str | None,
    expected: int,
) -> Path:
    """Write the blocks of a mix to a file and show how far it is."""
    save_blocks(output, track_progress(blocks, "mix", expected), sample_rate, subtype=subtype)
    return Path(output)


def expected_blocks(tracks: Mapping[str, AudioInput], sample_rate: int, tail_s: float, block: int) -> int:
    """Return about how many blocks the mix will have."""
    longest = max(track_length(source, sample_rate) for source in tracks.values())
    return -(-(longest + check_tail(tail_s, sample_rate)) // block)
