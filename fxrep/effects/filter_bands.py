"""A filter as a list of bands: their settings, their sections, and the filtering itself, once for all equalisers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from fxrep.effects.filter_sections import DESIGNS, GAIN_KINDS, Sections
from fxrep.effects.parameters import Parameter
from fxrep.effects.settings import Setting, check_frequency, read_settings
from fxrep.errors import ArgumentError

BUTTERWORTH_Q = math.sqrt(0.5)
Range = tuple[float, float]


@dataclass(frozen=True)
class Band:
    """One filter of a series, off until it is asked for.

    A band with a gain (shelf, peak) is off at 0 dB; any other one is off while it has no frequency.

    Attributes:
        name: prefix of its settings ``…_hz``, ``…_gain_db`` and ``…_q``; an empty name gives ``frequency_hz``,
            ``gain_db`` and ``q``.
        kind: key of `filter_sections.DESIGNS`.
        hz: lowest and highest frequency.
        default_hz: frequency when none is given, None for a band without gain.
        gain_db: lowest and highest gain; only shelves and peaks have one.
        q: lowest and highest Q; None fixes it at 0.707 (Butterworth).
        default_q: Q when none is given, or the nearest to it in the range.
        q_factors: one section per number, with this multiple of the band's Q.

    Raises:
        ArgumentError: the kind is unknown, or does not fit what is given.
    """

    name: str
    kind: str
    hz: Range
    default_hz: float | None = None
    gain_db: Range | None = None
    q: Range | None = None
    default_q: float = BUTTERWORTH_Q
    q_factors: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if self.kind not in DESIGNS:
            raise ArgumentError(f"band {self.name!r} has kind {self.kind!r}; expected one of {', '.join(DESIGNS)}")
        boosts = self.kind in GAIN_KINDS
        if boosts != (self.gain_db is not None) or boosts != (self.default_hz is not None):
            needs = "a range of gains and a default frequency" if boosts else "neither gain nor default frequency"
            raise ArgumentError(f"band {self.name!r} is a {self.kind}; it has {needs}")

    def setting(self, part: str) -> str:
        """Return the name of a setting of this band; the part is ``hz``, ``gain_db`` or ``q``."""
        if self.name:
            return f"{self.name}_{part}"
        return "frequency_hz" if part == "hz" else part

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of its settings."""
        table = [Parameter(self.setting("hz"), "Hz", *self.hz, "log", self.default_hz)]
        if self.gain_db:
            table.append(Parameter(self.setting("gain_db"), "dB", *self.gain_db, "db", 0.0))
        if self.q:
            table.append(
                Parameter(self.setting("q"), "", *self.q, "log", min(max(self.default_q, self.q[0]), self.q[1]))
            )
        return tuple(table)

    def is_active(self, settings: Mapping[str, Setting | None]) -> bool:
        """Return whether the band does anything. A tensor counts: its values may change without notice."""
        deciding = settings.get(self.setting("gain_db" if self.gain_db else "hz"))
        if self.gain_db:
            return isinstance(deciding, torch.Tensor) or deciding not in (None, 0)
        return deciding is not None


def band_table(bands: Sequence[Band]) -> tuple[Parameter, ...]:
    """Return the settings of all bands."""
    return tuple(parameter for band in bands for parameter in band.parameters())


def design_bands(
    audio: torch.Tensor, sample_rate: int, bands: Sequence[Band], settings: Mapping[str, Setting | None]
) -> Sections | None:
    """Design the sections of all active bands.

    Args:
        audio: (B, C, T), for the batch size and the device.
        sample_rate: Hz.
        bands: in the order of the series.
        settings: by name.

    Returns:
        Sections (B, S), or None if no band is active.

    Raises:
        ArgumentError: a setting is unknown or out of range, or a band in use lies above 0.49 of the sample rate.
    """
    table = band_table(bands)
    read_settings(audio, table, settings)
    active = [band for band in bands if band.is_active(settings)]
    kinds, rows = [], []
    for band in active:
        defaults = {parameter.name: parameter.default for parameter in band.parameters()}
        given = {name: settings[name] for name in defaults if settings.get(name) is not None}
        columns = read_settings(audio, table, {**defaults, **given})
        frequency = columns[band.setting("hz")]
        check_frequency(band.setting("hz"), frequency, sample_rate)
        gain_db = columns.get(band.setting("gain_db"), torch.zeros_like(frequency))
        q = columns.get(band.setting("q"), torch.full_like(frequency, BUTTERWORTH_Q))
        for factor in band.q_factors:
            kinds.append(band.kind)
            rows.append(torch.stack((frequency, gain_db, q * factor), -1))
    if not rows:
        return None
    frequencies, gains, qs = torch.stack(rows, 1).unbind(-1)
    return Sections.design(kinds, frequencies, gains, qs, sample_rate)
