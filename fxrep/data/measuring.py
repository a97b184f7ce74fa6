"""What a scan measures on one audio file, in one pass and in constant memory.

Files are read in blocks of `_BLOCK_S` seconds. The integrated loudness is the exact one of BS.1770-4, not an average of
the blocks' loudness; only two numbers per 100 ms are kept, 0.6 MB for an hour.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from fxrep.audio import LoudnessStream, audio_info, iter_blocks
from fxrep.data.silence import SilenceMeter
from fxrep.errors import AudioError
from fxrep.files import file_hash

_BLOCK_S = 10.0


@dataclass(frozen=True)
class Measurement:
    """The measured columns of a manifest row (see `fxrep.data.ManifestRow` for units)."""

    duration_s: float
    sample_rate: int
    channels: int
    loudness_lufs: float
    silence_ratio: float
    content_hash: str
    size_bytes: int


def measure_file(path: str | os.PathLike[str]) -> Measurement:
    """Read one file to its end and measure it.

    Raises:
        AudioError: it is missing, not audio, empty, cut off, not finite, or has more than two channels.
    """
    info = audio_info(path)
    if info.channels > 2:
        raise AudioError(f"has {info.channels} channels: fold it down to mono or stereo first")
    meter, silence = LoudnessStream(info.sample_rate), SilenceMeter(info.sample_rate)
    for block in iter_blocks(path, _BLOCK_S):
        meter.add(block)
        silence.add(block)
    _check_complete(meter.frames, info.frames, info.sample_rate)
    loudness = meter.loudness()
    if not math.isfinite(loudness):
        raise AudioError("holds samples that are not finite (NaN or infinity): export it again")
    return Measurement(
        duration_s=meter.frames / info.sample_rate,
        sample_rate=info.sample_rate,
        channels=info.channels,
        loudness_lufs=loudness,
        silence_ratio=silence.ratio(),
        content_hash=content_hash(path),
        size_bytes=Path(path).stat().st_size,
    )


def content_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes in hexadecimal, as `sha256sum` prints it.

    Bytes and not decoded samples: the hash then does not depend on the version of a decoder, and a check needs no
    decoding. The price: the same audio in another container, or with other tags, is another content.
    """
    return file_hash(path)


def _check_complete(decoded: int, announced: int, sample_rate: int) -> None:
    if decoded == 0:
        raise AudioError("has no samples: export it again")
    # Encoders of compressed formats may announce a little more than there is to decode.
    if decoded < 0.99 * announced - 0.1 * sample_rate:
        have, want = decoded / sample_rate, announced / sample_rate
        raise AudioError(f"is cut off after {have:.1f} s of {want:.1f} s: copy it again")
