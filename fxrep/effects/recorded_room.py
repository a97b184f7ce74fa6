"""Reverberation from a recorded impulse response."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from fxrep.effects.parameters import Parameter
from fxrep.effects.reverberation import Reverb, reverberate
from fxrep.effects.settings import Setting, check_input, read_settings
from fxrep.errors import ArgumentError

CONVOLUTION_REVERB_TABLE = (Parameter("mix", "", 0.0, 1.0, "linear", 0.0),)
ImpulseResponse = torch.Tensor | str | os.PathLike


def convolution_reverb(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    impulse_response: ImpulseResponse,
    mix: Setting = 0.0,
) -> torch.Tensor:
    """Convolve with an impulse response, scaled to unit energy (mean over its channels).

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        impulse_response: (B, C, K), (C, K) or (K,) at the rate of the audio, as `Reverb.impulse_response` gives it, or
            the path of an audio file, which is resampled. It may be longer than the audio. A mono response serves
            both channels; mono audio takes the mean of a stereo response, scaled to unit energy itself.
        mix: 0 (the input, bit for bit) to 1 (only reverberation); a linear cross-fade.

    Returns:
        (B, C, T); the tail beyond the input's length is cut.

    Raises:
        ArgumentError: mix is out of range or the impulse response is unusable.
        AudioError: the audio, or the file of the impulse response, is unusable.
    """
    check_input(audio, sample_rate)
    columns = read_settings(audio, CONVOLUTION_REVERB_TABLE, {"mix": mix})
    response = recorded_response(sample_rate, audio.dtype, impulse_response=impulse_response).to(audio.device)
    if audio.shape[1] == 1:
        response = mono_response(response)
    if response.shape[0] not in (1, audio.shape[0]):
        raise ArgumentError(
            f"there are {response.shape[0]} impulse responses for a batch of {audio.shape[0]}; give one, or one each"
        )
    if response.shape[0] == 1:
        return reverberate(audio, columns, functools.partial(_given_response, response=response))
    return reverberate(audio, {**columns, "response": response}, _given_response)


def _given_response(dtype: torch.dtype, response: torch.Tensor) -> torch.Tensor:
    return response.to(dtype)


def recorded_response(
    sample_rate: int, dtype: torch.dtype = torch.float32, *, impulse_response: ImpulseResponse
) -> torch.Tensor:
    """Return the impulse response (B, 1 or 2, K) with unit energy, B = 1 if one serves all items.

    Raises:
        ArgumentError: it is unusable.
        AudioError: its file is.
    """
    return _unit_energy(_read_response(impulse_response, sample_rate).to(dtype))


def mono_response(response: torch.Tensor) -> torch.Tensor:
    """Return what mono audio meets, (B, 1, K): the mean of the channels, scaled to unit energy itself."""
    return response if response.shape[1] == 1 else _unit_energy(response.mean(1, keepdim=True))


def _unit_energy(response: torch.Tensor) -> torch.Tensor:
    energy = response.square().sum((1, 2), keepdim=True) / response.shape[1]
    if not bool((energy.detach() > 0).all()):
        raise ArgumentError("impulse_response is silent; give one with sound in it")
    return response / energy.sqrt()


def _read_response(source: ImpulseResponse, sample_rate: int) -> torch.Tensor:
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        changed = path.stat().st_mtime_ns if path.is_file() else 0
        return _load_response(str(path), changed, sample_rate)
    if not isinstance(source, torch.Tensor):
        raise ArgumentError(f"impulse_response is a {type(source).__name__}; expected a torch.Tensor or a path")
    response = source.reshape(1, *([1] * (2 - source.dim())), *source.shape) if 0 < source.dim() < 3 else source
    if not source.is_floating_point() or response.dim() != 3 or response.shape[1] not in (1, 2) or not source.numel():
        raise ArgumentError(
            f"impulse_response has shape {tuple(source.shape)} of {source.dtype}; expected (1 or 2 channels, samples), "
            "of floating point, or a batch of them"
        )
    if not bool(torch.isfinite(source.detach()).all()):
        raise ArgumentError("impulse_response holds NaN or infinite samples")
    return response


@functools.lru_cache(maxsize=64)
def _load_response(path: str, changed: int, sample_rate: int) -> torch.Tensor:
    from fxrep.audio import load_audio

    return load_audio(path, sample_rate=sample_rate)[0].unsqueeze(0)


class ConvolutionReverb(Reverb):
    """A recorded room.

    Args:
        impulse_response: used when the settings name none, see `convolution_reverb`.
    """

    name = "convolution_reverb"
    function = staticmethod(convolution_reverb)
    response = staticmethod(recorded_response)
    parameter_table = CONVOLUTION_REVERB_TABLE
    tensor_dims = {"impulse_response": 3}  # noqa: RUF012

    def __init__(self, impulse_response: ImpulseResponse | None = None) -> None:
        super().__init__()
        self.recording = impulse_response

    def defaults(self) -> dict[str, Any]:
        """Return the default mix and, if there is one, the impulse response of this module."""
        own = {} if self.recording is None else {"impulse_response": self.recording}
        return {**super().defaults(), **own}

    def setting_names(self) -> tuple[str, ...]:
        """Return the names of all settings."""
        return (*super().setting_names(), "impulse_response")

    def complete(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings with the defaults, see `Reverb.complete`.

        Raises:
            ArgumentError: a name is unknown, or neither the settings nor the module hold an impulse response.
        """
        complete = super().complete(settings)
        if "impulse_response" not in complete:
            raise ArgumentError(
                "convolution_reverb has no impulse response; give impulse_response=, a tensor or a path"
            )
        return complete

    def forward(self, audio: torch.Tensor, sample_rate: int, **settings: Any) -> torch.Tensor:
        """Apply the effect, see `convolution_reverb`."""
        return convolution_reverb(audio, sample_rate, **self.complete(settings))

    def impulse_response(self, sample_rate: int, **settings: Any) -> torch.Tensor:
        """Return the impulse response (1, 2, K) scaled to unit energy, see `Reverb.impulse_response`."""
        return super().impulse_response(sample_rate, **settings).expand(-1, 2, -1)

    def mono_response(self, response: torch.Tensor) -> torch.Tensor:
        """Return the mean of the channels, scaled to unit energy."""
        return mono_response(response)
