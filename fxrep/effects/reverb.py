"""Reverberation from shaped noise."""

from __future__ import annotations

import functools
import math

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.convolution import fft_convolve
from fxrep.effects.noise_bank import BAND_CENTRES, noise_bank
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_input, per_item, read_settings

NOISE_REVERB_TABLE = (
    Parameter("decay_s", "s", 0.1, 5.0, "log", 1.0),
    Parameter("damping", "", 0.0, 1.0, "linear", 0.5),
    Parameter("pre_delay_ms", "ms", 0.0, 100.0, "linear", 10.0),
    Parameter("mix", "", 0.0, 1.0, "linear", 0.0),
)
NOISE_SEED = 20230
# Damping begins above the lowest band; at the highest, five octaves up, full damping leaves a tenth of the decay time.
MOST_DAMPED = 0.9
ONSET_S = 0.002
FADE_SHARE = 0.2
# Decay of 60 dB in nepers.
SIXTY_DB = 3.0 * math.log(10.0)
# Envelopes are outer products of a coarse and a fine exponential: two short ones instead of one per sample.
STRIDE = 512


def noise_shaped_reverb(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    decay_s: Setting = 1.0,
    damping: Setting = 0.5,
    pre_delay_ms: Setting = 10.0,
    mix: Setting = 0.0,
    seed: int = NOISE_SEED,
) -> torch.Tensor:
    """Add the reverberation of a diffuse room: exponentially decaying noise in octave bands, convolved.

    The noise is the same for the same sample rate and seed, and different in the two channels. The impulse response
    begins after the pre-delay with a rise of 2 ms and ends at -60 dB with a smooth fade, and is scaled to
    unit energy (mean over the channels): white noise comes out as loud as it went in.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        decay_s: time to fall by 60 dB (RT60) up to 500 Hz, 0.1 to 5 s.
        damping: 0 to 1: above 500 Hz the decay time falls geometrically, to (1 - 0.9 damping) decay_s at 16 kHz.
        pre_delay_ms: before the reverberation begins, 0 to 100 ms.
        mix: 0 (the input, bit for bit) to 1 (only reverberation); a linear cross-fade.
        seed: of the noise.

    Returns:
        (B, C, T); the tail beyond the input's length is cut.

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    values = {"decay_s": decay_s, "damping": damping, "pre_delay_ms": pre_delay_ms, "mix": mix}
    columns = read_settings(audio, NOISE_REVERB_TABLE, values)
    return in_chunks(functools.partial(_reverberate, sample_rate=sample_rate, seed=seed), audio, columns)


def _reverberate(audio: torch.Tensor, columns: dict[str, torch.Tensor], sample_rate: int, seed: int) -> torch.Tensor:
    response = noise_response(
        columns["decay_s"], columns["damping"], columns["pre_delay_ms"], sample_rate, seed, audio.dtype
    )
    wet = fft_convolve(audio, response[:, : audio.shape[1]])
    return torch.lerp(audio, wet, per_item(columns["mix"], audio))


def noise_response(
    decay_s: torch.Tensor,
    damping: torch.Tensor,
    pre_delay_ms: torch.Tensor,
    sample_rate: int,
    seed: int = NOISE_SEED,
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """Return the impulse responses of the reverb.

    Args:
        decay_s: (B,).
        damping: (B,).
        pre_delay_ms: (B,).
        sample_rate: Hz.
        seed: of the noise.
        dtype: of the result.

    Returns:
        (B, 2, K) with unit energy, K the longest of the batch; shorter ones end in zeros.
    """
    pre_delay_s = pre_delay_ms / 1000.0
    end_s = pre_delay_s + decay_s
    strides = math.ceil(float(end_s.detach().max()) * sample_rate / STRIDE)
    noise = _bank(sample_rate, seed)[..., : strides * STRIDE].to(decay_s.device, dtype)
    noise = noise.unflatten(-1, (strides, STRIDE))
    rate = SIXTY_DB / (band_decay(decay_s, damping) * sample_rate)
    coarse = torch.arange(strides, device=rate.device) * STRIDE - pre_delay_s[:, None, None] * sample_rate
    slow = torch.exp(-rate.unsqueeze(-1) * coarse).to(dtype)
    fast = torch.exp(-rate.unsqueeze(-1) * torch.arange(STRIDE, device=rate.device)).to(dtype)
    response = noise[0] * slow[:, 0, None, :, None] * fast[:, 0, None, None, :]
    for band in range(1, len(BAND_CENTRES)):
        response = torch.addcmul(response, noise[band] * slow[:, band, None, :, None], fast[:, band, None, None, :])
    time_s = torch.arange(strides * STRIDE, device=rate.device, dtype=rate.dtype) / sample_rate
    onset = _smooth_step((time_s - pre_delay_s.unsqueeze(-1)) / ONSET_S)
    fade = _smooth_step((end_s.unsqueeze(-1) - time_s) / (FADE_SHARE * decay_s).unsqueeze(-1))
    response = response.flatten(-2) * (onset * fade).to(dtype).unsqueeze(1)
    energy = response.square().sum((1, 2), keepdim=True) / response.shape[1]
    scaled: torch.Tensor = response / energy.sqrt()
    return scaled


def band_decay(decay_s: torch.Tensor, damping: torch.Tensor) -> torch.Tensor:
    """Return the decay time (B, bands) in seconds of every octave band."""
    centres = torch.tensor(BAND_CENTRES, dtype=decay_s.dtype, device=decay_s.device)
    share = torch.log2(centres / BAND_CENTRES[0]) / math.log2(BAND_CENTRES[-1] / BAND_CENTRES[0])
    remaining = 1.0 - MOST_DAMPED * damping.unsqueeze(-1)
    return decay_s.unsqueeze(-1) * torch.pow(remaining, share)


def _bank(sample_rate: int, seed: int) -> torch.Tensor:
    ranges = {parameter.name: parameter.maximum for parameter in NOISE_REVERB_TABLE}
    longest = (ranges["decay_s"] + ranges["pre_delay_ms"] / 1000.0) * sample_rate
    return noise_bank(sample_rate, (math.ceil(longest / STRIDE) + 1) * STRIDE, seed)


def _smooth_step(position: torch.Tensor) -> torch.Tensor:
    inside = position.clamp(0.0, 1.0)
    return inside.square() * (3.0 - 2.0 * inside)


class NoiseShapedReverb(Processor):
    """A diffuse room."""

    name = "noise_shaped_reverb"
    function = staticmethod(noise_shaped_reverb)
    parameter_table = NOISE_REVERB_TABLE
