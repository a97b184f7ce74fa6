"""Stereo width by frequency band."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.filter_sections import Sections
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.section_filtering import filter_by_sections
from fxrep.effects.settings import Setting, check_frequency, check_input, per_item, read_settings
from fxrep.effects.streaming import ContextStream, Stream

BANDS = ("low", "low_mid", "high_mid", "high")
CROSSOVERS = (
    Parameter("low_crossover_hz", "Hz", 40.0, 400.0, "log", 120.0),
    Parameter("mid_crossover_hz", "Hz", 400.0, 2500.0, "log", 800.0),
    Parameter("high_crossover_hz", "Hz", 2500.0, 12000.0, "log", 3500.0),
)
IMAGER_TABLE = (*(Parameter(f"{band}_width", "", 0.0, 2.0, "linear", 1.0) for band in BANDS), *CROSSOVERS)
BUTTERWORTH_Q = math.sqrt(0.5)
# After this many time constants a pole has fallen by 120 dB.
TIME_CONSTANTS = 14.0


def stereo_imager(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    low_width: Setting = 1.0,
    low_mid_width: Setting = 1.0,
    high_mid_width: Setting = 1.0,
    high_width: Setting = 1.0,
    low_crossover_hz: Setting = 120.0,
    mid_crossover_hz: Setting = 800.0,
    high_crossover_hz: Setting = 3500.0,
) -> torch.Tensor:
    """Scale the side signal (L - R) / 2 in four bands and leave the mid signal alone.

    The crossovers have the slopes of Linkwitz and Riley (24 dB per octave, -6 dB at the crossover) and no phase: a
    second-order Butterworth filter is run forwards and then backwards. What it leaves is the band above, so the
    bands add up to the side exactly: all widths 1 is the identity, bit for bit; all widths equal is `stereo_width`;
    all 0 is mono. A crossover with a phase of its own could promise none of the three. Nothing is delayed. Mono audio
    is copied to both channels and has no side to scale.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        low_width: factor on the side, 0 to 2, below the first crossover.
        low_mid_width: 0 to 2, between the first and the second.
        high_mid_width: 0 to 2, between the second and the third.
        high_width: 0 to 2, above the third.
        low_crossover_hz: 40 to 400 Hz.
        mid_crossover_hz: 400 to 2500 Hz.
        high_crossover_hz: 2500 to 12000 Hz.

    Returns:
        (B, 2, T).

    Raises:
        ArgumentError: a setting is out of range, or a crossover lies above 0.49 of the sample rate.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    widths = (low_width, low_mid_width, high_mid_width, high_width)
    values: dict[str, Setting] = {f"{band}_width": width for band, width in zip(BANDS, widths, strict=True)}
    hz = (low_crossover_hz, mid_crossover_hz, high_crossover_hz)
    values |= {parameter.name: value for parameter, value in zip(CROSSOVERS, hz, strict=True)}
    columns = read_settings(audio, IMAGER_TABLE, values)
    for parameter in CROSSOVERS:
        check_frequency(parameter.name, columns[parameter.name], sample_rate)
    if audio.shape[1] == 1:
        return audio.expand(-1, 2, -1).clone()
    return in_chunks(functools.partial(_widen_bands, sample_rate=sample_rate), audio, columns)


def _widen_bands(audio: torch.Tensor, columns: dict[str, torch.Tensor], sample_rate: int) -> torch.Tensor:
    rest = (audio[:, :1] - audio[:, 1:]) / 2.0
    change = torch.zeros_like(rest)
    for band, parameter in zip(BANDS, CROSSOVERS, strict=False):
        low = _low_pass(rest, columns[parameter.name], sample_rate, ring_samples(parameter, sample_rate))
        change = change + low * per_item(columns[f"{band}_width"] - 1.0, audio)
        rest = rest - low
    change = change + rest * per_item(columns[f"{BANDS[-1]}_width"] - 1.0, audio)
    return torch.addcmul(audio, change, audio.new_tensor([[1.0], [-1.0]]))


def _low_pass(audio: torch.Tensor, frequency_hz: torch.Tensor, sample_rate: int, ring: int) -> torch.Tensor:
    """Filter without phase: forwards, with room to ring, and backwards."""
    column = frequency_hz.unsqueeze(1)
    q = torch.full_like(column, BUTTERWORTH_Q)
    sections = Sections.design(["low_pass"], column, torch.zeros_like(column), q, sample_rate)
    forwards = filter_by_sections(torch.nn.functional.pad(audio, (0, ring)), sections, "auto", ring)
    return filter_by_sections(forwards.flip(-1), sections, "auto", ring).flip(-1)[..., : audio.shape[-1]]


def ring_samples(crossover: Parameter, sample_rate: int) -> int:
    """Return how long the lowest setting of a crossover rings."""
    return math.ceil(TIME_CONSTANTS * sample_rate / (BUTTERWORTH_Q * 2.0 * math.pi * crossover.minimum))


class StereoImager(Processor):
    """Width by frequency band."""

    name = "stereo_imager"
    function = staticmethod(stereo_imager)
    parameter_table = IMAGER_TABLE
    stereo = True

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the effect for blocks; it holds back as long as its filters ring."""
        self.check_names(settings)
        reach = sum(ring_samples(crossover, sample_rate) for crossover in CROSSOVERS)
        return ContextStream(lambda block: self(block, sample_rate, **settings), reach, reach)
