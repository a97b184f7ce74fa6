"""Parametric equalisers of any number of bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from fxrep.effects.filter_bands import Band, band_table, design_bands
from fxrep.effects.filter_tail import tail_samples
from fxrep.effects.processor import Processor
from fxrep.effects.section_filtering import SectionStream, choose_method, filter_by_sections
from fxrep.effects.settings import Setting, check_input
from fxrep.effects.streaming import MemorylessStream, Stream
from fxrep.effects.zero_gradients import with_zero_gradients
from fxrep.errors import ArgumentError

# Lowest, highest and default frequency of each band in Hz: together they cover the bands of the published chains.
BANDS = {
    "low_shelf": (20.0, 2000.0, 100.0),
    "peak_1": (40.0, 2500.0, 300.0),
    "peak_2": (200.0, 8000.0, 1000.0),
    "peak_3": (1000.0, 12000.0, 3000.0),
    "peak_4": (2000.0, 20000.0, 8000.0),
    "high_shelf": (2000.0, 20000.0, 10000.0),
}
GAIN_DB, Q = (-20.0, 20.0), (0.1, 6.0)
SIX_BANDS = (
    *(
        Band(name, name if "shelf" in name else "peak", (low, high), default, GAIN_DB, Q)
        for name, (low, high, default) in BANDS.items()
    ),
    Band("high_pass", "high_pass", (20.0, 2000.0)),
    Band("low_pass", "low_pass", (500.0, 20000.0)),
)
EQUALIZER_TABLE = band_table(SIX_BANDS)


def parametric_eq(
    audio: torch.Tensor, sample_rate: int, *, method: str = "auto", **settings: Setting | None
) -> torch.Tensor:
    """Filter with a low shelf, four peaks and a high shelf, and if asked a high-pass and a low-pass.

    The bands are second-order sections after R. Bristow-Johnson's cookbook, in series. `q` of a shelf is its resonance
    (0.707: the steepest slope without overshoot). The passes are Butterworth, 12 dB per octave, -3 dB at their
    frequency. A band whose gain is the number 0 is left out: all gains 0 and no pass is the identity, bit for bit.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        method: ``recursive``: sample by sample in float64, exact, CPU only; ``fft``: the analog-prototype response on a
            transform long enough for the longest decay that the ranges allow, any device; ``auto``: the first on
            the CPU, the second elsewhere. They agree to better than -95 dB.
        settings: ``low_shelf_hz`` (20 to 2000), ``peak_1_hz`` (40 to 2500), ``peak_2_hz`` (200 to 8000),
            ``peak_3_hz`` (1000 to 12000), ``peak_4_hz`` and ``high_shelf_hz`` (2000 to 20000), each with
            ``…_gain_db`` (-20 to 20 dB, default 0) and ``…_q`` (0.1 to 6, default 0.707); ``high_pass_hz`` (20 to
            2000) and ``low_pass_hz`` (500 to 20000), None or absent for off.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is unknown or out of range, or a band in use lies above 0.49 of the sample rate.
        AudioError: the audio is unusable.
    """
    return equalize(audio, sample_rate, SIX_BANDS, settings, method=method)


def equalize(
    audio: torch.Tensor,
    sample_rate: int,
    bands: Sequence[Band],
    settings: Mapping[str, Setting | None],
    *,
    method: str = "auto",
) -> torch.Tensor:
    """Filter with any bands in series; see `parametric_eq` for the methods.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        bands: the filters, in the order of the series.
        settings: of the bands, by name.
        method: ``recursive``, ``fft`` or ``auto``.

    Returns:
        (B, C, T): the input, bit for bit, if no band is in use.

    Raises:
        ArgumentError: a setting is unknown or out of range, or a band in use lies above 0.49 of the sample rate.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    chosen = choose_method(method, audio.device)
    sections = design_bands(audio, sample_rate, bands, settings)
    if sections is None:
        # Of a band that is off, the Q and the gain have the gradient 0, not none.
        return with_zero_gradients(audio.clone(), [value for value in settings.values() if torch.is_tensor(value)])
    tail = tail_samples(sample_rate, tuple(bands)) if chosen == "fft" else 0
    return filter_by_sections(audio, sections, chosen, tail)


def stream_bands(sample_rate: int, bands: Sequence[Band], settings: Mapping[str, Setting | None]) -> Stream:
    """Return `equalize` for a signal that arrives in blocks, on the CPU.

    Raises:
        ArgumentError: as for `equalize`.
    """
    items = max((value.numel() for value in settings.values() if isinstance(value, torch.Tensor)), default=1)
    sections = design_bands(torch.zeros(items, 1, 1), sample_rate, bands, settings)
    return MemorylessStream(torch.clone) if sections is None else SectionStream(sections.coefficients())


class Equalizer(Processor):
    """A parametric equaliser with the bands it is given.

    Args:
        bands: the filters, in the order of the series, with different names.

    Raises:
        ArgumentError: there is no band, or two have the same name.
    """

    name = "equalizer"

    def __init__(self, bands: Sequence[Band]) -> None:
        super().__init__()
        names = [band.name for band in bands]
        if not names or len(set(names)) < len(names):
            raise ArgumentError(f"equalizer has bands {', '.join(names) or 'none'}; expected bands of different names")
        self.bands = tuple(bands)
        self.parameter_table = band_table(bands)  # type: ignore[misc]

    def forward(self, audio: torch.Tensor, sample_rate: int, **settings: Any) -> torch.Tensor:
        """Filter, see `parametric_eq`."""
        self.check_names(settings)
        return equalize(audio, sample_rate, self.bands, {**self.defaults(), **settings})

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the equaliser with its memory, see `Processor.stream`."""
        self.check_names(settings)
        return stream_bands(sample_rate, self.bands, {**self.defaults(), **settings})


class ParametricEQ(Equalizer):
    """Tone: shelves, peaks and passes."""

    name = "parametric_eq"
    function = staticmethod(parametric_eq)
    parameter_table = EQUALIZER_TABLE

    def __init__(self) -> None:
        super().__init__(SIX_BANDS)
