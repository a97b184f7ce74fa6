"""Matching equaliser: moves the average spectrum of the audio towards that of a reference."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from fxrep.effects.convolution import fft_convolve
from fxrep.effects.minimum_phase import minimum_phase_taps
from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_choice, check_input, read_settings
from fxrep.effects.spectrum_curves import CURVE_HZ, average_spectrum, curve_on_lines, smooth_curve
from fxrep.effects.streaming import ContextStream, MemorylessStream, Stream
from fxrep.errors import ArgumentError, AudioError

MATCHING_TABLE = (
    Parameter("amount", "", 0.0, 1.0, "linear", 0.0),
    Parameter("smoothing_octaves", "octaves", 0.1, 3.0, "log", 1.0 / 3.0),
)
PHASE = Choice("phase", ("linear", "minimum"), "linear")
GUIDES = ("reference", "target_db", "curve_db")
Reference = torch.Tensor | str | os.PathLike

# The filter is about this long: its ripples are narrower than the narrowest smoothing above 100 Hz.
FILTER_S = 0.093
# No part of the spectrum is moved further: what a recording lacks is noise, not music, and stays where it is.
LARGEST_DB = 30.0


def fir_matching_eq(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    amount: Setting = 0.0,
    smoothing_octaves: Setting = 1.0 / 3.0,
    reference: Reference | None = None,
    target_db: torch.Tensor | None = None,
    curve_db: torch.Tensor | None = None,
    phase: str = "linear",
) -> torch.Tensor:
    """Filter with an FIR filter whose response leads from the audio's average spectrum to another one.

    The difference of the two spectra is smoothed, its mean in dB is taken out (the tone moves, not the level), and what
    is left, at most 30 dB, is multiplied by the amount. One of `reference`, `target_db` and `curve_db` says where to.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        amount: 0 (the identity, bit for bit) to 1 (all the way).
        smoothing_octaves: width of the smoothing, 0.1 to 3 octaves.
        reference: (C, K) or (B, C, K) at the rate of the audio, or the path of an audio file.
        target_db: the spectrum to reach, (61,) or (B, 61), as from `spectrum_curves.average_spectrum`.
        curve_db: the difference itself, (61,) or (B, 61) dB at `spectrum_curves.CURVE_HZ`, as from `matching_curve`.
        phase: ``linear`` (waveforms keep their shape; the delay of half the filter is compensated, so that it rings
            before a sound as well as after it) or ``minimum`` (nothing before a sound, but the phase turns).

    Returns:
        (B, C, T), not delayed. Differentiable in the audio, the settings, the reference and the curves.

    Raises:
        ArgumentError: a setting is out of range, or not exactly one of the three guides is given though the amount is
            not 0.
        AudioError: the audio or the reference is unusable.
    """
    check_input(audio, sample_rate)
    check_choice(PHASE, phase)
    columns = read_settings(audio, MATCHING_TABLE, {"amount": amount, "smoothing_octaves": smoothing_octaves})
    guides = {"reference": reference, "target_db": target_db, "curve_db": curve_db}
    if not isinstance(amount, torch.Tensor) and amount == 0:
        return audio.clone()
    taps, delay = design_filter(_find_difference(audio, sample_rate, guides), columns, sample_rate, phase)
    return _apply(audio, taps, delay)


def matching_curve(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    reference: Reference | None = None,
    target_db: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return how far a target lies above the audio, to be looked at, kept, or given to `fir_matching_eq` in blocks.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        reference: as for `fir_matching_eq`.
        target_db: as for `fir_matching_eq`.

    Returns:
        (B, 61) dB at `spectrum_curves.CURVE_HZ`, not smoothed.

    Raises:
        ArgumentError: not exactly one of `reference` and `target_db` is given.
        AudioError: the audio or the reference is unusable.
    """
    check_input(audio, sample_rate)
    return _find_difference(audio, sample_rate, {"reference": reference, "target_db": target_db, "curve_db": None})


def _find_difference(audio: torch.Tensor, sample_rate: int, guides: Mapping[str, Any]) -> torch.Tensor:
    given = [name for name, guide in guides.items() if guide is not None]
    if len(given) != 1:
        raise ArgumentError(
            f"fir_matching_eq has {' and '.join(given) or 'no target'}; give one of {', '.join(GUIDES)}"
        )
    if guides["reference"] is not None:
        target = _reference_spectrum(guides["reference"], sample_rate).to(audio.device)
    else:
        target = _read_curve(given[0], guides[given[0]], audio)
    if guides["curve_db"] is not None:
        return target.expand(audio.shape[0], -1)
    return target - average_spectrum(audio, sample_rate)


def _read_curve(name: str, curve_db: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
    curve = curve_db.unsqueeze(0) if curve_db.dim() == 1 else curve_db
    if curve.dim() != 2 or curve.shape[1] != len(CURVE_HZ) or curve.shape[0] not in (1, audio.shape[0]):
        raise ArgumentError(f"{name} has shape {tuple(curve_db.shape)}; expected ({len(CURVE_HZ)},), one per frequency")
    if not bool(torch.isfinite(curve.detach()).all()):
        raise ArgumentError(f"{name} holds NaN or infinite levels")
    return curve.to(audio.device, torch.float64)


def _reference_spectrum(reference: Reference, sample_rate: int) -> torch.Tensor:
    if isinstance(reference, torch.Tensor):
        sound = reference if reference.dim() == 3 else reference.unsqueeze(0)
        check_input(sound, sample_rate)
        return _sounding_spectrum(sound, sample_rate, "reference")
    path = Path(reference)
    return _file_spectrum(str(path), path.stat().st_mtime_ns if path.is_file() else 0, sample_rate)


@functools.lru_cache(maxsize=64)
def _file_spectrum(path: str, changed: int, sample_rate: int) -> torch.Tensor:
    from fxrep.audio import load_audio

    return _sounding_spectrum(load_audio(path, sample_rate=sample_rate)[0].unsqueeze(0), sample_rate, path)


def _sounding_spectrum(sound: torch.Tensor, sample_rate: int, name: str) -> torch.Tensor:
    """The spectrum of a reference; silence has none, and matching it would filter the audio by its own inverse."""
    if not bool(sound.detach().ne(0.0).flatten(1).any(1).all()):
        raise AudioError(f"{name} is silent; give a reference with sound in it")
    return average_spectrum(sound, sample_rate)


def design_filter(
    difference_db: torch.Tensor, columns: Mapping[str, torch.Tensor], sample_rate: int, phase: str
) -> tuple[torch.Tensor, int]:
    """Return what a filter adds to the audio: the taps (B, K) of the response minus 1, and their delay in samples.

    Without the 1, a flat response gives taps that are exactly zero.
    """
    smooth = smooth_curve(difference_db, columns["smoothing_octaves"])
    curve_db = (smooth - smooth.mean(-1, keepdim=True)).clamp(-LARGEST_DB, LARGEST_DB) * columns["amount"].unsqueeze(-1)
    length = 1 << round(math.log2(FILTER_S * sample_rate))
    points = 2 * length if phase == "minimum" else length
    logarithm = curve_on_lines(curve_db, sample_rate, points) * (math.log(10.0) / 20.0)
    if phase == "linear":
        taps = torch.fft.irfft(torch.expm1(logarithm), n=points).roll(length // 2, -1)
        return taps * torch.hann_window(length, dtype=taps.dtype, device=taps.device), length // 2
    return minimum_phase_taps(logarithm, length), 0


def _apply(audio: torch.Tensor, taps: torch.Tensor, delay: int) -> torch.Tensor:
    added = fft_convolve(F.pad(audio, (0, delay)), taps.to(audio.dtype).unsqueeze(1))
    return audio + added[..., delay:]


class FIRMatchingEQ(Processor):
    """Tone moved towards a reference.

    Args:
        reference: used when the settings name no guide, see `fir_matching_eq`.
        target_db: likewise.
        curve_db: likewise.
    """

    name = "fir_matching_eq"
    function = staticmethod(fir_matching_eq)
    parameter_table = MATCHING_TABLE
    choices = (PHASE,)
    tensor_dims = {"reference": 3, "target_db": 2, "curve_db": 2}  # noqa: RUF012

    def __init__(
        self,
        reference: Reference | None = None,
        target_db: torch.Tensor | None = None,
        curve_db: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        guides = {"reference": reference, "target_db": target_db, "curve_db": curve_db}
        self.guides = {name: guide for name, guide in guides.items() if guide is not None}

    def setting_names(self) -> tuple[str, ...]:
        """Return the names of all settings."""
        return (*super().setting_names(), *GUIDES)

    def forward(self, audio: torch.Tensor, sample_rate: int, **settings: Any) -> torch.Tensor:
        """Apply the effect, see `fir_matching_eq`."""
        return super().forward(audio, sample_rate, **self._with_guide(settings))

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the filter for a signal that arrives in blocks.

        Args:
            sample_rate: Hz.
            settings: as for `forward`, with a `curve_db`: the average of a signal that is not there yet is not known.

        Raises:
            ArgumentError: a setting is unknown or out of range, or there is no `curve_db`.
        """
        self.check_names(settings)
        settings = {**self.defaults(), **self._with_guide(settings)}
        if not isinstance(settings["amount"], torch.Tensor) and settings["amount"] == 0:
            return MemorylessStream(torch.clone)
        curve = settings.get("curve_db")
        if curve is None:
            raise ArgumentError(
                "fir_matching_eq in blocks needs curve_db; matching_curve makes it from the whole signal"
            )
        numbers = {name: settings[name] for name in ("amount", "smoothing_octaves")}
        sizes = [torch.as_tensor(number).numel() for number in numbers.values()]
        items = max(*sizes, curve.shape[0] if curve.dim() == 2 else 1)
        nothing = torch.zeros(items, 1, 1)
        columns = read_settings(nothing, MATCHING_TABLE, numbers)
        difference = _read_curve("curve_db", curve, nothing).detach().expand(len(nothing), -1)
        taps, delay = design_filter(difference, columns, sample_rate, check_choice(PHASE, settings["phase"]))
        return ContextStream(lambda block: _apply(block, taps, delay), taps.shape[-1] - 1 - delay, delay)

    def _with_guide(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        own = {} if any(settings.get(name) is not None for name in GUIDES) else self.guides
        return {**own, **settings}
