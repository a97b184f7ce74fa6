"""Graphic equalisers whose response passes through the gains that are asked for.

One peak filter per band, in series. Neighbouring peaks overlap, so the filters' own gains must differ from those of the
sliders. They are found as in J. Liski and V. Valimaki, "The Quest for the Best Graphic Equalizer" (DAFx 2017): the
decibels that each filter contributes at the centres and at the midpoints between them form an interaction matrix, and a
least-squares fit through it gives the filters' gains. As the contributions are not quite proportional to the gains, the
fit is repeated on what is still missing. All of it is differentiable, and gains of zero stay zero.
"""

from __future__ import annotations

import functools
import math
from typing import Any, ClassVar

import torch

from fxrep.effects.filter_bands import Band
from fxrep.effects.filter_sections import Sections
from fxrep.effects.filter_tail import tail_samples
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.section_filtering import SectionStream, choose_method, filter_by_sections
from fxrep.effects.settings import HIGHEST_FREQUENCY, Setting, check_input, read_settings
from fxrep.effects.streaming import MemorylessStream, Stream

# The numbers that are printed on the sliders, in Hz.
OCTAVE_HZ = (31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000)
THIRD_OCTAVE_HZ = (
    *(20, 25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630),
    *(800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300, 8000, 10000, 12500, 16000, 20000),
)


def _centres(printed: tuple[float, ...]) -> dict[str, float]:
    """Return the exact centres by name: the nearest of the tenths of a decade of IEC 61260-1."""
    exact = (10.0 ** (round(10.0 * math.log10(hz)) / 10.0) for hz in printed)
    return dict(zip((f"{hz:g}".replace(".", "_") for hz in printed), exact, strict=True))


OCTAVES, THIRD_OCTAVES = _centres(OCTAVE_HZ), _centres(THIRD_OCTAVE_HZ)
GAIN_DB = 12.0
# A filter has half its decibels this share of the way to its lower neighbour: wide enough that equal gains give a flat
# response, narrow enough that opposite ones stay apart.
HALF_GAIN_SHARE = 0.7
MIDPOINT_WEIGHT = 0.5
# The gain at which the interaction is measured, and the rounds after which it no longer changes the result audibly.
PROTOTYPE_DB = 10.0
ROUNDS = 4
# No setting asks more than this of a single filter; for the length of the tail.
LARGEST_FILTER_DB = 40.0


def _table(centres: dict[str, float]) -> tuple[Parameter, ...]:
    return tuple(Parameter(f"gain_{name}_hz_db", "dB", -GAIN_DB, GAIN_DB, "db", 0.0) for name in centres)


GRAPHIC_TABLE, THIRD_OCTAVE_TABLE = _table(OCTAVES), _table(THIRD_OCTAVES)


def graphic_eq(audio: torch.Tensor, sample_rate: int, *, method: str = "auto", **gains: Setting) -> torch.Tensor:
    """Filter with ten bands, one per octave from 31.5 Hz to 16 kHz.

    The response is within 0.5 dB of the gains at the centres of the bands, and within 1.5 dB of the mean of two
    neighbours between them, whatever the settings; typically 0.1 and 0.3 dB. A band whose centre lies above 0.49 of the
    sample rate has nothing to act on and is left out.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        method: ``recursive``, ``fft`` or ``auto``, see `parametric_eq`.
        gains: ``gain_31_5_hz_db``, ``gain_63_hz_db``, …, ``gain_16000_hz_db``, -12 to 12 dB, default 0.

    Returns:
        (B, C, T): the input, bit for bit, if all gains are 0.

    Raises:
        ArgumentError: a gain is unknown or out of range.
        AudioError: the audio is unusable.
    """
    return _equalize(audio, sample_rate, OCTAVES, gains, method)


def third_octave_eq(audio: torch.Tensor, sample_rate: int, *, method: str = "auto", **gains: Setting) -> torch.Tensor:
    """Filter with 31 bands, one per third of an octave from 20 Hz to 20 kHz.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        method: ``recursive``, ``fft`` or ``auto``, see `parametric_eq`.
        gains: ``gain_20_hz_db``, ``gain_25_hz_db``, ``gain_31_5_hz_db``, …, ``gain_20000_hz_db``, as for `graphic_eq`.

    Returns:
        (B, C, T), as accurate as `graphic_eq`.

    Raises:
        ArgumentError: as for `graphic_eq`.
        AudioError: the audio is unusable.
    """
    return _equalize(audio, sample_rate, THIRD_OCTAVES, gains, method)


def _equalize(
    audio: torch.Tensor, sample_rate: int, centres: dict[str, float], gains: dict[str, Setting], method: str
) -> torch.Tensor:
    check_input(audio, sample_rate)
    chosen = choose_method(method, audio.device)
    sections = _design(audio, sample_rate, centres, gains)
    if sections is None:
        return audio.clone()
    tail = _tail(sample_rate, tuple(centres.values())) if chosen == "fft" else 0
    return filter_by_sections(audio, sections, chosen, tail)


def _design(
    audio: torch.Tensor, sample_rate: int, centres: dict[str, float], gains: dict[str, Setting]
) -> Sections | None:
    table = _table(centres)
    columns = read_settings(audio, table, {**{parameter.name: 0.0 for parameter in table}, **gains})
    if not any(isinstance(gain, torch.Tensor) or gain != 0 for gain in gains.values()):
        return None
    usable = _below_nyquist(sample_rate, tuple(centres.values()))
    if not usable:
        return None
    return design_graphic(torch.stack([*columns.values()][: len(usable)], 1), sample_rate, usable)


def _below_nyquist(sample_rate: int, centres: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(hz for hz in centres if hz <= HIGHEST_FREQUENCY * sample_rate)


def design_graphic(gain_db: torch.Tensor, sample_rate: int, centres: tuple[float, ...]) -> Sections:
    """Return peak filters whose common response passes through the gains.

    Args:
        gain_db: (B, N) at the centres.
        sample_rate: Hz.
        centres: N frequencies in Hz, equally spaced on a logarithmic axis.

    Returns:
        Sections (B, N).
    """
    hz, solution = _fit(sample_rate, centres)
    hz, solution = hz.to(gain_db), solution.to(gain_db)
    target = torch.cat((gain_db, (gain_db[:, 1:] + gain_db[:, :-1]) / 2.0), 1)
    filters_db = target @ solution
    for _ in range(ROUNDS - 1):
        reached = _peaks(filters_db, sample_rate, centres).level_db(hz, sample_rate).sum(1)
        filters_db = filters_db + (target - reached) @ solution
    return _peaks(filters_db, sample_rate, centres)


@functools.lru_cache(maxsize=32)
def _fit(sample_rate: int, centres: tuple[float, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the frequencies (F,) at which the response is fitted, and the matrix (F, N) from levels to gains there."""
    middle = torch.tensor(centres, dtype=torch.float64)
    hz = torch.cat((middle, (middle[1:] * middle[:-1]).sqrt()))
    prototype = torch.full((1, len(centres)), PROTOTYPE_DB, dtype=torch.float64)
    interaction = _peaks(prototype, sample_rate, centres).level_db(hz, sample_rate)[0].T / PROTOTYPE_DB
    weight = torch.where(torch.arange(len(hz)) < len(centres), 1.0, MIDPOINT_WEIGHT).to(torch.float64)
    return hz, (torch.linalg.pinv(interaction * weight[:, None]) * weight).T


def _peaks(gain_db: torch.Tensor, sample_rate: int, centres: tuple[float, ...]) -> Sections:
    hz, q = (gain_db.new_tensor(numbers).expand_as(gain_db) for numbers in (centres, _qs(sample_rate, centres)))
    return Sections.design(["peak"] * len(centres), hz, gain_db, q, sample_rate)


def _qs(sample_rate: int, centres: tuple[float, ...]) -> list[float]:
    # Half the decibels are left where |1 - W^2| = W / Q, W being the distance on the warped frequency axis.
    step = (centres[-1] / centres[0]) ** (HALF_GAIN_SHARE / (len(centres) - 1))
    turns = [math.pi * hz / sample_rate for hz in centres]
    edges = [math.tan(turn / step) / math.tan(turn) for turn in turns]
    return [edge / (1.0 - edge * edge) for edge in edges]


@functools.lru_cache(maxsize=32)
def _tail(sample_rate: int, centres: tuple[float, ...]) -> int:
    usable = _below_nyquist(sample_rate, centres)
    largest = (-LARGEST_FILTER_DB, LARGEST_FILTER_DB)
    bands = zip(usable, _qs(sample_rate, usable), strict=True)
    return tail_samples(sample_rate, tuple(Band("", "peak", (hz, hz), hz, largest, (q, q)) for hz, q in bands))


class GraphicEQ(Processor):
    """Ten sliders, one per octave."""

    name = "graphic_eq"
    function = staticmethod(graphic_eq)
    parameter_table = GRAPHIC_TABLE
    centres: ClassVar[dict[str, float]] = OCTAVES

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the equaliser with its memory, see `Processor.stream`."""
        self.check_names(settings)
        items = max((value.numel() for value in settings.values() if isinstance(value, torch.Tensor)), default=1)
        sections = _design(torch.zeros(items, 1, 1), sample_rate, self.centres, settings)
        return MemorylessStream(torch.clone) if sections is None else SectionStream(sections.coefficients())


class ThirdOctaveEQ(GraphicEQ):
    """31 sliders, one per third of an octave."""

    name = "third_octave_eq"
    function = staticmethod(third_octave_eq)
    parameter_table = THIRD_OCTAVE_TABLE
    centres = THIRD_OCTAVES
