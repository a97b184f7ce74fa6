"""Short excerpts of recordings as text that a page can carry and play."""

from __future__ import annotations

import base64
import io
import logging
from pathlib import Path

import numpy as np
import soundfile
import torch

from fxrep.audio import audio_info, load_audio, normalize_loudness
from fxrep.errors import FxrepError

logger = logging.getLogger(__name__)

CLIP_RATE = 44100
CLIP_LUFS = -20.0
# About 100 kbit/s in stereo: MP3 is what every browser plays, from a data address too.
CLIP_COMPRESSION = 0.8
_FADE_S = 0.01


def encode_clip(path: str | Path, start_s: float, part_s: float, clip_s: float) -> str:
    """A stereo MP3 of a few seconds as a ``data:`` address.

    The clip is the middle of the part, brought to -20 LUFS without clipping: heard side by side, the louder of two
    recordings would seem the better one.

    Args:
        path: the recording.
        start_s: where the part starts, in seconds.
        part_s: how long it is, in seconds.
        clip_s: length of the clip in seconds.

    Raises:
        AudioError: the file cannot be read.
    """
    start_s = max(0.0, min(start_s, audio_info(path).duration_s - clip_s))
    middle = start_s + max(0.0, (part_s - clip_s) / 2)
    audio, rate = load_audio(path, start_s=middle, duration_s=clip_s, sample_rate=CLIP_RATE, channels=2)
    audio = normalize_loudness(audio, rate, CLIP_LUFS)
    audio = audio / max(1.0, float(audio.abs().max()) / 0.95)
    fade = torch.linspace(0.0, 1.0, max(1, min(audio.shape[-1] // 2, round(_FADE_S * rate))))
    audio[..., : len(fade)] *= fade
    audio[..., -len(fade) :] *= fade.flip(0)
    return _mp3_address(audio.numpy().T, rate)


def encode_clips(parts: list[tuple[str, float, float]], clip_s: float) -> tuple[list[str], list[tuple[str, str]]]:
    """Clips of many parts (path, start, length); empty where a file cannot be read, and why."""
    clips: list[str] = []
    failures: dict[str, str] = {}
    for path, start_s, part_s in parts:
        clip = ""
        if path not in failures:
            try:
                clip = encode_clip(path, start_s, part_s, clip_s)
            except FxrepError as error:
                failures[path] = str(error).removeprefix(path).lstrip(": ")
        clips.append(clip)
    return clips, list(failures.items())


def _mp3_address(audio: np.ndarray, rate: int) -> str:
    buffer = io.BytesIO()
    soundfile.write(buffer, audio, rate, format="MP3", subtype="MPEG_LAYER_III", compression_level=CLIP_COMPRESSION)
    return "data:audio/mpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
