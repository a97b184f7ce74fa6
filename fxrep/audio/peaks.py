"""Sample peak and true peak."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from fxrep.audio.layout import check_layout

SILENCE_DB = -120.0
"""Floor of every peak, in dB: what silence reads."""

# Coefficients of the 48-tap interpolator of ITU-R BS.1770-4, annex 2: four phases of twelve taps. The third and
# fourth phases are the second and first in reverse.
_PHASE_0 = (
    0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625,
    0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250, 0.0148925781250, -0.0083007812500,
)  # fmt: skip
_PHASE_1 = (
    -0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250,
    0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625, 0.0330810546875, -0.0189208984375,
)  # fmt: skip
INTERPOLATOR_PHASES = (_PHASE_0, _PHASE_1, _PHASE_1[::-1], _PHASE_0[::-1])
"""The filters that give the four values between two samples; the first tap meets the newest sample."""

_TAPS = 12
# Positions that one matrix product interpolates together. A product does more arithmetic than a convolution with four
# short filters, and is several times faster all the same.
_HOP = 32
# Interpolating a whole song at once would need four times its memory.
_FRAMES_AT_ONCE = 1024


def sample_peak_db(audio: Tensor) -> Tensor:
    """Largest absolute sample over all channels, in dBFS, never below `SILENCE_DB`.

    Args:
        audio: `(batch, channels, samples)` or `(channels, samples)`.

    Returns:
        `(batch,)`, or a scalar for unbatched audio.
    """
    check_layout(audio)
    return _decibels(audio.abs().amax(dim=(-2, -1)))


def true_peak_db(audio: Tensor, sample_rate: int) -> Tensor:
    """Largest absolute value of the interpolated waveform, in dBTP, never below the sample peak or `SILENCE_DB`.

    ITU-R BS.1770-4, annex 2: four times oversampling with the filter given there, at every sample rate.

    Args:
        audio: `(batch, channels, samples)` or `(channels, samples)`.
        sample_rate: Hz. The filter is relative to the rate, so the value does not change the result.

    Returns:
        `(batch,)`, or a scalar for unbatched audio.
    """
    check_layout(audio)
    peak = audio.abs().amax(dim=(-2, -1))
    interpolator = _interpolator().to(audio.device, audio.dtype)
    # Silence on both sides lets the filter run in and out; the rest fills the last frame.
    positions = audio.shape[-1] + _TAPS - 1
    padded = torch.nn.functional.pad(audio, (_TAPS - 1, _TAPS - 1 + -positions % _HOP))
    for frames in padded.unfold(-1, _HOP + _TAPS - 1, _HOP).split(_FRAMES_AT_ONCE, dim=-2):
        peak = torch.maximum(peak, (frames @ interpolator).abs().amax(dim=(-3, -2, -1)))
    return _decibels(peak)


@cache
def _interpolator() -> Tensor:
    """Matrix `(_HOP + _TAPS - 1, 4 * _HOP)` from a stretch of samples to all values between them."""
    phases = torch.tensor(INTERPOLATOR_PHASES)
    matrix = torch.zeros(_HOP + _TAPS - 1, 4, _HOP)
    for position in range(_HOP):
        # A convolution: the first tap meets the newest sample.
        matrix[position : position + _TAPS, :, position] = phases.flip(-1).T
    return matrix.flatten(1)


def _decibels(amplitude: Tensor) -> Tensor:
    return 20 * torch.log10(amplitude.clamp(min=10 ** (SILENCE_DB / 20)))
