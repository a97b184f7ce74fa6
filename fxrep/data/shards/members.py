"""Passages as bytes: FLAC or Opus, the same bytes for the same audio."""

from __future__ import annotations

import io
import zlib

import numpy as np
import soundfile
import torch
from torch import Tensor

from fxrep.audio import match_channels, resample
from fxrep.errors import DataError

CODECS = {
    "flac": ("flac", "FLAC", "PCM_24"),
    "flac16": ("flac", "FLAC", "PCM_16"),
    "opus": ("opus", "OGG", "OPUS"),
}
"""Suffix, container and sample format by the name that a user gives."""

OPUS_HZ = 48000

_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def member_rate(codec: str, sample_rate: int) -> int:
    """The rate in Hz that audio of `sample_rate` is stored at: Opus knows few."""
    return OPUS_HZ if codec == "opus" else sample_rate


def encode(audio: Tensor, sample_rate: int, codec: str) -> tuple[bytes, float]:
    """Audio (C, T) at `sample_rate` as the bytes of a file, and the gain in dB that it was given.

    Whole numbers end at full scale, so what peaks above it is lowered to it; readers take the gain back.

    Args:
        audio: float32; C is 1 or 2.
        sample_rate: Hz, of the audio and, unless the codec is Opus, of the file.
        codec: one of `CODECS`.
    """
    _, container, subtype = CODECS[codec]
    stored_hz = member_rate(codec, sample_rate)
    audio = audio if stored_hz == sample_rate else resample(audio, sample_rate, stored_hz)
    # In steps of a hundredth of a decibel, downwards: the gain stands in a text.
    gain_db = min(0.0, float(np.floor(-2000.0 * np.log10(max(float(audio.abs().max()), 1e-9)))) / 100.0)
    samples = (audio * 10.0 ** (gain_db / 20.0)).T.numpy()
    file = io.BytesIO()
    soundfile.write(file, samples, stored_hz, format=container, subtype=subtype)
    return (_with_fixed_serial(file.getvalue()) if container == "OGG" else file.getvalue()), gain_db


def decode(
    data: bytes | memoryview, name: str, start_s: float = 0.0, duration_s: float | None = None
) -> tuple[Tensor, int]:
    """An excerpt (2, T) of the bytes of a file, and its rate in Hz. Only what is asked for is decoded.

    Args:
        data: as `encode` gave them.
        name: what an error calls them.
        start_s: seconds from the beginning.
        duration_s: seconds; None reads to the end.

    Raises:
        DataError: the bytes are no such file.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            file.seek(min(round(start_s * file.samplerate), file.frames))
            frames = -1 if duration_s is None else max(1, round(duration_s * file.samplerate))
            samples = file.read(frames, dtype="float32", always_2d=True)
            rate = int(file.samplerate)
    except soundfile.SoundFileError as error:
        raise DataError(f"{name} cannot be decoded ({error}): write the shards again with fxrep data shard") from error
    return match_channels(torch.from_numpy(np.ascontiguousarray(samples.T)), 2), rate


def _with_fixed_serial(data: bytes) -> bytes:
    """The same Ogg stream (RFC 3533) with serial number 0: the encoder draws one from the clock."""
    out, place = bytearray(data), 0
    while place < len(out):
        segments = out[place + 26]
        end = place + 27 + segments + sum(out[place + 27 : place + 27 + segments])
        out[place + 14 : place + 18] = bytes(4)
        out[place + 22 : place + 26] = bytes(4)
        out[place + 22 : place + 26] = _ogg_checksum(bytes(out[place:end])).to_bytes(4, "little")
        place = end
    return bytes(out)


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 of an Ogg page: zlib's polynomial with every bit order reversed, and nothing inverted."""
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
