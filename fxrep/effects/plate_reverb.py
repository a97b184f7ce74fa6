"""Plate reverberation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch

from fxrep.effects.damped_network import Circle, all_pass, network_response
from fxrep.effects.parameters import Parameter
from fxrep.effects.reverberation import Reverb, reverberate
from fxrep.effects.seeds import PUBLISHED, check_seed, length_factors
from fxrep.effects.settings import Setting, check_input, read_settings

PLATE_TABLE = (
    Parameter("decay_s", "s", 0.1, 10.0, "log", 2.0),
    Parameter("damping", "", 0.0, 1.0, "linear", 0.4),
    Parameter("size", "", 0.25, 2.0, "log", 1.0),
    Parameter("diffusion", "", 0.0, 1.0, "linear", 1.0),
    Parameter("pre_delay_ms", "ms", 0.0, 200.0, "linear", 0.0),
    Parameter("mix", "", 0.0, 1.0, "linear", 0.0),
)
# Lengths and taps in samples at this rate, all from the paper.
LENGTHS_RATE = 29761.0
DIFFUSERS = ((142.0, 0.75), (107.0, 0.75), (379.0, 0.625), (277.0, 0.625))
# Each half of the tank: a first all-pass (its sign is reversed), a delay, a second all-pass, a delay.
FIRST_GAIN, SECOND_GAIN = -0.7, 0.5
LEFT_HALF = (672.0, 4453.0, 1800.0, 3720.0)
RIGHT_HALF = (908.0, 4217.0, 2656.0, 3163.0)
Delay = Callable[[float], torch.Tensor]
Tap = tuple[int, bool, float, float]
# Where the outputs tap the first delay, the second all-pass and the second delay of the same and of the other half:
# (element, other half?, sample, sign).
LEFT_TAPS = (
    (0, True, 266.0, 1.0),
    (0, True, 2974.0, 1.0),
    (1, True, 1913.0, -1.0),
    (2, True, 1996.0, 1.0),
    (0, False, 1990.0, -1.0),
    (1, False, 187.0, -1.0),
    (2, False, 1066.0, -1.0),
)
RIGHT_TAPS = (
    (0, True, 353.0, 1.0),
    (0, True, 3627.0, 1.0),
    (1, True, 1228.0, -1.0),
    (2, True, 2673.0, 1.0),
    (0, False, 2111.0, -1.0),
    (1, False, 335.0, -1.0),
    (2, False, 121.0, -1.0),
)


def plate_reverb(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    decay_s: Setting = 2.0,
    damping: Setting = 0.4,
    size: Setting = 1.0,
    diffusion: Setting = 1.0,
    pre_delay_ms: Setting = 0.0,
    mix: Setting = 0.0,
    seed: int = PUBLISHED,
) -> torch.Tensor:
    """Add the dense reverberation of a plate: four all-passes into a tank of two halves that feed each other.

    The topology, lengths, gains and output taps of J. Dattorro, "Effect Design, Part 1: Reverberator and Other
    Filters", JAES 45 (1997), without its modulation, so that the plate is linear and time-invariant. Instead of one
    gain and one low-pass in each half the losses are spread over all delays, see `damped_network`: the decay time is
    what was asked. The response ends at -90 dB and is scaled to unit energy.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        decay_s: time to fall by 60 dB up to 500 Hz, 0.1 to 10 s.
        damping: 0 to 1: above 500 Hz the decay time falls geometrically, to (1 - 0.9 damping) decay_s at 16 kHz.
        size: factor of all lengths, 0.25 to 2.
        diffusion: 0 (distinct echoes) to 1: factor of the published gains of all all-passes.
        pre_delay_ms: before the plate, 0 to 200 ms.
        mix: 0 (the input, bit for bit) to 1 (only reverberation); a linear cross-fade.
        seed: 0 for the published lengths; any other moves each by up to 6 %, for another plate of the same kind.

    Returns:
        (B, C, T); the tail beyond the input's length is cut.

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    values = {"decay_s": decay_s, "damping": damping, "size": size, "diffusion": diffusion}
    columns = read_settings(audio, PLATE_TABLE, {**values, "pre_delay_ms": pre_delay_ms, "mix": mix})
    return reverberate(audio, columns, functools.partial(plate_response, sample_rate, seed=seed))


def plate_response(
    sample_rate: int, dtype: torch.dtype = torch.float32, *, seed: int = PUBLISHED, **columns: torch.Tensor
) -> torch.Tensor:
    """Return the impulse responses (B, 2, K) with unit energy, for the settings but the mix as columns (B,) float64."""
    return network_response(functools.partial(_transfer, seed=check_seed(seed)), sample_rate, dtype, **columns)


def _transfer(circle: Circle, *, size: torch.Tensor, diffusion: torch.Tensor, seed: int) -> torch.Tensor:
    scale = size * (circle.sample_rate / LENGTHS_RATE)
    gain = diffusion.to(circle.loss.dtype).unsqueeze(-1)

    def delay(length: float) -> torch.Tensor:
        return circle.delay((scale * length).unsqueeze(-1)).squeeze(1)

    diffused: torch.Tensor | None = None
    factors = length_factors(len(DIFFUSERS) + len(LEFT_HALF) + len(RIGHT_HALF), seed)
    for (length, published), factor in zip(DIFFUSERS, factors, strict=False):
        passed = all_pass(delay(factor * length), gain * published)[0]
        diffused = passed if diffused is None else diffused * passed
    assert diffused is not None
    of_left, of_right = factors[len(DIFFUSERS) :][: len(LEFT_HALF)], factors[-len(RIGHT_HALF) :]
    left, right = _half(delay, gain, LEFT_HALF, of_left), _half(delay, gain, RIGHT_HALF, of_right)
    # What enters each half is the diffused input and the output of the other half.
    shared = diffused / (1.0 - left[-1] * right[-1])
    into_left, into_right = shared * (1.0 + right[-1]), shared * (1.0 + left[-1])
    outputs = [
        into_left * _tap(delay, left, taps, other, of_left) + into_right * _tap(delay, right, taps, not other, of_right)
        for taps, other in ((LEFT_TAPS, False), (RIGHT_TAPS, True))
    ]
    return torch.stack(outputs, 1)


def _half(
    delay: Delay, gain: torch.Tensor, published: Sequence[float], factors: Sequence[float]
) -> tuple[torch.Tensor, ...]:
    """Return what flows into the first delay, the second all-pass's delay and the second delay, and the output."""
    lengths = [length * factor for length, factor in zip(published, factors, strict=True)]
    first = all_pass(delay(lengths[0]), gain * FIRST_GAIN)[0]
    second, inner = all_pass(delay(lengths[2]), gain * SECOND_GAIN)
    behind = first * delay(lengths[1])
    into_last = behind * second
    return first, behind * inner, into_last, into_last * delay(lengths[3])


def _tap(
    delay: Delay, half: Sequence[torch.Tensor], taps: Sequence[Tap], other: bool, factors: Sequence[float]
) -> torch.Tensor:
    """Return the sum of the taps that read this half, each moved with the delay that it is in."""
    total: torch.Tensor | None = None
    for element, from_other, sample, sign in taps:
        if from_other == other:
            heard = half[element] * delay(factors[element + 1] * sample)
            total = sign * heard if total is None else torch.add(total, heard, alpha=sign)
    assert total is not None
    return total


class PlateReverb(Reverb):
    """A plate."""

    name = "plate_reverb"
    function = staticmethod(plate_reverb)
    response = staticmethod(plate_response)
    parameter_table = PLATE_TABLE
    seeded = True
