"""Splitting audio into frequency bands that sum flat, without latency.

Linkwitz-Riley crossovers of fourth order (S. Linkwitz, "Active Crossover Networks for Noncoincident Drivers", JAES
1976): each side is a Butterworth filter applied twice, -6 dB at the crossover and 24 dB per octave beyond it. Low and
high are in phase everywhere, and their sum is an all-pass. The low side of a crossover also passes the all-passes of
all higher crossovers, so that the bands stay in phase and their sum is an all-pass as a whole: flat in level, whatever
the frequencies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from scipy.fft import next_fast_len

from fxrep.effects.filter_bands import BUTTERWORTH_Q
from fxrep.effects.filter_sections import Sections
from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.section_filtering import SectionStream, choose_method, filter_by_recursion
from fxrep.effects.settings import Setting, check_choice, check_frequency, check_input, read_settings
from fxrep.effects.zero_phase_bands import band_reach, split_zero_phase

LOWEST_HZ, HIGHEST_HZ = 20.0, 20000.0
# What the processors that work in bands offer; each says what it means for them.
PHASE = Choice("phase", ("zero", "minimum"), "zero")
# Four equal poles per crossover fall slower at first than one; after this many of their time constants even three
# crossovers at the same frequency are 110 dB down.
TIME_CONSTANTS = 40.0


def split_bands(
    audio: torch.Tensor,
    sample_rate: int,
    frequencies: Sequence[Setting],
    *,
    phase: str = "minimum",
    method: str = "auto",
) -> list[torch.Tensor]:
    """Split into bands with the slopes of fourth-order Linkwitz-Riley crossovers.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        frequencies: the N crossovers in Hz, 20 to 20000, from low to high; a number or a tensor (B,) each. Out of
            order, a band in between is nearly silent; the sum is flat all the same.
        phase: ``minimum``: causal filters, whose sum has the spectrum of the input and its phase turned by half a turn
            at every crossover; ``zero``: filters that ring before an onset as they do after it, whose sum is the
            input, see `zero_phase_bands`.
        method: of the causal filters: ``recursive`` (float64, CPU), ``fft`` (any device) or ``auto``, as for the
            filters.

    Returns:
        N + 1 bands (B, C, T) from low to high. Differentiable in the audio and in the frequencies.

    Raises:
        ArgumentError: a frequency is out of range or above 0.49 of the sample rate, or there is no such phase.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    check_choice(PHASE, phase)
    chosen = choose_method(method, audio.device)
    columns = _read_frequencies(audio, sample_rate, frequencies)
    if not columns:
        return [audio.clone()]
    if phase == "zero":
        return split_zero_phase(audio, sample_rate, columns, band_reach(LOWEST_HZ, sample_rate))
    return split_minimum_phase(audio, sample_rate, columns, method=chosen)


def split_minimum_phase(
    audio: torch.Tensor, sample_rate: int, columns: Sequence[torch.Tensor], *, method: str = "auto"
) -> list[torch.Tensor]:
    """Split as `split_bands` does, at crossovers (B,) float64 in Hz that have been checked."""
    sides = _design(columns, sample_rate)
    if choose_method(method, audio.device) == "fft":
        return _split_by_fft(audio, sides, sample_rate)
    bands, rest = [], audio
    for low, high in sides:
        bands.append(filter_by_recursion(rest, low.coefficients()))
        rest = filter_by_recursion(rest, high.coefficients())
    return [*bands, rest]


def _read_frequencies(audio: torch.Tensor, sample_rate: int, frequencies: Sequence[Setting]) -> list[torch.Tensor]:
    columns = []
    for number, frequency in enumerate(frequencies):
        name = f"frequencies[{number}]"
        table = (Parameter(name, "Hz", LOWEST_HZ, HIGHEST_HZ, "log", None),)
        columns.append(read_settings(audio, table, {name: frequency})[name])
        check_frequency(name, columns[-1], sample_rate)
    return columns


def sum_of_bands(columns: Sequence[torch.Tensor], sample_rate: int) -> Sections:
    """Return the all-passes (B, N) that the causal bands of N crossovers add up to."""
    return _sections(["all_pass"] * len(columns), columns, sample_rate)


def _sections(kinds: Sequence[str], columns: Sequence[torch.Tensor], sample_rate: int) -> Sections:
    hz = torch.stack(list(columns), 1)
    return Sections.design(kinds, hz, torch.zeros_like(hz), torch.full_like(hz, BUTTERWORTH_Q), sample_rate)


def _design(columns: Sequence[torch.Tensor], sample_rate: int) -> list[tuple[Sections, Sections]]:
    """Return the low and the high side of each crossover; the high side is what the next crossover gets."""
    sides = []
    for number, hz in enumerate(columns):
        higher = columns[number + 1 :]
        kinds = ["low_pass", "low_pass", *["all_pass"] * len(higher)]
        low = _sections(kinds, [hz, hz, *higher], sample_rate)
        sides.append((low, _sections(["high_pass", "high_pass"], [hz, hz], sample_rate)))
    return sides


def _split_by_fft(audio: torch.Tensor, sides: list[tuple[Sections, Sections]], sample_rate: int) -> list[torch.Tensor]:
    samples = audio.shape[-1]
    # A Butterworth pole pair decays with the time constant 1 / (sqrt(1/2) 2 pi f).
    tail = math.ceil(TIME_CONSTANTS * sample_rate / (BUTTERWORTH_Q * 2.0 * math.pi * LOWEST_HZ))
    points = next_fast_len(samples + tail, real=True)
    rest, bands = torch.fft.rfft(audio, n=points), []
    for low, high in sides:
        bands.append(rest * low.response(points, audio.dtype).unsqueeze(1))
        rest = rest * high.response(points, audio.dtype).unsqueeze(1)
    return [torch.fft.irfft(band, n=points)[..., :samples] for band in (*bands, rest)]


class BandSplitter:
    """`split_bands` with minimum phase for a signal that arrives in blocks, without latency.

    Args:
        sample_rate: Hz.
        frequencies: as for `split_bands`.
    """

    def __init__(self, sample_rate: int, frequencies: Sequence[Setting]) -> None:
        self.sample_rate, self.frequencies = sample_rate, list(frequencies)
        self.sides: list[tuple[SectionStream, SectionStream]] | None = None

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> list[torch.Tensor]:
        """Return the bands of the next block (B, C, T), from low to high; joined, they equal `split_bands`."""
        if self.sides is None:
            columns = _read_frequencies(block, self.sample_rate, self.frequencies)
            self.sides = [
                (SectionStream(low.coefficients()), SectionStream(high.coefficients()))
                for low, high in _design(columns, self.sample_rate)
            ]
        bands, rest = [], block
        for low, high in self.sides:
            bands.append(low.push(rest))
            rest = high.push(rest)
        return [*bands, rest if self.sides else block.clone()]
