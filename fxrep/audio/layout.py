"""The layout of audio tensors: what shapes are accepted, and turning mono into stereo and back."""

from __future__ import annotations

import torch
from torch import Tensor

from fxrep.errors import ArgumentError, AudioError

DOWN_MIX_ADVICE = "down-mix to stereo first, for example with: ffmpeg -i INPUT -ac 2 OUTPUT.wav"


def check_layout(audio: Tensor, *, name: str = "audio") -> None:
    """Refuse anything but floating point `(batch, channels, samples)` or `(channels, samples)` that holds samples.

    Raises:
        AudioError: the message names the fault and the remedy.
    """
    check_tensor(audio, name=name)
    shape = tuple(audio.shape)
    if audio.ndim not in (2, 3):
        raise AudioError(f"{name} has shape {shape}: expected (channels, samples) or (batch, channels, samples)")
    if not audio.is_floating_point():
        raise AudioError(f"{name} holds {audio.dtype} values: convert to floating point with full scale at 1.0")
    if 0 in shape:
        raise AudioError(f"{name} is empty (shape {shape}): at least one sample is needed")
    if shape[-2] > 2:
        if shape[-1] <= 2:
            raise AudioError(f"{name} has shape {shape}, which looks like (samples, channels): transpose it")
        raise AudioError(f"{name} has {shape[-2]} channels, one or two are expected: {DOWN_MIX_ADVICE}")


def check_tensor(audio: Tensor, *, name: str = "audio") -> None:
    """Refuse what is no tensor.

    Raises:
        AudioError: with the type.
    """
    if not isinstance(audio, Tensor):
        raise AudioError(
            f"{name} is a {type(audio).__name__}: expected a tensor, torch.as_tensor makes one of an array"
        )


def check_finite(audio: Tensor, *, name: str = "audio") -> None:
    """Refuse NaN and infinite values.

    Raises:
        AudioError: with the place of the first.
    """
    values = audio.detach()
    # One such value makes the sum one too, which is quicker to see. A sum may also overflow: then look at each.
    if bool(torch.isfinite(values.sum())):
        return
    finite = torch.isfinite(values)
    if not finite.all():
        position = int((~finite).nonzero()[0, -1])
        raise AudioError(f"{name} holds NaN or infinite values, the first at sample {position}: repair or leave it out")


def check_channels(channels: int) -> None:
    """Refuse a channel count other than 1 and 2.

    Raises:
        ArgumentError: with the value.
    """
    if channels not in (1, 2):
        raise ArgumentError(f"channels is {channels}: choose 1 (mono) or 2 (stereo)")


def match_channels(audio: Tensor, channels: int) -> Tensor:
    """Bring `(..., channels, samples)` to 1 channel (the average) or 2 (mono copied to both).

    Raises:
        ArgumentError: `channels` is neither 1 nor 2.
    """
    check_channels(channels)
    if audio.shape[-2] == channels:
        return audio
    if channels == 1:
        return audio.mean(dim=-2, keepdim=True)
    return audio.expand(*audio.shape[:-2], 2, audio.shape[-1]).contiguous()
