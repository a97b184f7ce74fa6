"""Average spectra as curves in decibels on a logarithmic axis, and how they are smoothed and compared."""

from __future__ import annotations

import functools
import math

import torch
from torch.nn import functional as F

STEPS_PER_OCTAVE = 6
# 20 Hz to 20 kHz.
CURVE_HZ = tuple(20.0 * 2.0 ** (step / STEPS_PER_OCTAVE) for step in range(61))
# Long enough to tell the lowest octaves apart.
WINDOW_S = 0.19
# -150 dB of full scale: silence has a level, too.
FLOOR = 1e-15
FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))


def average_spectrum(audio: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """Return the level of the average power spectrum.

    Welch's method: Hann windows of about 0.19 s, half overlapping, powers averaged over windows and channels, then
    over triangles a third of an octave wide at their feet (but at least one spectral line each).

    Args:
        audio: (B, C, T); less than one window is padded with silence.
        sample_rate: Hz.

    Returns:
        (B, 61) float64 dB at `CURVE_HZ`; above half the sample rate the last level is repeated. Differentiable.
    """
    points = 1 << round(math.log2(WINDOW_S * sample_rate))
    window = torch.hann_window(points, dtype=audio.dtype, device=audio.device)
    if audio.shape[-1] < points:
        audio = F.pad(audio, (0, points - audio.shape[-1]))
    items = [_mean_power(item, window) for item in audio]
    power = torch.stack(items).double() / float(window.double().square().sum())
    return 10.0 * torch.log10(power @ _triangles(sample_rate, points).T.to(power) + FLOOR)


def _mean_power(item: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
    frames = item.unfold(-1, window.shape[0], window.shape[0] // 2) * window
    spectrum = torch.fft.rfft(frames)
    power: torch.Tensor = (spectrum.real.square() + spectrum.imag.square()).mean((0, 1))
    return power


@functools.lru_cache(maxsize=16)
def _triangles(sample_rate: int, points: int) -> torch.Tensor:
    """Return weights (61, F), each row with the sum 1."""
    spacing = sample_rate / points
    lines = torch.arange(points // 2 + 1, dtype=torch.float64) * spacing
    hz = torch.tensor(CURVE_HZ, dtype=torch.float64).clamp_max(lines[-2].item())
    width = (hz * (2.0 ** (1.0 / STEPS_PER_OCTAVE) - 1.0)).clamp_min(spacing)
    weights = (1.0 - (lines - hz[:, None]).abs() / width[:, None]).clamp_min(0.0)
    share: torch.Tensor = weights / weights.sum(1, keepdim=True)
    return share


def smooth_curve(curve_db: torch.Tensor, octaves: torch.Tensor) -> torch.Tensor:
    """Average a curve (B, 61) over a Gaussian whose full width at half height is (B,) octaves."""
    steps = torch.arange(curve_db.shape[-1], dtype=curve_db.dtype, device=curve_db.device) / STEPS_PER_OCTAVE
    distance = (steps[:, None] - steps) * FWHM_PER_SIGMA / octaves.to(curve_db).reshape(-1, 1, 1)
    weights = torch.exp(-0.5 * distance.square())
    return ((weights / weights.sum(-1, keepdim=True)) @ curve_db.unsqueeze(-1)).squeeze(-1)


def curve_on_lines(curve_db: torch.Tensor, sample_rate: int, points: int) -> torch.Tensor:
    """Interpolate a curve (B, 61) to the lines of a transform, (B, points // 2 + 1); constant beyond its ends."""
    lines = torch.arange(points // 2 + 1, dtype=curve_db.dtype, device=curve_db.device) * (sample_rate / points)
    place = STEPS_PER_OCTAVE * torch.log2(lines.clamp_min(CURVE_HZ[0]) / CURVE_HZ[0])
    place = place.clamp(0.0, len(CURVE_HZ) - 1.0)
    left = place.floor().long().clamp_max(len(CURVE_HZ) - 2)
    return torch.lerp(curve_db[:, left], curve_db[:, left + 1], place - left)
