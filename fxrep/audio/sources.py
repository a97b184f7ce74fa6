"""Choosing a decoder for a file, and changing it when the first one fails.

soundfile comes first: it is fast, seeks to the sample and needs nothing else. PyAV, where it is installed, reads what
soundfile cannot open and takes over where soundfile stops in the middle. What neither can decode is an error, so
that nothing is ever cut short in silence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from fxrep.audio.containers import find_fault
from fxrep.audio.info import AudioInfo, DecodeError
from fxrep.audio.layout import DOWN_MIX_ADVICE
from fxrep.audio.limits import LARGEST_SAMPLE, RATES_HZ
from fxrep.audio.media_file import decode_media_file, inspect_media_file
from fxrep.audio.paths import check_name
from fxrep.audio.resampling import StreamResampler
from fxrep.audio.sound_file import decode_sound_file, inspect_sound_file
from fxrep.errors import AudioError, MissingExtraError

logger = logging.getLogger(__name__)

# Containers of lossy codecs count the delay of the encoder (2112 samples in AAC) and round up to whole frames
# (1024 in AAC, 1152 in MP3, and decoders differ by one): that much missing at the very end is padding, not music.
_LOSSY_SLACK_FRAMES = 4096
_LOSSY_SUBTYPES = ("AAC", "MP3", "MPEG_LAYER_III", "MP3FLOAT", "OPUS", "VORBIS")
_BLOCK_FRAMES = 1 << 19
# The most that a byte stands for: silence in FLAC, in blocks of 65535 samples.
_FRAMES_PER_BYTE = 8192


@dataclass(frozen=True)
class Source:
    """A file, what its header says, and how to decode it."""

    info: AudioInfo
    stream: int
    by_soundfile: bool


def open_source(path: Path, stream: int = 0) -> Source:
    """Find the decoder that opens a file, and read the header.

    Raises:
        AudioError: missing, empty, truncated as far as the container tells, or not audio.
    """
    _check_file(path)
    reason = f"stream {stream} was asked for"
    if stream == 0:
        try:
            return Source(inspect_sound_file(path), stream, by_soundfile=True)
        except DecodeError as failure:
            reason = str(failure)
    try:
        return Source(inspect_media_file(path, stream), stream, by_soundfile=False)
    except MissingExtraError:
        raise AudioError(
            f"{path} cannot be read by soundfile ({reason}): check that it is audio; AAC, M4A and MP4 need pip install "
            '"fxrep[media]"'
        ) from None
    except DecodeError as failure:
        raise AudioError(f"{path} is not audio that can be read ({failure}): convert it or leave it out") from failure


def check_readable(info: AudioInfo) -> None:
    """Refuse what opens but cannot be used.

    Raises:
        AudioError: more than two channels, a sample rate or a length that cannot be, or no samples.
    """
    if info.channels > 2:
        raise AudioError(f"{info.path} has {info.channels} channels, one or two are expected: {DOWN_MIX_ADVICE}")
    if not RATES_HZ[0] <= info.sample_rate <= RATES_HZ[1]:
        raise AudioError(
            f"{info.path} says that its sample rate is {info.sample_rate} Hz, {RATES_HZ[0]} to {RATES_HZ[1]} are "
            "expected: its header is damaged; copy or export it again"
        )
    if info.frames < 1:
        raise AudioError(f"{info.path} holds no samples: export it again or leave it out")
    _check_length(info)


def _check_length(info: AudioInfo) -> None:
    try:
        size = info.path.stat().st_size
    except OSError:  # it has gone: whoever decodes it says so
        return
    if info.frames > _FRAMES_PER_BYTE * size:
        hours = info.frames / info.sample_rate / 3600
        raise AudioError(
            f"{info.path} says that it lasts {hours:.3g} hours, which {size} bytes cannot hold: its header is damaged; "
            "copy or export it again"
        )


def decode(source: Source, start: int, wanted: int) -> Iterator[np.ndarray]:
    """Yield blocks `(frames, channels)` that add up to `wanted` frames from frame `start`.

    Fewer come only from lossy codecs at the very end of the file, by less than a tenth of a second.

    Raises:
        AudioError: the data is truncated or corrupt, or holds samples that are NaN, infinite or far beyond full scale.
    """
    done = 0
    failure = "the data ends"
    for open_at in _decoders(source, wanted):
        try:
            for block in open_at(start + done):
                kept = block[: wanted - done]
                _check_samples(source.info, start + done, kept)
                done += len(kept)
                yield kept
                if done >= wanted:
                    return
        except DecodeError as error:
            failure = str(error)
        except MissingExtraError:
            failure += '; pip install "fxrep[media]" brings a second decoder'
            break
        else:
            if _is_padding(source.info, start + done):
                return
        logger.info("%s: decoding stopped at frame %d (%s)", source.info.path, start + done, failure)
    reached_s = (start + done) / source.info.sample_rate
    raise AudioError(
        f"{source.info.path} is truncated or damaged: decoding stops at {reached_s:.2f} s of "
        f"{source.info.duration_s:.2f} s ({failure}): copy or export it again"
    )


def _decoders(source: Source, wanted: int) -> list[Callable[[int], Iterator[np.ndarray]]]:
    """What to try one after the other: each takes the frame to begin at."""
    by_media = partial(_decode_media_at_rate, source)
    if not source.by_soundfile:
        return [by_media]
    return [partial(decode_sound_file, source.info.path, block_frames=min(wanted, _BLOCK_FRAMES)), by_media]


def _decode_media_at_rate(source: Source, start: int) -> Iterator[np.ndarray]:
    """Decode with PyAV at the rate that the header gave.

    They differ for Opus only: libsndfile decodes at 8 to 48 kHz as the header suggests, FFmpeg always at 48 kHz.
    """
    info = source.info
    rate = inspect_media_file(info.path, source.stream).sample_rate if source.by_soundfile else info.sample_rate
    resampler = StreamResampler(rate, info.sample_rate, info.channels)
    for block in decode_media_file(info.path, start * rate // info.sample_rate, source.stream):
        if block.shape[1] != info.channels:
            raise DecodeError(f"{info.channels} channels become {block.shape[1]}")
        yield resampler.push(torch.from_numpy(block.T)).numpy().T
    yield resampler.finish().numpy().T


def _is_padding(info: AudioInfo, reached: int) -> bool:
    return info.subtype in _LOSSY_SUBTYPES and reached >= info.frames - _LOSSY_SLACK_FRAMES


def _check_samples(info: AudioInfo, position: int, block: np.ndarray) -> None:
    # NaN becomes both the least and the largest value, and compares as false.
    if not len(block) or (block.min() >= -LARGEST_SAMPLE and block.max() <= LARGEST_SAMPLE):
        return
    usable = (np.abs(block) <= LARGEST_SAMPLE).all(axis=1)
    seconds = (position + int(np.argmin(usable))) / info.sample_rate
    kind = "samples far beyond full scale" if np.isfinite(block).all() else "NaN or infinite samples"
    raise AudioError(f"{info.path} holds {kind}, the first at {seconds:.3f} s: export it again or leave it out")


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise AudioError(f"{path} is a folder: give an audio file")
    check_name(path)
    try:
        if path.stat().st_size == 0:
            raise AudioError(f"{path} is empty (0 bytes): copy or download it again")
        fault = find_fault(path)
    except FileNotFoundError:
        raise AudioError(f"{path} does not exist: check the path") from None
    except OSError as error:
        raise AudioError(f"{path} cannot be opened ({error.strerror}): check its permissions") from error
    if fault:
        raise AudioError(f"{path} {fault}: copy or download it again")
