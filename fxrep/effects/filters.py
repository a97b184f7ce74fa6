"""Single filters after R. Bristow-Johnson, "Audio EQ Cookbook".

Each is an equaliser of one band: the same design, the same two methods (see `parametric_eq`), the same accuracy.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import torch

from fxrep.effects.equalizer import equalize, stream_bands
from fxrep.effects.filter_bands import BUTTERWORTH_Q, Band
from fxrep.effects.parameters import Choice
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_choice
from fxrep.effects.streaming import Stream

HZ, GAIN_DB, Q = (20.0, 20000.0), (-20.0, 20.0), (0.1, 10.0)
SLOPE = Choice("slope_db_per_octave", ("12", "24", "48"), "12")

FILTERS = {
    **{kind: Band("", kind, HZ, q=Q) for kind in ("low_pass", "high_pass", "band_pass", "notch", "all_pass")},
    "low_shelf": Band("", "low_shelf", HZ, 100.0, GAIN_DB, Q),
    "high_shelf": Band("", "high_shelf", HZ, 8000.0, GAIN_DB, Q),
    "peak": Band("", "peak", HZ, 1000.0, GAIN_DB, Q),
}


def with_slope(band: Band, slope_db_per_octave: str) -> Band:
    """Return a pass of higher order: a Butterworth cascade at the default Q, all of whose sections follow the Q.

    Raises:
        ArgumentError: the slope is not one of those offered.
    """
    sections = int(check_choice(SLOPE, slope_db_per_octave)) // 12
    # Q of the sections of a Butterworth filter of order 2 N, sharpest last, in multiples of 0.707.
    angles = [math.pi * (2 * number + 1) / (4 * sections) for number in reversed(range(sections))]
    factors = tuple(1.0 / (2.0 * math.sin(angle) * BUTTERWORTH_Q) for angle in angles)
    return replace(band, q_factors=factors if sections > 1 else (1.0,))


def low_pass(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    frequency_hz: Setting | None = None,
    q: Setting = BUTTERWORTH_Q,
    slope_db_per_octave: str = "12",
    method: str = "auto",
) -> torch.Tensor:
    """Keep what lies below a frequency.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        frequency_hz: 20 to 20000; with the default Q the level there is -3 dB. None is off: the identity.
        q: resonance, 0.1 to 10; 0.707 is the flattest pass-band (Butterworth).
        slope_db_per_octave: ``12``, ``24`` or ``48``: one, two or four sections in series, Butterworth as a whole at
            the default Q. The Q multiplies that of every section.
        method: ``recursive``, ``fft`` or ``auto``, see `parametric_eq`.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range or the frequency lies above 0.49 of the sample rate.
        AudioError: the audio is unusable.
    """
    band = with_slope(FILTERS["low_pass"], slope_db_per_octave)
    return equalize(audio, sample_rate, (band,), {"frequency_hz": frequency_hz, "q": q}, method=method)


def high_pass(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    frequency_hz: Setting | None = None,
    q: Setting = BUTTERWORTH_Q,
    slope_db_per_octave: str = "12",
    method: str = "auto",
) -> torch.Tensor:
    """Keep what lies above a frequency; arguments as for `low_pass`."""
    band = with_slope(FILTERS["high_pass"], slope_db_per_octave)
    return equalize(audio, sample_rate, (band,), {"frequency_hz": frequency_hz, "q": q}, method=method)


def band_pass(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    frequency_hz: Setting | None = None,
    q: Setting = BUTTERWORTH_Q,
    method: str = "auto",
) -> torch.Tensor:
    """Keep what lies around a frequency: 0 dB there, -3 dB at the ends of a band `frequency_hz` / `q` wide.

    `frequency_hz` (20 to 20000, None is off) and `q` (0.1 to 10); everything else as for `low_pass`.
    """
    return equalize(audio, sample_rate, (FILTERS["band_pass"],), {"frequency_hz": frequency_hz, "q": q}, method=method)


def notch(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    frequency_hz: Setting | None = None,
    q: Setting = BUTTERWORTH_Q,
    method: str = "auto",
) -> torch.Tensor:
    """Remove a frequency: nothing there, -3 dB at the ends of a band `frequency_hz` / `q` wide.

    `frequency_hz` (20 to 20000, None is off) and `q` (0.1 to 10); everything else as for `low_pass`.
    """
    return equalize(audio, sample_rate, (FILTERS["notch"],), {"frequency_hz": frequency_hz, "q": q}, method=method)


def all_pass(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    frequency_hz: Setting | None = None,
    q: Setting = BUTTERWORTH_Q,
    method: str = "auto",
) -> torch.Tensor:
    """Turn the phase by 360 degrees from low to high, 180 of them below a frequency; the level stays.

    `frequency_hz` (20 to 20000, None is off) and `q` (0.1 to 10, the higher the faster it turns); everything else as
    for `low_pass`.
    """
    return equalize(audio, sample_rate, (FILTERS["all_pass"],), {"frequency_hz": frequency_hz, "q": q}, method=method)


def low_shelf(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    frequency_hz: Setting = 100.0,
    gain_db: Setting = 0.0,
    q: Setting = BUTTERWORTH_Q,
    method: str = "auto",
) -> torch.Tensor:
    """Raise or lower what lies below a frequency.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        frequency_hz: where half the decibels are reached, 20 to 20000.
        gain_db: at DC, -20 to 20; 0 is the identity.
        q: resonance, 0.1 to 10; 0.707 is the steepest slope without overshoot.
        method: ``recursive``, ``fft`` or ``auto``, see `parametric_eq`.

    Returns:
        (B, C, T).

    Raises:
        ArgumentError: a setting is out of range or the frequency lies above 0.49 of the sample rate.
        AudioError: the audio is unusable.
    """
    settings = {"frequency_hz": frequency_hz, "gain_db": gain_db, "q": q}
    return equalize(audio, sample_rate, (FILTERS["low_shelf"],), settings, method=method)


def high_shelf(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    frequency_hz: Setting = 8000.0,
    gain_db: Setting = 0.0,
    q: Setting = BUTTERWORTH_Q,
    method: str = "auto",
) -> torch.Tensor:
    """Raise or lower what lies above a frequency; arguments as for `low_shelf`, the gain is that at Nyquist."""
    settings = {"frequency_hz": frequency_hz, "gain_db": gain_db, "q": q}
    return equalize(audio, sample_rate, (FILTERS["high_shelf"],), settings, method=method)


def peak(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    frequency_hz: Setting = 1000.0,
    gain_db: Setting = 0.0,
    q: Setting = BUTTERWORTH_Q,
    method: str = "auto",
) -> torch.Tensor:
    """Raise or lower what lies around a frequency; arguments as for `low_shelf`.

    The gain is that at the frequency; half the decibels are left at the ends of a band `frequency_hz` / `q` wide.
    """
    settings = {"frequency_hz": frequency_hz, "gain_db": gain_db, "q": q}
    return equalize(audio, sample_rate, (FILTERS["peak"],), settings, method=method)


class _Filter(Processor):
    """What the single filters share: a stream that carries the state of their section."""

    band: ClassVar[Band]

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the filter with its memory, see `Processor.stream`."""
        self.check_names(settings)
        settings = {**self.defaults(), **settings}
        slope = settings.pop(SLOPE.name, "12")
        return stream_bands(sample_rate, (with_slope(self.band, slope),), settings)


class LowPass(_Filter):
    """Keeps what lies below a frequency."""

    name, band = "low_pass", FILTERS["low_pass"]
    function, parameter_table, choices = staticmethod(low_pass), band.parameters(), (SLOPE,)


class HighPass(_Filter):
    """Keeps what lies above a frequency."""

    name, band = "high_pass", FILTERS["high_pass"]
    function, parameter_table, choices = staticmethod(high_pass), band.parameters(), (SLOPE,)


class BandPass(_Filter):
    """Keeps what lies around a frequency."""

    name, band = "band_pass", FILTERS["band_pass"]
    function, parameter_table = staticmethod(band_pass), band.parameters()


class Notch(_Filter):
    """Removes a frequency."""

    name, band = "notch", FILTERS["notch"]
    function, parameter_table = staticmethod(notch), band.parameters()


class AllPass(_Filter):
    """Turns the phase around a frequency."""

    name, band = "all_pass", FILTERS["all_pass"]
    function, parameter_table = staticmethod(all_pass), band.parameters()


class LowShelf(_Filter):
    """Raises or lowers the lows."""

    name, band = "low_shelf", FILTERS["low_shelf"]
    function, parameter_table = staticmethod(low_shelf), band.parameters()


class HighShelf(_Filter):
    """Raises or lowers the highs."""

    name, band = "high_shelf", FILTERS["high_shelf"]
    function, parameter_table = staticmethod(high_shelf), band.parameters()


class Peak(_Filter):
    """Raises or lowers what lies around a frequency."""

    name, band = "peak", FILTERS["peak"]
    function, parameter_table = staticmethod(peak), band.parameters()
