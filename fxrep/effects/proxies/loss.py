"""How far an imitation is from the real thing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

# -100 dB: the logarithm of silence stays finite, and what cannot be heard does not count.
QUIETEST = 1e-5


def proxy_loss(
    imitated: Tensor, real: Tensor, windows: Sequence[int] = (256, 1024, 4096), stft_weight: float = 0.1
) -> Tensor:
    """Mean absolute error of the samples, and of the short-time spectra at several resolutions.

    The spectral part is that of R. Yamamoto, E. Song and J.-M. Kim ("Parallel WaveGAN", ICASSP 2020): per resolution
    the spectral convergence plus the mean absolute difference of the log magnitudes.

    Args:
        imitated: (B, C, T).
        real: (B, C, T).
        windows: lengths of the Hann windows in samples; those longer than the audio are left out. Hop: a quarter.
        stft_weight: weight of the spectral part, averaged over the resolutions, beside the samples' part, which is
            relative to the mean magnitude of the real audio.

    Returns:
        A scalar, 0 for equal signals.
    """
    level = real.abs().mean().clamp_min(QUIETEST)
    samples = (imitated - real).abs().mean() / level
    usable = [window for window in windows if window <= real.shape[-1]]
    if not usable or stft_weight == 0.0:
        return samples
    spectral = sum((_spectral_loss(imitated, real, window) for window in usable), samples.new_zeros(()))
    return samples + stft_weight * spectral / len(usable)


def _spectral_loss(imitated: Tensor, real: Tensor, window: int) -> Tensor:
    ours, theirs = _magnitudes(imitated, window), _magnitudes(real, window)
    convergence = torch.linalg.vector_norm(theirs - ours) / torch.linalg.vector_norm(theirs).clamp_min(QUIETEST)
    difference: Tensor = F.l1_loss(ours.log(), theirs.log())
    total: Tensor = convergence + difference
    return total


def _magnitudes(audio: Tensor, window: int) -> Tensor:
    shape = _hann(window, audio.dtype, audio.device)
    spectrum = torch.stft(audio.flatten(0, 1), window, window // 4, window=shape, center=False, return_complex=True)
    # The root of a sum of squares has no slope at zero: the floor goes inside.
    power = spectrum.real.square() + spectrum.imag.square()
    return power.clamp_min(QUIETEST**2).sqrt()


def _hann(window: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    # Scaled so that a magnitude is about the amplitude of a sine, whatever the window.
    shape = torch.hann_window(window, dtype=torch.float64)
    return (shape * (2.0 / shape.sum())).to(device=device, dtype=dtype)


def relative_db(error_energy: float, change_energy: float) -> float:
    """Return the energy of the error in dB against that of what the effect changes.

    0 dB: as far off as doing nothing; -20 dB: a tenth of the change, in amplitude, is wrong. Infinite where the effect
    changes nothing and the error is not zero.
    """
    if error_energy == 0.0:
        return -math.inf
    return 10.0 * math.log10(error_energy / change_energy) if change_energy > 0.0 else math.inf
