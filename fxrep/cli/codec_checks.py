"""What `fxrep doctor` tries of every codec: a tone is written, read back, and must be the same tone."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

TONE_RATE = 48000
TONE_PEAK = 0.25


def round_trip(suffix: str) -> str:
    """Write and read the tone in the format of `suffix`; what happened, or any error of the codec."""
    from fxrep.audio import save_audio

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"tone{suffix}"
        save_audio(path, tone(), TONE_RATE)
        return _level_after(path)


def aac_round_trip() -> str:
    """The same for AAC in an MP4 container, which PyAV writes: fxrep itself only reads it."""
    import av

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tone.m4a"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=TONE_RATE)
            frame = av.AudioFrame.from_ndarray(tone().numpy(), format="fltp", layout="stereo")
            frame.sample_rate = TONE_RATE
            for part in (frame, None):
                container.mux(stream.encode(part))
        return _level_after(path)


def tone() -> Tensor:
    """(2, 48000): one second of 440 Hz at 48 kHz, a quarter of full scale."""
    import torch

    phase = 2.0 * torch.pi * 440.0 / TONE_RATE * torch.arange(TONE_RATE)
    return TONE_PEAK * torch.stack([phase.sin(), phase.cos()])


def _level_after(path: Path) -> str:
    """Decode what was encoded from `tone`; its level must have survived to 1 dB."""
    from fxrep.audio import load_audio

    audio, rate = load_audio(path)
    middle = audio[:, audio.shape[-1] // 4 : audio.shape[-1] // 2]
    change_db = 20.0 * float((middle.square().mean().sqrt() / (TONE_PEAK / 2**0.5)).log10())
    if rate != TONE_RATE or audio.shape[0] != 2 or not abs(change_db) < 1.0:
        raise ValueError(f"a tone came back with {audio.shape[0]} channels at {rate} Hz, {change_db:+.1f} dB")
    return f"written and read ({change_db:+.2f} dB)"
