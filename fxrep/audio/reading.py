"""Reading audio files: whole, an excerpt, or block by block. Only what is asked for is decoded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from numbers import Real

import numpy as np
import torch
from torch import Tensor

from fxrep.audio.info import AudioInfo
from fxrep.audio.layout import check_channels, match_channels
from fxrep.audio.paths import audio_path
from fxrep.audio.resampling import StreamResampler, check_rate, resample
from fxrep.audio.sources import Source, check_readable, decode, open_source
from fxrep.errors import ArgumentError, AudioError


def audio_info(path: str | os.PathLike[str], *, stream: int = 0) -> AudioInfo:
    """Read what the header says, without decoding. Any number of channels is reported.

    Args:
        path: an audio file.
        stream: which audio stream of a container with several (a stem file); 0 is the first, the mixture.

    Raises:
        AudioError: missing, empty, truncated as far as the container tells, or not audio.
    """
    return open_source(audio_path(path), stream).info


def load_audio(
    path: str | os.PathLike[str],
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    sample_rate: int | None = None,
    channels: int | None = None,
    stream: int = 0,
) -> tuple[Tensor, int]:
    """Read a file, or the excerpt of it from `start_s`, seeking there.

    Args:
        path: WAV, AIFF, FLAC, OGG Vorbis, Opus or MP3; with the extra `media` also AAC, M4A and MP4.
        start_s: seconds from the beginning.
        duration_s: seconds; None reads to the end. Past the end, what is there comes back.
        sample_rate: Hz to resample to; None keeps the file's.
        channels: 1 (average) or 2 (mono copied to both); None keeps the file's.
        stream: which audio stream of a container with several (a stem file); 0 is the first, the mixture.

    Returns:
        `(channels, samples)` float32, full scale at 1.0, and its sample rate in Hz.

    Raises:
        ArgumentError: `path` is none, or a time, rate or channel count is out of range.
        AudioError: the file is missing, empty, not audio, truncated, damaged, has more than two channels, holds NaN
            or infinite samples, or ends before `start_s`.
    """
    if not (_is_number(start_s) and 0 <= start_s < float("inf")):
        raise ArgumentError(f"start_s is {start_s!r}: expected seconds from 0")
    if duration_s is not None and not (_is_number(duration_s) and 0 < duration_s < float("inf")):
        raise ArgumentError(f"duration_s is {duration_s!r}: expected seconds above 0, or None for all")
    _check_conversion(sample_rate, channels)
    source = open_source(audio_path(path), stream)
    check_readable(source.info)
    rate, frames = source.info.sample_rate, source.info.frames
    start = round(start_s * rate)
    if start >= frames:
        raise AudioError(f"{path} lasts {source.info.duration_s:.3f} s: start_s {start_s} is past its end")
    wanted = frames - start if duration_s is None else min(frames - start, max(1, round(duration_s * rate)))
    audio = _gather(source, start, wanted)
    # Averaging first halves the work of resampling.
    audio = audio if channels is None else match_channels(audio, channels)
    return (audio, rate) if sample_rate is None else (resample(audio, rate, sample_rate), sample_rate)


def iter_blocks(
    path: str | os.PathLike[str], block_s: float, *, target_rate: int | None = None, channels: int | None = None
) -> Iterator[Tensor]:
    """Read a file of any length in consecutive blocks, in constant memory.

    The blocks join to what `load_audio` gives for the whole file, also when they are resampled.

    Args:
        path: an audio file, as for `load_audio`.
        block_s: seconds in a block.
        target_rate: Hz to resample to; None keeps the file's.
        channels: 1 or 2; None keeps the file's.

    Yields:
        `(channels, samples)` float32; the last block may be shorter.

    Raises:
        ArgumentError: `path` is none, or a time, rate or channel count is out of range.
        AudioError: as `load_audio`, when the fault is reached.
    """
    if not 0 < block_s < float("inf"):
        raise ArgumentError(f"block_s is {block_s}: expected seconds above 0")
    _check_conversion(target_rate, channels)
    source = open_source(audio_path(path))
    check_readable(source.info)
    rate = target_rate or source.info.sample_rate
    return _regroup(_convert(source, rate, channels), max(1, round(block_s * rate)))


def _check_conversion(sample_rate: int | None, channels: int | None) -> None:
    if sample_rate is not None:
        check_rate(sample_rate)
    if channels is not None:
        check_channels(channels)


def _is_number(value: object) -> bool:
    return isinstance(value, Real)


def _gather(source: Source, start: int, wanted: int) -> Tensor:
    info = source.info
    try:
        audio = np.empty((info.channels, wanted), np.float32)
    except MemoryError:
        gigabytes = 4e-9 * info.channels * wanted
        raise AudioError(
            f"{info.path} needs {gigabytes:.1f} GB of memory: read an excerpt (duration_s) or use iter_blocks"
        ) from None
    filled = 0
    for block in decode(source, start, wanted):
        audio[:, filled : filled + len(block)] = block.T
        filled += len(block)
    if not filled:
        raise AudioError(f"{info.path} holds nothing at {start / info.sample_rate:.3f} s: only padding follows")
    return torch.from_numpy(audio)[:, :filled]


def _convert(source: Source, rate: int, channels: int | None) -> Iterator[Tensor]:
    resampler = StreamResampler(source.info.sample_rate, rate, channels or source.info.channels)
    for block in decode(source, 0, source.info.frames):
        audio = torch.from_numpy(np.ascontiguousarray(block.T))
        yield resampler.push(audio if channels is None else match_channels(audio, channels))
    yield resampler.finish()


def _regroup(pieces: Iterator[Tensor], size: int) -> Iterator[Tensor]:
    held: list[Tensor] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += piece.shape[-1]
        if count < size:
            continue
        joined = torch.cat(held, dim=-1)
        whole = count - count % size
        # Copies, so that a block that is kept does not keep its neighbours in memory.
        yield from (joined[:, begin : begin + size].clone() for begin in range(0, whole, size))
        held, count = [joined[:, whole:].clone()], count - whole
    if count:
        yield torch.cat(held, dim=-1)
