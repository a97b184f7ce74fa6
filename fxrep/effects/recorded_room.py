"""Reverberation from a recorded impulse response."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.convolution import fft_convolve
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_input, per_item, read_settings
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
        impulse_response: (C, K) or (K,) at the rate of the audio, or the path of an audio file, which is resampled.
            A mono response serves both channels; mono audio takes the mean of a stereo response.
        mix: 0 (the input, bit for bit) to 1 (only reverberation); a linear cross-fade.

    Returns:
        (B, C, T); the tail beyond the input's length is cut.

    Raises:
        ArgumentError: mix is out of range or the impulse response is unusable.
        AudioError: the audio, or the file of the impulse response, is unusable.
    """
    check_input(audio, sample_rate)
    columns = read_settings(audio, CONVOLUTION_REVERB_TABLE, {"mix": mix})
    response = _read_response(impulse_response, sample_rate).to(audio.device, audio.dtype)
    if response.shape[0] == 2 and audio.shape[1] == 1:
        response = response.mean(0, keepdim=True)
    energy = response.square().sum() / response.shape[0]
    if not bool(energy.detach() > 0):
        raise ArgumentError("impulse_response is silent; give one with sound in it")
    return in_chunks(functools.partial(_convolve, response=response / energy.sqrt()), audio, columns)


def _convolve(audio: torch.Tensor, columns: dict[str, torch.Tensor], response: torch.Tensor) -> torch.Tensor:
    wet = fft_convolve(audio, response.unsqueeze(0))
    return torch.lerp(audio, wet, per_item(columns["mix"], audio))


def _read_response(source: ImpulseResponse, sample_rate: int) -> torch.Tensor:
    if not isinstance(source, torch.Tensor):
        path = Path(source)
        changed = path.stat().st_mtime_ns if path.is_file() else 0
        return _load_response(str(path), changed, sample_rate)
    response = source.unsqueeze(0) if source.dim() == 1 else source
    if not source.is_floating_point() or response.dim() != 2 or response.shape[0] not in (1, 2) or not source.numel():
        raise ArgumentError(
            f"impulse_response has shape {tuple(source.shape)} of {source.dtype}; expected (1 or 2 channels, samples)"
        )
    if not bool(torch.isfinite(source.detach()).all()):
        raise ArgumentError("impulse_response holds NaN or infinite samples")
    return response


@functools.lru_cache(maxsize=64)
def _load_response(path: str, changed: int, sample_rate: int) -> torch.Tensor:
    from fxrep.audio import load_audio

    return load_audio(path, sample_rate=sample_rate)[0]


class ConvolutionReverb(Processor):
    """A recorded room.

    Args:
        impulse_response: used when the settings name none, see `convolution_reverb`.
    """

    name = "convolution_reverb"
    function = staticmethod(convolution_reverb)
    parameter_table = CONVOLUTION_REVERB_TABLE

    def __init__(self, impulse_response: ImpulseResponse | None = None) -> None:
        super().__init__()
        self.impulse_response = impulse_response

    def defaults(self) -> dict[str, Any]:
        """Return the default mix and, if there is one, the impulse response of this module."""
        own = {} if self.impulse_response is None else {"impulse_response": self.impulse_response}
        return {**super().defaults(), **own}

    def setting_names(self) -> tuple[str, ...]:
        """Return the names of all settings."""
        return (*super().setting_names(), "impulse_response")

    def forward(self, audio: torch.Tensor, sample_rate: int, **settings: Any) -> torch.Tensor:
        """Apply the effect, see `convolution_reverb`."""
        if self.impulse_response is None and "impulse_response" not in settings:
            raise ArgumentError(
                "convolution_reverb has no impulse response; give impulse_response=, a tensor or a path"
            )
        return super().forward(audio, sample_rate, **settings)
