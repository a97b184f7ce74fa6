"""Stereo width by frequency band."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.crossovers import PHASE, BandSplitter, split_minimum_phase, sum_of_bands
from fxrep.effects.filter_bands import BUTTERWORTH_Q
from fxrep.effects.filter_sections import Sections
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.section_filtering import SectionStream, filter_by_sections
from fxrep.effects.settings import Setting, check_choice, check_frequency, check_input, per_item, read_settings
from fxrep.effects.streaming import ContextStream, Stream
from fxrep.effects.zero_gradients import with_zero_gradients

BANDS = ("low", "low_mid", "high_mid", "high")
CROSSOVERS = (
    Parameter("low_crossover_hz", "Hz", 40.0, 400.0, "log", 120.0),
    Parameter("mid_crossover_hz", "Hz", 400.0, 2500.0, "log", 800.0),
    Parameter("high_crossover_hz", "Hz", 2500.0, 12000.0, "log", 3500.0),
)
IMAGER_TABLE = (*(Parameter(f"{band}_width", "", 0.0, 2.0, "linear", 1.0) for band in BANDS), *CROSSOVERS)
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
    phase: str = "zero",
) -> torch.Tensor:
    """Scale the side signal (L - R) / 2 in four bands and leave the mid signal alone.

    The crossovers have the slopes of Linkwitz and Riley (24 dB per octave, -6 dB at the crossover). All widths 1 is
    the identity, bit for bit, and the mono sum has the same spectrum at all widths. Mono audio is copied to both
    channels and has no side to scale.

    With ``zero`` phase a second-order Butterworth filter is run forwards and then backwards. What it leaves is the
    band above, so the bands add up to the side exactly: all widths equal is `stereo_width`, all 0 is mono, and the mid
    is untouched. Nothing is delayed, but a stream holds back 0.3 s. With ``minimum`` phase the bands are causal
    (`crossovers`) and the mid passes the all-pass that they add up to: a stream holds nothing back, but as soon as one
    width is not 1 the phase of both channels turns by half a turn at every crossover. ``zero`` is the default for the
    same reasons as in `multiband_compressor`: the turn raises peaks, and what is mixed with it cancels.

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
        phase: of the bands, ``zero`` or ``minimum``.

    Returns:
        (B, 2, T).

    Raises:
        ArgumentError: a setting is out of range, or a crossover lies above 0.49 of the sample rate.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    check_choice(PHASE, phase)
    widths = (low_width, low_mid_width, high_mid_width, high_width)
    values: dict[str, Setting] = {f"{band}_width": width for band, width in zip(BANDS, widths, strict=True)}
    hz = (low_crossover_hz, mid_crossover_hz, high_crossover_hz)
    values |= {parameter.name: value for parameter, value in zip(CROSSOVERS, hz, strict=True)}
    columns = read_settings(audio, IMAGER_TABLE, values)
    for parameter in CROSSOVERS:
        check_frequency(parameter.name, columns[parameter.name], sample_rate)
    if audio.shape[1] == 1:
        return with_zero_gradients(audio.expand(-1, 2, -1).clone(), list(columns.values()))
    change = _widen_bands if phase == "zero" else _widen_causal_bands
    return in_chunks(functools.partial(change, sample_rate=sample_rate), audio, columns)


def _widen_bands(audio: torch.Tensor, columns: dict[str, torch.Tensor], sample_rate: int) -> torch.Tensor:
    rest, bands = (audio[:, :1] - audio[:, 1:]) / 2.0, []
    for parameter in CROSSOVERS:
        bands.append(_low_pass(rest, columns[parameter.name], sample_rate, ring_samples(parameter, sample_rate)))
        rest = rest - bands[-1]
    return _add_change(audio, [*bands, rest], columns)


def _widen_causal_bands(audio: torch.Tensor, columns: dict[str, torch.Tensor], sample_rate: int) -> torch.Tensor:
    frequencies = [columns[parameter.name] for parameter in CROSSOVERS]
    bands = split_minimum_phase((audio[:, :1] - audio[:, 1:]) / 2.0, sample_rate, frequencies)
    turned = filter_by_sections(audio, sum_of_bands(frequencies, sample_rate), "auto", _ring_of_all(sample_rate))
    return _add_change(torch.where(_neutral_items(columns), audio, turned), bands, columns)


def _neutral_items(columns: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return which items change nothing, (B, 1, 1)."""
    return torch.stack([columns[f"{band}_width"] == 1.0 for band in BANDS]).all(0)[:, None, None]


def _add_change(base: torch.Tensor, bands: list[torch.Tensor], columns: dict[str, torch.Tensor]) -> torch.Tensor:
    change = torch.zeros_like(bands[0])
    for name, band in zip(BANDS, bands, strict=True):
        change = change + band * per_item(columns[f"{name}_width"] - 1.0, base)
    return torch.addcmul(base, change, base.new_tensor([[1.0], [-1.0]]))


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


def _ring_of_all(sample_rate: int) -> int:
    return sum(ring_samples(crossover, sample_rate) for crossover in CROSSOVERS)


class ImagerStream(Stream):
    """The imager with causal bands and their memory, on the CPU.

    Args:
        sample_rate: Hz.
        settings: all of them, by name.
    """

    def __init__(self, sample_rate: int, settings: dict[str, Any]) -> None:
        names = {parameter.name for parameter in IMAGER_TABLE}
        self.sample_rate = sample_rate
        self.settings = {name: value for name, value in settings.items() if name in names}
        self.splitter: BandSplitter | None = None

    def _start(self, block: torch.Tensor) -> None:
        self.columns = {name: c.detach() for name, c in read_settings(block, IMAGER_TABLE, self.settings).items()}
        frequencies = [self.columns[parameter.name] for parameter in CROSSOVERS]
        self.splitter = BandSplitter(self.sample_rate, frequencies)
        self.turn = SectionStream(sum_of_bands(frequencies, self.sample_rate).coefficients())

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Take the next block (B, C, T) and return as many samples, (B, 2, T)."""
        check_input(block, self.sample_rate)
        if block.shape[1] == 1:
            return block.expand(-1, 2, -1).clone()
        if self.splitter is None:
            self._start(block)
            assert self.splitter is not None
        bands = self.splitter.push((block[:, :1] - block[:, 1:]) / 2.0)
        return _add_change(torch.where(_neutral_items(self.columns), block, self.turn.push(block)), bands, self.columns)


class StereoImager(Processor):
    """Width by frequency band."""

    name = "stereo_imager"
    function = staticmethod(stereo_imager)
    parameter_table = IMAGER_TABLE
    choices = (PHASE,)
    stereo = True

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the effect for blocks; with bands of zero phase it holds back as long as its filters ring."""
        self.check_names(settings)
        given = {**self.defaults(), **settings}
        if check_choice(PHASE, given["phase"]) == "minimum":
            return ImagerStream(sample_rate, given)
        reach = _ring_of_all(sample_rate)
        return ContextStream(lambda block: self(block, sample_rate, **settings), reach, reach)
