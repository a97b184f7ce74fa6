"""The K-weighting of ITU-R BS.1770-4 at any sample rate: its coefficients, and the filter in the frequency domain.

The standard prints coefficients for 48 kHz only. The analogue prototypes behind them, found by Brecht De Man
("Evaluation of Implementations of the EBU R128 Loudness Measurement", AES 145th Convention, 2018), give the exact
filters at every rate.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor

TAIL_S = 0.1
"""Seconds after which the filters' impulse response is more than 150 dB below its peak."""


def k_weighting_coefficients(sample_rate: int) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The two biquads, shelf then high-pass, each as float64 `(b, a)` with `a[0] = 1`.

    At 48 kHz they are the numbers of ITU-R BS.1770-4, tables 1 and 2.
    """
    tan, q = np.tan(np.pi * 1681.9744509555319 / sample_rate), 0.7071752369554193
    high_gain = 10 ** (3.99984385397 / 20)
    band_gain = high_gain**0.499666774155
    shelf_b = np.array(
        [
            high_gain + band_gain * tan / q + tan**2,
            2 * (tan**2 - high_gain),
            high_gain - band_gain * tan / q + tan**2,
        ]
    )
    shelf = (shelf_b / (1 + tan / q + tan**2), _denominator(tan, q))
    high_pass_tan = np.tan(np.pi * 38.13547087613982 / sample_rate)
    return shelf, (np.array([1.0, -2.0, 1.0]), _denominator(high_pass_tan, 0.5003270373253953))


def k_weight(audio: Tensor, sample_rate: int) -> Tensor:
    """Apply both stages from zero initial state: on any device, differentiable any number of times.

    The filters decay so fast that they equal a convolution whose kernel ends after `TAIL_S`; it is done by
    overlap-save with the filters' exact frequency response.

    Args:
        audio: `(..., samples)`, float32 or float64.
        sample_rate: Hz.

    Returns:
        The filtered audio, same shape.
    """
    samples = audio.shape[-1]
    tail = max(1, round(TAIL_S * sample_rate))
    # Blocks of about eight tails stay in the processor's cache and waste an eighth on the overlap.
    blocks = max(1, round(samples / (8 * tail)))
    hop = -(-samples // blocks)
    length = int(next_fast_len(hop + tail, real=True))
    frames = torch.nn.functional.pad(audio, (tail, blocks * hop - samples + length - hop - tail)).unfold(
        -1, length, hop
    )
    complex_dtype = torch.complex128 if audio.dtype == torch.float64 else torch.complex64
    response = _frequency_response(sample_rate, length).to(audio.device, complex_dtype)
    filtered: Tensor = torch.fft.irfft(torch.fft.rfft(frames) * response, n=length)
    return filtered[..., tail : tail + hop].reshape(*audio.shape[:-1], blocks * hop)[..., :samples]


def _denominator(tan: float, q: float) -> np.ndarray:
    norm = 1 + tan / q + tan**2
    return np.array([1.0, 2 * (tan**2 - 1) / norm, (1 - tan / q + tan**2) / norm])


@lru_cache(maxsize=32)
def _frequency_response(sample_rate: int, length: int) -> Tensor:
    delay = np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length)
    response = np.ones_like(delay)
    for b, a in k_weighting_coefficients(sample_rate):
        response *= np.polyval(b[::-1], delay) / np.polyval(a[::-1], delay)
    return torch.from_numpy(response)
