"""What counts as an audio input, defined once, and the one function that brings it inside."""

from __future__ import annotations

import os
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from fxrep.audio.layout import check_finite, check_layout, match_channels
from fxrep.audio.limits import check_recording_rate, check_scale
from fxrep.audio.reading import load_audio
from fxrep.audio.resampling import resample
from fxrep.errors import ArgumentError, AudioError

AudioInput: TypeAlias = str | os.PathLike[str] | np.ndarray | Tensor
"""A path to a file, or an array with its sample rate beside it.

An array is `(samples,)` or `(channels, samples)` with one or two channels, floating point with full scale at 1.0,
finite, not far beyond full scale, and at least one sample long; its rate is one that recordings have. Mono is copied
to both channels where two are wanted; another sample rate is resampled; more than two channels is an error that says
how to down-mix. Every function that takes audio takes this.
"""


def read_audio(
    audio: AudioInput, sample_rate: int | None = None, *, target_rate: int = 44100, channels: int = 2
) -> Tensor:
    """Bring any audio input to one layout: `(channels, samples)` float32 on the CPU at `target_rate`.

    Args:
        audio: a path, or an array `(samples,)` or `(channels, samples)`.
        sample_rate: Hz, 1000 to 1536000, required for an array. A file carries its own, and this is ignored for it.
        target_rate: Hz of the result.
        channels: 1 (channels averaged) or 2 (mono copied to both).

    Raises:
        ArgumentError: neither path nor array, an array without a sample rate, or an impossible rate or channel count.
        AudioError: the file or the array cannot be used; the message names the fault.
    """
    if isinstance(audio, (str, os.PathLike)):
        return load_audio(audio, sample_rate=target_rate, channels=channels)[0]
    if not isinstance(audio, (np.ndarray, Tensor)):
        raise ArgumentError(
            f"audio is a {type(audio).__name__}: give one recording, a path or an array (samples,) or "
            "(channels, samples), for example with numpy.asarray"
        )
    if sample_rate is None:
        raise ArgumentError("an array says nothing about its sample rate: pass sample_rate, for example 44100")
    check_recording_rate(sample_rate)
    waveform = check_audio(_as_channels_first(audio))
    check_scale(waveform)
    return match_channels(resample(waveform, sample_rate, target_rate), channels)


def check_audio(audio: Tensor, *, name: str = "audio") -> Tensor:
    """Return `audio` unchanged when it is usable, else say what is wrong with it.

    Args:
        audio: `(batch, channels, samples)` or `(channels, samples)`.
        name: how the message calls it.

    Raises:
        AudioError: not floating point, not finite, no samples, or other than one or two channels.
    """
    check_layout(audio, name=name)
    check_finite(audio, name=name)
    return audio


def _as_channels_first(audio: np.ndarray | Tensor) -> Tensor:
    if isinstance(audio, np.ndarray) and audio.dtype.kind not in "fiu":
        raise AudioError(f"audio holds {audio.dtype} values: convert to floating point with full scale at 1.0")
    waveform = torch.from_numpy(np.ascontiguousarray(audio)) if isinstance(audio, np.ndarray) else audio.detach().cpu()
    if waveform.is_floating_point():
        waveform = waveform.float()
    if waveform.ndim == 1:
        waveform = waveform[None]
    if waveform.ndim != 2:
        raise AudioError(f"audio has shape {tuple(waveform.shape)}: expected (samples,) or (channels, samples)")
    return waveform
