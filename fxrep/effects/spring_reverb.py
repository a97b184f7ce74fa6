"""Spring reverberation."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch

from fxrep.effects.damped_network import Circle, network_response
from fxrep.effects.parameters import Parameter
from fxrep.effects.reverberation import Reverb, reverberate
from fxrep.effects.seeds import PUBLISHED, check_seed, length_factors
from fxrep.effects.settings import Setting, check_input, read_settings

SPRING_TABLE = (
    Parameter("decay_s", "s", 0.1, 10.0, "log", 2.0),
    Parameter("damping", "", 0.0, 1.0, "linear", 0.3),
    Parameter("size", "", 0.25, 2.0, "log", 1.0),
    Parameter("dispersion", "", 0.0, 0.8, "linear", 0.6),
    Parameter("pre_delay_ms", "ms", 0.0, 200.0, "linear", 0.0),
    Parameter("mix", "", 0.0, 1.0, "linear", 0.0),
)
# 2^6 all-passes in series.
DOUBLINGS = 6
# A spring carries hardly anything above its transition frequency; the band fades out over its last part.
BAND_FROM = 0.8


@dataclass(frozen=True)
class Spring:
    """One spring: how long a wave travels, up to which frequency, and how loud it is left and right."""

    travel_s: float
    transition_hz: float
    left: float
    right: float


SPRINGS = (
    Spring(0.0331, 4300.0, 1.0, 0.3),
    Spring(0.0373, 4700.0, 0.7, -0.7),
    Spring(0.0412, 4050.0, 0.3, 1.0),
)


def spring_reverb(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    decay_s: Setting = 2.0,
    damping: Setting = 0.3,
    size: Setting = 1.0,
    dispersion: Setting = 0.6,
    pre_delay_ms: Setting = 0.0,
    mix: Setting = 0.0,
    seed: int = PUBLISHED,
) -> torch.Tensor:
    """Add the reverberation of a tank of three springs: chirped echoes below about 4.5 kHz.

    After V. Välimäki, J. Parker and J. S. Abel, "Parametric Spring Reverberation Effect", JAES 58 (2010): in each
    spring a wave passes a delay and 64 stretched all-passes, which hold back the frequencies near the transition
    frequency longest, is reflected with reversed sign, and passes again. Losses are spread over all delays, see
    `damped_network`. The response ends at -90 dB and is scaled to unit energy.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        decay_s: time to fall by 60 dB up to 500 Hz, 0.1 to 10 s.
        damping: 0 to 1: above 500 Hz the decay time falls geometrically, towards (1 - 0.9 damping) decay_s at 16 kHz.
        size: length of the springs: a wave travels 33 to 41 ms times this, 0.25 to 2.
        dispersion: coefficient of the all-passes, 0 (plain echoes) to 0.8 (long chirps).
        pre_delay_ms: before the springs, 0 to 200 ms.
        mix: 0 (the input, bit for bit) to 1 (only reverberation); a linear cross-fade.
        seed: 0 for springs of 33, 37 and 41 ms; any other moves each by up to 6 %, for another tank of the same kind.

    Returns:
        (B, C, T); the tail beyond the input's length is cut.

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    values = {"decay_s": decay_s, "damping": damping, "size": size, "dispersion": dispersion}
    columns = read_settings(audio, SPRING_TABLE, {**values, "pre_delay_ms": pre_delay_ms, "mix": mix})
    return reverberate(audio, columns, functools.partial(spring_response, sample_rate, seed=seed))


def spring_response(
    sample_rate: int, dtype: torch.dtype = torch.float32, *, seed: int = PUBLISHED, **columns: torch.Tensor
) -> torch.Tensor:
    """Return the impulse responses (B, 2, K) with unit energy, for the settings but the mix as columns (B,) float64."""
    return network_response(functools.partial(_transfer, seed=check_seed(seed)), sample_rate, dtype, **columns)


def _transfer(circle: Circle, *, size: torch.Tensor, dispersion: torch.Tensor, seed: int) -> torch.Tensor:
    # Nothing is heard above the transition frequencies, and nothing need be computed there.
    bins, circle = circle.loss.shape[-1], circle.below(max(spring.transition_hz for spring in SPRINGS))
    gain = dispersion.to(circle.loss.dtype).unsqueeze(-1)
    outputs: torch.Tensor | None = None
    for spring, factor in zip(SPRINGS, length_factors(len(SPRINGS), seed), strict=True):
        travel = size * (factor * spring.travel_s * circle.sample_rate)
        stretch = torch.full_like(travel, circle.sample_rate / (2.0 * spring.transition_hz))
        straight, stretched = circle.delay(torch.stack((travel, stretch), -1)).unbind(1)
        passed = (gain + stretched) / (1.0 + gain * stretched)
        for _ in range(DOUBLINGS):
            passed = passed * passed
        wave = straight * passed
        heard = _band(circle, spring.transition_hz) * wave / (1.0 + wave)
        sides = torch.tensor((spring.left, spring.right), dtype=circle.loss.dtype, device=circle.loss.device)
        output = heard.unsqueeze(1) * sides[:, None]
        outputs = output if outputs is None else outputs + output
    assert outputs is not None
    return torch.nn.functional.pad(outputs, (0, bins - outputs.shape[-1]))


def _band(circle: Circle, transition_hz: float) -> torch.Tensor:
    into = ((circle.frequencies() / transition_hz - BAND_FROM) / (1.0 - BAND_FROM)).clamp(0.0, 1.0)
    return torch.cos(0.5 * math.pi * into).square().to(circle.loss.dtype)


class SpringReverb(Reverb):
    """A tank of springs."""

    name = "spring_reverb"
    function = staticmethod(spring_reverb)
    response = staticmethod(spring_response)
    parameter_table = SPRING_TABLE
    seeded = True
