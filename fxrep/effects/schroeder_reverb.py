"""Comb and all-pass reverberation."""

from __future__ import annotations

import functools

import torch

from fxrep.effects.damped_network import Circle, network_response
from fxrep.effects.parameters import Parameter
from fxrep.effects.reverberation import Reverb, reverberate
from fxrep.effects.seeds import PUBLISHED, check_seed, length_factors
from fxrep.effects.settings import Setting, check_input, read_settings

SCHROEDER_TABLE = (
    Parameter("decay_s", "s", 0.1, 10.0, "log", 1.5),
    Parameter("damping", "", 0.0, 1.0, "linear", 0.5),
    Parameter("size", "", 0.25, 2.0, "log", 1.0),
    Parameter("diffusion", "", 0.0, 0.8, "linear", 0.5),
    Parameter("pre_delay_ms", "ms", 0.0, 200.0, "linear", 10.0),
    Parameter("mix", "", 0.0, 1.0, "linear", 0.0),
)
# The lengths of Freeverb (Jezar at Dreampoint, 2000, public domain), samples at 44.1 kHz; the right channel's are
# longer by the spread.
LENGTHS_RATE = 44100.0
COMBS = (1116.0, 1188.0, 1277.0, 1356.0, 1422.0, 1491.0, 1557.0, 1617.0)
ALL_PASSES = (556.0, 441.0, 341.0, 225.0)
SPREAD = 23.0


def schroeder_reverb(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    decay_s: Setting = 1.5,
    damping: Setting = 0.5,
    size: Setting = 1.0,
    diffusion: Setting = 0.5,
    pre_delay_ms: Setting = 10.0,
    mix: Setting = 0.0,
    seed: int = PUBLISHED,
) -> torch.Tensor:
    """Add reverberation from eight parallel combs with losses at high frequencies and four all-passes in series.

    The structure of M. R. Schroeder, "Natural Sounding Artificial Reverberation", JAES 10 (1962), with low-pass losses
    in the loops after J. A. Moorer, "About This Reverberation Business", Computer Music Journal 3 (1979), and the
    lengths and the stereo spread of Freeverb. Every other comb is inverted: the lowest frequencies, where all combs
    agree, do not pile up. Losses are spread over all delays, see `damped_network`: every comb decays with the time
    asked for. The response ends at -90 dB and is scaled to unit energy.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        decay_s: time to fall by 60 dB up to 500 Hz, 0.1 to 10 s.
        damping: 0 to 1: above 500 Hz the decay time falls geometrically, to (1 - 0.9 damping) decay_s at 16 kHz.
        size: factor of all lengths, 0.25 to 2; at 1 the combs last 25 to 37 ms.
        diffusion: gain of the all-passes, 0 (distinct echoes) to 0.8.
        pre_delay_ms: before the combs, 0 to 200 ms.
        mix: 0 (the input, bit for bit) to 1 (only reverberation); a linear cross-fade.
        seed: 0 for the published lengths; any other moves each by up to 6 %, for another room of the same kind.

    Returns:
        (B, C, T); the tail beyond the input's length is cut.

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    values = {"decay_s": decay_s, "damping": damping, "size": size, "diffusion": diffusion}
    columns = read_settings(audio, SCHROEDER_TABLE, {**values, "pre_delay_ms": pre_delay_ms, "mix": mix})
    return reverberate(audio, columns, functools.partial(schroeder_response, sample_rate, seed=seed))


def schroeder_response(
    sample_rate: int, dtype: torch.dtype = torch.float32, *, seed: int = PUBLISHED, **columns: torch.Tensor
) -> torch.Tensor:
    """Return the impulse responses (B, 2, K) with unit energy, for the settings but the mix as columns (B,) float64."""
    return network_response(functools.partial(_transfer, seed=check_seed(seed)), sample_rate, dtype, **columns)


def _transfer(circle: Circle, *, size: torch.Tensor, diffusion: torch.Tensor, seed: int) -> torch.Tensor:
    scale = size.unsqueeze(-1) * (circle.sample_rate / LENGTHS_RATE)
    spread = torch.tensor((0.0, SPREAD), dtype=size.dtype, device=size.device)
    gain = diffusion.to(circle.loss.dtype)[:, None, None]
    combs: torch.Tensor | None = None
    factors = length_factors(len(COMBS) + len(ALL_PASSES), seed)
    lengths = [length * factor for length, factor in zip((*COMBS, *ALL_PASSES), factors, strict=True)]
    for number, length in enumerate(lengths[: len(COMBS)]):
        delayed = circle.delay(scale * (length + spread))
        comb = delayed / (1.0 - delayed)
        combs = comb if combs is None else combs - comb if number % 2 else combs + comb
    assert combs is not None
    for length in lengths[len(COMBS) :]:
        delayed = circle.delay(scale * (length + spread))
        combs = combs * (delayed - gain) / (1.0 - gain * delayed)
    return combs


class SchroederReverb(Reverb):
    """Combs and all-passes."""

    name = "schroeder_reverb"
    function = staticmethod(schroeder_reverb)
    response = staticmethod(schroeder_response)
    parameter_table = SCHROEDER_TABLE
    seeded = True
