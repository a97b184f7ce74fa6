"""Parametric equaliser."""

from __future__ import annotations

import functools
import math

import torch
from scipy.fft import next_fast_len

from fxrep.effects.biquad_cascade import filter_cascade
from fxrep.effects.chunks import in_chunks
from fxrep.effects.filter_sections import Sections
from fxrep.effects.filter_tail import tail_samples
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_frequency, check_input, read_settings
from fxrep.errors import ArgumentError

BUTTERWORTH_Q = math.sqrt(0.5)
# Lowest, highest and default frequency of each band in Hz: together they cover the bands of the published chains.
BANDS = {
    "low_shelf": (20.0, 2000.0, 100.0),
    "peak_1": (40.0, 2500.0, 300.0),
    "peak_2": (200.0, 8000.0, 1000.0),
    "peak_3": (1000.0, 12000.0, 3000.0),
    "peak_4": (2000.0, 20000.0, 8000.0),
    "high_shelf": (2000.0, 20000.0, 10000.0),
}
PASSES = {"high_pass_hz": (20.0, 2000.0), "low_pass_hz": (500.0, 20000.0)}
METHODS = ("auto", "recursive", "fft")


def _band_parameters(band: str, lowest: float, highest: float, default: float) -> tuple[Parameter, ...]:
    return (
        Parameter(f"{band}_hz", "Hz", lowest, highest, "log", default),
        Parameter(f"{band}_gain_db", "dB", -20.0, 20.0, "db", 0.0),
        Parameter(f"{band}_q", "", 0.1, 6.0, "log", BUTTERWORTH_Q),
    )


EQUALIZER_TABLE = (
    *(parameter for band, numbers in BANDS.items() for parameter in _band_parameters(band, *numbers)),
    *(Parameter(name, "Hz", low, high, "log", None) for name, (low, high) in PASSES.items()),
)


def parametric_eq(
    audio: torch.Tensor, sample_rate: int, *, method: str = "auto", **settings: Setting | None
) -> torch.Tensor:
    """Filter with a low shelf, four peaks and a high shelf, and if asked a high-pass and a low-pass.

    The bands are second-order sections after R. Bristow-Johnson's cookbook, in series: high-pass, low shelf,
    peaks, high shelf, low-pass. `q` of a shelf is its resonance (0.707: the steepest slope without overshoot). The
    passes are Butterworth, 12 dB per octave, -3 dB at their frequency. A band whose gain is the number 0 is left out:
    all gains 0 and no pass is the identity, bit for bit.

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
    check_input(audio, sample_rate)
    if method not in METHODS or (method == "recursive" and audio.device.type != "cpu"):
        raise ArgumentError(f"method is {method!r}; expected one of {', '.join(METHODS)}, recursive only on the CPU")
    columns = read_settings(audio, EQUALIZER_TABLE, settings)
    active = _active_bands(settings)
    if not active:
        return audio.clone()
    recursive = method == "recursive" or (method == "auto" and audio.device.type == "cpu")
    sections = _sections(columns, active, audio, sample_rate)
    if recursive:
        rows = sections.coefficients().repeat_interleave(audio.shape[1], dim=0)
        return filter_cascade(audio.flatten(0, 1), rows).reshape(audio.shape)
    parts = {"numerator": sections.numerator, "denominator": sections.denominator, "warp": sections.warp}
    return in_chunks(functools.partial(_filter_by_fft, tail=tail_samples(sample_rate, EQUALIZER_TABLE)), audio, parts)


def _active_bands(settings: dict[str, Setting | None]) -> list[str]:
    order = ("high_pass_hz", *BANDS, "low_pass_hz")
    gains = {band: settings.get(band if band in PASSES else f"{band}_gain_db") for band in order}
    return [band for band, gain in gains.items() if isinstance(gain, torch.Tensor) or gain not in (None, 0)]


def _sections(columns: dict[str, torch.Tensor], active: list[str], audio: torch.Tensor, sample_rate: int) -> Sections:
    defaults = {parameter.name: parameter.default for parameter in EQUALIZER_TABLE}
    kinds, frequencies, gains, qs = [], [], [], []

    def setting(name: str) -> torch.Tensor:
        if name in columns:
            return columns[name]
        return read_settings(audio, EQUALIZER_TABLE, {name: defaults[name]})[name]

    for band in active:
        frequency_name = band if band in PASSES else f"{band}_hz"
        frequency = setting(frequency_name)
        check_frequency(frequency_name, frequency, sample_rate)
        frequencies.append(frequency)
        kinds.append(band.removesuffix("_hz") if band in PASSES or "shelf" in band else "peak")
        gains.append(torch.zeros_like(frequency) if band in PASSES else setting(f"{band}_gain_db"))
        qs.append(torch.full_like(frequency, BUTTERWORTH_Q) if band in PASSES else setting(f"{band}_q"))
    return Sections.design(kinds, torch.stack(frequencies, 1), torch.stack(gains, 1), torch.stack(qs, 1), sample_rate)


def _filter_by_fft(audio: torch.Tensor, parts: dict[str, torch.Tensor], tail: int) -> torch.Tensor:
    samples = audio.shape[-1]
    points = next_fast_len(samples + tail, real=True)
    response = Sections(**parts).response(points, audio.dtype).unsqueeze(1)
    filtered: torch.Tensor = torch.fft.irfft(torch.fft.rfft(audio, n=points) * response, n=points)
    return filtered[..., :samples]


class ParametricEQ(Processor):
    """Tone: shelves, peaks and passes."""

    name = "parametric_eq"
    function = staticmethod(parametric_eq)
    parameter_table = EQUALIZER_TABLE
