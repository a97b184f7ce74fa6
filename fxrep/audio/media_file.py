"""Decoding with PyAV (FFmpeg's libraries), the extra `media`: AAC, M4A, MP4 stems, and what libsndfile cannot read.

Positions come from the timestamps in the container, so a seek lands on the sample asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fxrep.audio.info import AudioInfo, DecodeError
from fxrep.errors import require

# Codecs with overlapping windows and running state need some audio before the first sample that is kept: Opus asks
# for 80 ms, AAC and MP3 for a few frames (MP3 also for its bit reservoir).
_PRE_ROLL_S = 0.25
# FFmpeg also opens lists of other files (concat scripts, playlists, session descriptions) and would read those: a file
# that is given must never make another one, or an address, be read.
_FORMATS = (
    "wav,w64,aiff,caf,au,flac,ogg,mp3,aac,loas,mov,matroska,asf,avi,mpeg,mpegts,flv,ac3,eac3,dts,truehd,amr,ape,wv,tta,"
    "tak,mpc,mpc8,dsf,iff,xwma,oma,rm"
)
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}


def inspect_media_file(path: Path, stream: int = 0) -> AudioInfo:
    """Read the header of audio stream number `stream`.

    Raises:
        DecodeError: no such stream, or not a media file.
        MissingExtraError: PyAV is not installed.
    """
    with _open(path, stream) as (container, track):
        codec = track.codec_context
        names = container.format.name.upper().split(",")
        if codec is None:
            raise DecodeError("its audio is of a kind that no decoder is known for")
        if not codec.sample_rate or not codec.channels:
            # FFmpeg believes the suffix: words in a file named .flac open as FLAC without a sample rate.
            raise DecodeError("no audio is found in it")
        ticks = track.duration
        if ticks is None or "AAC" in names:
            # Raw AAC has no header, and FFmpeg guesses its length from the bit rate: its packets are counted.
            ticks = sum(packet.duration or 0 for packet in container.demux(track))
        frames = round(ticks * track.time_base * codec.sample_rate)
        kind = "MP4" if "MP4" in names else names[0]
        return AudioInfo(
            path, codec.sample_rate, codec.channels, frames, frames / codec.sample_rate, kind, codec.name.upper()
        )


def decode_media_file(path: Path, start: int, stream: int = 0) -> Iterator[np.ndarray]:
    """Yield float32 blocks `(frames, channels)`, as long as the codec makes them, from frame `start` to the end.

    Raises:
        DecodeError: the data is corrupt, or the stream does not exist.
        MissingExtraError: PyAV is not installed.
    """
    av = require("av", "media")
    with _open(path, stream) as (container, track):
        rate = track.codec_context.sample_rate
        origin = track.start_time or 0
        # Near the beginning there is nothing to skip, and a seek would lose the packet that primes the decoder.
        target_s = start / rate - _PRE_ROLL_S
        if target_s > 0:
            container.seek(int(origin + target_s / track.time_base), stream=track, backward=True)
        converter = av.AudioResampler(format="fltp")
        position: int | None = None
        for frame in container.decode(track):
            if position is None:
                position = round((frame.pts - origin) * track.time_base * rate) if target_s > 0 else 0
            for converted in converter.resample(frame):
                block = converted.to_ndarray().T
                skip = max(start - position, 0)
                position += len(block)
                if skip < len(block):
                    yield np.ascontiguousarray(block[skip:], dtype=np.float32)


@contextmanager
def _open(path: Path, stream: int) -> Iterator[tuple[Any, Any]]:
    av = require("av", "media")
    try:
        # With the protocol in front no name is taken for an address.
        with av.open(f"file:{path}", options=_OPTIONS) as container:
            tracks = container.streams.audio
            if not 0 <= stream < len(tracks):
                raise DecodeError(f"audio stream {stream} was asked for and it has {len(tracks)}")
            yield container, tracks[stream]
    except (av.FFmpegError, OSError, TypeError, ValueError) as error:
        raise DecodeError(getattr(error, "strerror", None) or str(error)) from error
