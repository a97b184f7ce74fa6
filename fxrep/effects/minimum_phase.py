"""The filter of least delay that has a given gain at every frequency."""

from __future__ import annotations

import torch


def minimum_phase_taps(log_gain: torch.Tensor, length: int) -> torch.Tensor:
    """Return what the filter adds to the audio: the taps (..., length) of its response minus 1.

    Without the 1, a flat response gives taps that are exactly zero.

    Args:
        log_gain: (..., F), natural logarithm of the gain at the F lines of a transform of 2 (F - 1) points, at least
            twice as many as taps, so that little of the response wraps around.
        length: taps; the last of them fade out.
    """
    points = 2 * (log_gain.shape[-1] - 1)
    # The phase that belongs to a level: fold the cepstrum onto positive times (A. Oppenheim, R. Schafer).
    cepstrum = torch.fft.irfft(log_gain, n=points)
    fold = torch.full((points,), 2.0, dtype=cepstrum.dtype, device=cepstrum.device)
    fold[0] = fold[points // 2] = 1.0
    fold[points // 2 + 1 :] = 0.0
    taps = torch.fft.irfft(torch.expm1(torch.fft.rfft(cepstrum * fold)), n=points)[..., :length]
    fade = torch.hann_window(2 * length, dtype=taps.dtype, device=taps.device)[length:]
    faded: torch.Tensor = taps * fade
    return faded
