"""Pairs of clips that differ in one thing a listener hears at once, and encoders have been found deaf to.

Published encoders give one embedding to dual mono and anti-phase (left and right magnitudes alone), to hard left and
hard right (mid and side magnitudes alone), or to every level (normalised input).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fxrep.effects import compressor, high_shelf, noise_shaped_reverb, saturation, stereo_width

HAAS_MS = (5.0, 10.0, 20.0, 30.0)
LEVEL_DB = -6.0
# The quieter of two sources on a stage, and the quieter channel of an unbalanced one.
HALF = 0.5


@dataclass(frozen=True)
class Contents:
    """What is heard: one source in mono, and two sources on a stage.

    Attributes:
        mono: (B, T).
        stage: (B, 2, T), one source left of the middle and another one right of it, so that there is a side, a
            difference between the channels and something in the middle whatever the sources are.
        sample_rate: Hz.
    """

    mono: Tensor
    stage: Tensor
    sample_rate: int


Render = Callable[[Contents], Tensor]


@dataclass(frozen=True)
class Contrast:
    """Two renders of the same contents, by their names in `RENDERS`.

    Attributes:
        first: a render.
        second: the other.
        required: one of the blind spots that no encoder may have; the others are for comparison.
    """

    first: str
    second: str
    required: bool = True


def make_contents(first: Tensor, second: Tensor, sample_rate: int) -> Contents:
    """Two sources (B, 2, T) as `Contents`: of each the louder channel, the first also alone."""
    one, other = _louder_channel(first), _louder_channel(second)
    return Contents(one, torch.stack([one + HALF * other, HALF * one + other], dim=1), sample_rate)


def _louder_channel(audio: Tensor) -> Tensor:
    louder = audio.square().sum(-1).argmax(1)
    return audio[torch.arange(len(audio), device=audio.device), louder]


def _both(left: Tensor, right: Tensor) -> Tensor:
    return torch.stack([left, right], dim=1)


def _later(mono: Tensor, sample_rate: int, time_ms: float) -> Tensor:
    samples = min(round(time_ms * sample_rate / 1000.0), mono.shape[-1])
    return torch.nn.functional.pad(mono, (samples, 0))[..., : mono.shape[-1]]


def _haas(time_ms: float) -> Render:
    return lambda contents: _both(contents.mono, _later(contents.mono, contents.sample_rate, time_ms))


def _channels(left: float, right: float) -> Render:
    return lambda contents: contents.stage * contents.stage.new_tensor([[left], [right]])


def _swapped(contents: Contents) -> Tensor:
    return _channels(1.0, HALF)(contents).flip(1)


def _width(width: float) -> Render:
    return lambda contents: stereo_width(contents.stage, contents.sample_rate, width=width)


def _compressed(contents: Contents) -> Tensor:
    squashed = compressor(
        contents.stage, contents.sample_rate, threshold_db=-40.0, ratio=8.0, attack_ms=5.0, release_ms=100.0
    )
    return _at_level_of(contents.stage, squashed)


def _saturated(contents: Contents) -> Tensor:
    return _at_level_of(contents.stage, saturation(contents.stage, contents.sample_rate, drive_db=12.0))


def _at_level_of(reference: Tensor, audio: Tensor) -> Tensor:
    """Scale to the root mean square of the reference: what remains is not a matter of level."""
    wanted, present = (signal.square().mean((1, 2), keepdim=True) for signal in (reference, audio))
    return audio * (wanted / present.clamp(min=1e-12)).sqrt()


def _reverberant(contents: Contents) -> Tensor:
    return noise_shaped_reverb(contents.stage, contents.sample_rate, decay_s=1.0, mix=0.25)


RENDERS: dict[str, Render] = {
    "stage": lambda contents: contents.stage,
    "right inverted": _channels(1.0, -1.0),
    "dual mono": lambda contents: _both(contents.mono, contents.mono),
    "anti-phase": lambda contents: _both(contents.mono, -contents.mono),
    "hard left": lambda contents: _both(contents.mono, torch.zeros_like(contents.mono)),
    "hard right": lambda contents: _both(torch.zeros_like(contents.mono), contents.mono),
    "left louder": _channels(1.0, HALF),
    "right louder": _swapped,
    "6 dB softer": _channels(10.0 ** (LEVEL_DB / 20.0), 10.0 ** (LEVEL_DB / 20.0)),
    **{f"right {time_ms:g} ms later": _haas(time_ms) for time_ms in HAAS_MS},
    "mono": _width(0.0),
    "wide": _width(2.0),
    "brighter": lambda contents: high_shelf(contents.stage, contents.sample_rate, frequency_hz=5000.0, gain_db=6.0),
    "compressed": _compressed,
    "reverberant": _reverberant,
    "saturated": _saturated,
}

CONTRASTS: dict[str, Contrast] = {
    "polarity of one channel": Contrast("stage", "right inverted"),
    "dual mono, anti-phase": Contrast("dual mono", "anti-phase"),
    "hard left, hard right": Contrast("hard left", "hard right"),
    "channel swap, 6 dB apart": Contrast("left louder", "right louder"),
    "level, 6 dB": Contrast("stage", "6 dB softer"),
    **{f"Haas, {time_ms:g} ms": Contrast("dual mono", f"right {time_ms:g} ms later") for time_ms in HAAS_MS},
    "width 1 to 0": Contrast("stage", "mono"),
    "width 1 to 2": Contrast("stage", "wide"),
    "Haas, 5 to 20 ms": Contrast("right 5 ms later", "right 20 ms later", required=False),
    "high shelf, +6 dB at 5 kHz": Contrast("stage", "brighter", required=False),
    "compression, 8:1": Contrast("stage", "compressed", required=False),
    "reverberation, 1 s at a quarter": Contrast("stage", "reverberant", required=False),
    "saturation, 12 dB": Contrast("stage", "saturated", required=False),
}
