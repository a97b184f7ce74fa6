"""Decoding with soundfile (libsndfile): WAV, AIFF, FLAC, OGG Vorbis, Opus and MP3, with seeking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from fxrep.audio.containers import find_last_ogg_page
from fxrep.audio.info import AudioInfo, DecodeError

# What libsndfile answers for a FLAC or Opus file that does not tell its length is near the largest 64-bit number.
_LONGEST_FRAMES = 1 << 48

# The bit reservoir reaches back nine frames at most, which is longest at the lowest rates.
_MP3_PRE_ROLL_S = 0.5
# The longest window of Vorbis.
_VORBIS_PRE_ROLL = 8192


class _ForwardFile(soundfile.SoundFile):
    """A file that soundfile does not seek after every read, which it does to keep one position for both directions.

    In MP3 that seek loses the bit reservoir and spoils the first thousands of samples of the next block; in Opus with
    packets that span pages it fails in libsndfile 1.2.2, with an empty message, although reading on would go well.
    """

    def seekable(self) -> bool:
        return False


def inspect_sound_file(path: Path) -> AudioInfo:
    """Read the header.

    Raises:
        DecodeError: libsndfile does not know the format, or cannot tell the length.
    """
    try:
        info = soundfile.info(str(path))
    except soundfile.SoundFileError as error:
        raise DecodeError(_reason(error)) from error
    if info.frames > _LONGEST_FRAMES:
        raise DecodeError("the length is unknown")
    duration_s = info.frames / info.samplerate
    return AudioInfo(path, info.samplerate, info.channels, info.frames, duration_s, info.format, info.subtype)


def decode_sound_file(path: Path, start: int, block_frames: int) -> Iterator[np.ndarray]:
    """Yield float32 blocks `(frames, channels)` of at most `block_frames` from frame `start` to the end.

    Raises:
        DecodeError: libsndfile gave up, at the position after the last block.
    """
    try:
        with _ForwardFile(str(path)) as file:
            _seek(file, path, start)
            while len(block := file.read(block_frames, dtype="float32", always_2d=True)):
                yield block
    except soundfile.SoundFileError as error:
        raise DecodeError(_reason(error)) from error


def _seek(file: soundfile.SoundFile, path: Path, start: int) -> None:
    """Go to frame `start` so that what follows is what decoding from the beginning gives there."""
    target = start
    if start and file.subtype.startswith("MPEG"):
        # A frame of MP3 borrows bits from those before it; without them its first samples come out wrong.
        target = max(0, start - round(_MP3_PRE_ROLL_S * file.samplerate))
    elif start and file.subtype == "VORBIS":
        # libsndfile 1.2.2 lands late in the last page, by as many samples as are trimmed at the end of the stream:
        # from the page before it the way forward is right.
        last_page = find_last_ogg_page(path)
        target = min(start, max(0, last_page - _VORBIS_PRE_ROLL)) if last_page is not None else 0
    if target and file.seek(target) != target:
        raise DecodeError(f"cannot seek to frame {target}")
    if target < start:
        file.read(start - target, dtype="float32")


def _reason(error: Exception) -> str:
    # The text of these errors can be empty.
    return getattr(error, "error_string", "").strip(" .") or "libsndfile failed without saying why"
