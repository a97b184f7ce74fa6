"""What happened to a recording after it was mixed: a lossy format, a missing top, another playback level."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import soundfile
import torch
from scipy import signal
from torch import Tensor

from fxrep.errors import ArgumentError

LOW_PASS_HZ = 8000.0
LOW_PASS_ORDER = 8
# Of 0 (best) to 1: about 64 kbit/s in stereo for MP3 as for Vorbis.
COMPRESSION = 0.8


def plain(audio: Tensor, sample_rate: int) -> Tensor:
    """Leave the audio as it is."""
    return audio


def low_passed(audio: Tensor, sample_rate: int) -> Tensor:
    """Take away what lies above 8 kHz (Butterworth, 48 dB per octave), (B, C, T) to the same."""
    edge = min(LOW_PASS_HZ, 0.45 * sample_rate)
    sections = signal.butter(LOW_PASS_ORDER, edge, fs=sample_rate, output="sos")
    filtered = signal.sosfilt(sections, audio.cpu().double().numpy(), axis=-1)
    return torch.from_numpy(filtered).to(audio)


def mp3(audio: Tensor, sample_rate: int) -> Tensor:
    """Encode as MP3 and decode, (B, C, T) to the same."""
    return _coded(audio, sample_rate, "MP3", "MPEG_LAYER_III")


def vorbis(audio: Tensor, sample_rate: int) -> Tensor:
    """Encode as Ogg Vorbis and decode, (B, C, T) to the same."""
    return _coded(audio, sample_rate, "OGG", "VORBIS")


MEDIA: dict[str, Callable[[Tensor, int], Tensor]] = {
    "plain": plain,
    "low-pass": low_passed,
    "mp3": mp3,
    "vorbis": vorbis,
}


def create_medium(name: str) -> Callable[[Tensor, int], Tensor]:
    """One of `MEDIA` by name.

    Raises:
        ArgumentError: there is none of that name.
    """
    if name not in MEDIA:
        raise ArgumentError(f"no medium is called {name!r}; choose from {', '.join(MEDIA)}")
    return MEDIA[name]


def offset_levels(audio: Tensor, levels_db: Tensor) -> Tensor:
    """Give every clip of (B, C, T) its gain (B,) in dB; where all are 0 the audio stays as it is."""
    return audio * (10.0 ** (levels_db / 20.0)).to(audio)[:, None, None] if bool(levels_db.any()) else audio


def _coded(audio: Tensor, sample_rate: int, container: str, subtype: str) -> Tensor:
    decoded = []
    for clip in audio.cpu().numpy():
        # Encoders clip at full scale, which would be one more effect: code lower, and raise afterwards.
        scale = max(1.0, float(np.abs(clip).max()) / 0.9)
        memory = io.BytesIO()
        soundfile.write(memory, clip.T / scale, sample_rate, subtype, format=container, compression_level=COMPRESSION)
        memory.seek(0)
        back = scale * soundfile.read(memory, dtype="float32", always_2d=True)[0].T[:, : clip.shape[-1]]
        decoded.append(np.pad(back, ((0, 0), (0, clip.shape[-1] - back.shape[-1]))))
    return torch.from_numpy(np.stack(decoded)).to(audio)
