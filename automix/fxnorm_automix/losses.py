"""The two losses of FxNorm-automix: spectra of sum and difference, weighted as loudness is heard."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fxrep.errors import ArgumentError, AudioError
from fxrep.losses.pairs import check_pair

Form = Literal["a", "b"]

N_FFT, HOP = 4096, 1024
WEIGHTING_TAPS = 101
LOW_PASS = (1.0, 0.85)
PUBLISHED_EPS = 1e-30

LEAST_MAGNITUDE = 1e-15
"""Its square is still a number in single precision."""

LEAST_SHARE = 0.1
"""Of the norm of sum and difference together that the norm of one counts as at least."""


class FxNormLoss(nn.Module):
    """Distance of mixes by the magnitudes of their sum and difference, after A-weighting and a low-pass.

    Form ``a`` adds spectral convergence, ||Y - X|| / ||Y||, and the absolute difference of logarithms; form ``b`` has
    the squared difference of magnitudes in the place of the convergence. Frames of 4096 samples, every 1024, square
    root of a Hann window. Source: Martinez-Ramirez et al., ISMIR 2022, section 3.3, after Steinmetz et al. 2021.

    As published, the logarithm has a floor of 1e-30 and the convergence none: the silent difference of a mono mix
    counts a hundred times as much as all that is heard, or divides by 0. With `floor_db` magnitudes have a floor, and a
    norm that is divided by is at least a tenth of that of sum and difference together.

    Args:
        form: ``a`` or ``b``.
        sample_rate: Hz.
        guard_s: seconds that do not count at either end, where a network hears silence that is not there.
        floor_db: of magnitudes, under a sine at full scale; None: as published.

    Raises:
        ArgumentError: no such form, or a number out of range.
    """

    def __init__(
        self, form: Form = "b", sample_rate: int = 44100, guard_s: float = 0.0, floor_db: float | None = -100.0
    ) -> None:
        super().__init__()
        if form not in get_args(Form):
            raise ArgumentError(f"form is {form!r}: choose a or b")
        if sample_rate < 1 or not 0.0 <= guard_s < math.inf or (floor_db is not None and not -math.inf < floor_db < 0):
            raise ArgumentError(
                f"sample_rate={sample_rate}, guard_s={guard_s}, floor_db={floor_db}: expected Hz, seconds from 0, and "
                "decibels under 0 or None"
            )
        self.form, self.guard = form, round(guard_s * sample_rate)
        window = torch.hann_window(N_FFT).sqrt()
        full_scale = 0.5 * float(window.sum())
        self.floor = PUBLISHED_EPS if floor_db is None else full_scale * 10.0 ** (floor_db / 20.0)
        self.least_share = 0.0 if floor_db is None else LEAST_SHARE
        taps = np.convolve(a_weighting(sample_rate), LOW_PASS)
        self.window: Tensor
        self.weighting: Tensor
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("weighting", torch.from_numpy(taps).float().flip(0), persistent=False)

    @property
    def shortest(self) -> int:
        """Samples of the shortest mix that can be compared."""
        return N_FFT + 2 * self.guard

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Compare mixes (B, 2, T) and (B, 2, T): a scalar.

        Raises:
            AudioError: shapes that differ, NaN, or too short.
        """
        estimate, reference = check_pair(estimate, reference, equal_length=True)
        if estimate.shape[-1] < self.shortest:
            raise AudioError(f"audio of {estimate.shape[-1]} samples: this loss needs at least {self.shortest}")
        found, wanted = self._magnitudes(estimate), self._magnitudes(reference)
        logs = (found.clamp(min=self.floor).log() - wanted.clamp(min=self.floor).log()).abs().mean((0, 2, 3))
        if self.form == "b":
            linear = (found - wanted).square().mean((0, 2, 3))
        else:
            norms = wanted.square().sum((0, 2, 3)).sqrt()
            least = max(self.least_share * float(norms.norm()), self.floor)
            # The root of a difference of 0 has no gradient.
            apart = (found - wanted).square().sum((0, 2, 3)).clamp(min=PUBLISHED_EPS).sqrt()
            linear = apart / norms.clamp(min=least)
        return (logs + linear).sum()

    def _magnitudes(self, mix: Tensor) -> Tensor:
        """Magnitudes (B, 2, bins, frames) of sum and difference of a mix (B, 2, T)."""
        left, right = mix[..., self.guard : mix.shape[-1] - self.guard].unbind(1)
        both = torch.stack([left + right, left - right], dim=1).flatten(0, 1)
        taps = self.weighting.to(both)
        heard = F.conv1d(both[:, None], taps[None, None], padding=len(taps) // 2)[:, 0]
        spectrum = torch.stft(heard, N_FFT, HOP, window=self.window.to(both), center=False, return_complex=True)
        # The root of nothing has no gradient either.
        power = spectrum.real.square() + spectrum.imag.square()
        magnitudes: Tensor = power.clamp(min=LEAST_MAGNITUDE**2).sqrt().unflatten(0, (len(mix), 2))
        return magnitudes


def a_weighting(sample_rate: int, taps: int = WEIGHTING_TAPS) -> np.ndarray:
    """Return a linear-phase filter, (taps,), of the A-weighting of IEC 61672, fitted by least squares up to Nyquist."""
    from scipy.signal import firls

    nyquist = sample_rate / 2
    frequency = np.linspace(0.0, nyquist, 512)
    f1, f2, f3, f4 = (np.square(one) for one in (20.598997, 107.65265, 737.86223, 12194.217))
    squared = np.square(frequency)
    gain = 10.0 ** (1.9997 / 20.0) * f4 * squared**2
    gain /= (squared + f1) * np.sqrt((squared + f2) * (squared + f3)) * (squared + f4)
    fitted: np.ndarray = firls(taps, frequency, gain, fs=sample_rate)
    return fitted
