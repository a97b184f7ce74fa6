"""Second-order filter sections from their analog prototypes.

A section is H(s) = (n2 s^2 + n1 s + n0) / (d2 s^2 + d1 s + d0) at unit frequency, after R. Bristow-Johnson, "Audio EQ
Cookbook". The bilinear transform with s = (1 - 1/z) / (1 + 1/z) / K and K = tan(pi f / sample_rate) gives the digital
filter: either as coefficients for the recursion, or as its exact response on a grid of frequencies. The response is
evaluated from the prototype and not from the coefficients, because near DC the coefficients cancel and float32 would
lose 40 dB there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

# A low band is worth 1e7 near Nyquist, above as below; the product of more than this many may leave float32.
FACTORS = 4


@dataclass(frozen=True)
class Sections:
    """Sections in series.

    Attributes:
        numerator: (B, S, 3): n2, n1, n0.
        denominator: (B, S, 3): d2, d1, d0.
        warp: (B, S): K = tan(pi f / sample_rate).
    """

    numerator: torch.Tensor
    denominator: torch.Tensor
    warp: torch.Tensor

    @staticmethod
    def design(
        kinds: Sequence[str], frequency_hz: torch.Tensor, gain_db: torch.Tensor, q: torch.Tensor, sample_rate: int
    ) -> Sections:
        """Design one section per kind.

        Args:
            kinds: S names out of `DESIGNS`.
            frequency_hz: (B, S), below half the sample rate.
            gain_db: (B, S); only shelves and peaks use it.
            q: (B, S).
            sample_rate: Hz.
        """
        pairs = [DESIGNS[kind](gain_db[:, i], q[:, i]) for i, kind in enumerate(kinds)]
        numerators, denominators = zip(*pairs, strict=True)
        warp = torch.tan(frequency_hz * (math.pi / sample_rate))
        return Sections(torch.stack(numerators, 1), torch.stack(denominators, 1), warp)

    def coefficients(self) -> torch.Tensor:
        """Return (B, S, 5): b0, b1, b2, a1, a2 with a0 = 1."""
        b, a = self._transform(self.numerator), self._transform(self.denominator)
        return torch.cat((b, a[..., 1:]), dim=-1) / a[..., :1]

    def _transform(self, polynomial: torch.Tensor) -> torch.Tensor:
        second, first, zeroth = polynomial.unbind(-1)
        square, first = zeroth * self.warp.square(), first * self.warp
        return torch.stack((second + first + square, 2.0 * (square - second), second - first + square), dim=-1)

    def response(self, points: int, dtype: torch.dtype) -> torch.Tensor:
        """Return the product of all sections on the grid of a real FFT.

        Args:
            points: length N of the transform.
            dtype: real dtype to compute in.

        Returns:
            (B, N // 2 + 1) complex.
        """
        half = torch.arange(points // 2 + 1, device=self.warp.device, dtype=self.warp.dtype) * (math.pi / points)
        cosine, sine = torch.cos(half).to(dtype), torch.sin(half).to(dtype)
        response = above = below = None
        for section in range(self.warp.shape[1]):
            tangent = sine / self.warp[:, section, None].to(dtype)
            top = _on_circle(self.numerator[:, section].to(dtype), cosine, tangent)
            bottom = _on_circle(self.denominator[:, section].to(dtype), cosine, tangent)
            above = top if above is None else above * top
            below = bottom if below is None else below * bottom
            if section % FACTORS == FACTORS - 1 or section == self.warp.shape[1] - 1:
                response = above / below if response is None else response * (above / below)
                above = below = None
        if response is None:
            raise ValueError("response needs at least one section")
        return response

    def level_db(self, hz: torch.Tensor, sample_rate: int) -> torch.Tensor:
        """Return the level of every section in dB, (B, S, F), at the frequencies (F,)."""
        square = (torch.tan(hz * (math.pi / sample_rate)) / self.warp.unsqueeze(-1)).square()
        ratio = _power(self.numerator, square) / _power(self.denominator, square)
        return torch.log10(ratio.clamp_min(1e-30)) * 10.0


def _power(polynomial: torch.Tensor, square: torch.Tensor) -> torch.Tensor:
    second, first, zeroth = polynomial.unsqueeze(-1).unbind(-2)
    return (zeroth - second * square).square() + first.square() * square


def _on_circle(polynomial: torch.Tensor, cosine: torch.Tensor, tangent: torch.Tensor) -> torch.Tensor:
    second, first, zeroth = polynomial.unsqueeze(-1).unbind(-2)
    return torch.complex(zeroth * cosine.square() - second * tangent.square(), first * cosine * tangent)


def peak(gain_db: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return numerator and denominator (B, 3) of a bell: gain at its centre, 0 dB far away."""
    amplitude, one = _root_gain(gain_db), torch.ones_like(q)
    return torch.stack((one, amplitude / q, one), -1), torch.stack((one, 1.0 / (amplitude * q), one), -1)


def low_shelf(gain_db: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return numerator and denominator (B, 3) of a shelf: gain at DC, 0 dB at Nyquist, half the dB at its frequency."""
    amplitude, one = _root_gain(gain_db), torch.ones_like(q)
    slope = amplitude.sqrt() / q
    numerator = torch.stack((amplitude, amplitude * slope, amplitude.square()), -1)
    return numerator, torch.stack((amplitude, slope, one), -1)


def high_shelf(gain_db: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return numerator and denominator (B, 3) of a shelf: gain at Nyquist, 0 dB at DC, half the dB at its frequency."""
    amplitude, one = _root_gain(gain_db), torch.ones_like(q)
    slope = amplitude.sqrt() / q
    numerator = torch.stack((amplitude.square(), amplitude * slope, amplitude), -1)
    return numerator, torch.stack((one, slope, amplitude), -1)


def low_pass(gain_db: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return numerator and denominator (B, 3) of a 12 dB per octave low-pass; the gain has no influence."""
    one, zero = torch.ones_like(q), torch.zeros_like(q)
    return torch.stack((zero, zero, one), -1), _resonance(q)


def high_pass(gain_db: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return numerator and denominator (B, 3) of a 12 dB per octave high-pass; the gain has no influence."""
    one, zero = torch.ones_like(q), torch.zeros_like(q)
    return torch.stack((one, zero, zero), -1), _resonance(q)


def band_pass(gain_db: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return numerator and denominator (B, 3) of a band-pass, 0 dB at its centre; the gain has no influence."""
    zero = torch.zeros_like(q)
    return torch.stack((zero, 1.0 / q, zero), -1), _resonance(q)


def notch(gain_db: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return numerator and denominator (B, 3) of a notch: nothing at its centre; the gain has no influence."""
    one, zero = torch.ones_like(q), torch.zeros_like(q)
    return torch.stack((one, zero, one), -1), _resonance(q)


def all_pass(gain_db: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return numerator and denominator (B, 3) of an all-pass: only the phase turns; the gain has no influence."""
    one = torch.ones_like(q)
    return torch.stack((one, -1.0 / q, one), -1), _resonance(q)


def _resonance(q: torch.Tensor) -> torch.Tensor:
    one = torch.ones_like(q)
    return torch.stack((one, 1.0 / q, one), -1)


def _root_gain(gain_db: torch.Tensor) -> torch.Tensor:
    return torch.exp(gain_db * (math.log(10.0) / 40.0))


GAIN_KINDS = ("peak", "low_shelf", "high_shelf")
DESIGNS: dict[str, Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]] = {
    "peak": peak,
    "low_shelf": low_shelf,
    "high_shelf": high_shelf,
    "low_pass": low_pass,
    "high_pass": high_pass,
    "band_pass": band_pass,
    "notch": notch,
    "all_pass": all_pass,
}
