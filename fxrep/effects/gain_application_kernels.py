"""Compiled loops that put a gain in dB on audio, and their adjoint.

`times` (B, 3) holds in its last column the look-ahead in samples, see `gain_kernels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fxrep.effects.block_maths import BLOCK, exp2_block
from fxrep.effects.block_sums import sum_block
from fxrep.effects.kernels import compile_kernel
from fxrep.effects.level_kernels import DB_PER_NEPER, DB_PER_OCTAVE


@compile_kernel
def _gain_block(now: Any, later: Any, share: float, makeup_db: float, gain: Any, scratch: Any) -> None:
    """Write the gain as a factor; `later` holds the smoothed gains one sample after `now`."""
    dtype = now.dtype.type
    here, there, offset, octave = dtype(1.0 - share), dtype(share), dtype(makeup_db), dtype(1.0 / DB_PER_OCTAVE)
    for i in range(len(now)):
        gain[i] = (here * now[i] + there * later[i] + offset) * octave
    exp2_block(gain, len(now), scratch)


@compile_kernel
def apply_row(
    audio: Any, row: int, rows: int, begin: int, end: int, smooth: Any, ahead: float, makeup_db: float, output: Any
) -> None:
    """Multiply a stretch of audio by a gain in dB.

    Args:
        audio: (C, T).
        row: which of the `rows` gains of these channels.
        rows: 1 if one gain is for all channels.
        begin: first sample.
        end: behind the last sample.
        smooth: (N,) gain in dB from time `begin` on; N > end - begin + ahead.
        ahead: look-ahead in samples.
        makeup_db: added to the gain.
        output: (C, T).
    """
    whole = int(np.floor(ahead))
    gain, scratch = np.empty(BLOCK, audio.dtype), np.empty(BLOCK, audio.dtype)
    for start in range(begin, end, BLOCK):
        count, at = min(BLOCK, end - start), start - begin + whole
        _gain_block(smooth[at : at + count], smooth[at + 1 : at + 1 + count], ahead - whole, makeup_db, gain, scratch)
        for channel in range(row, row + 1 if rows > 1 else audio.shape[0]):
            source, out = audio[channel, start : start + count], output[channel, start : start + count]
            for i in range(len(source)):
                out[i] = source[i] * gain[i]


@compile_kernel
def apply_rows(audio: Any, smooth: Any, times: Any, makeup_db: Any, output: Any) -> None:
    """Multiply audio (B, C, T) by the gain in dB (B, R, T'), taken from the look-ahead; T' > T + look-ahead."""
    rows, samples = smooth.shape[1], audio.shape[2]
    for item in range(audio.shape[0]):
        for row in range(rows):
            ahead, own = times[item, 2], smooth[item, row]
            apply_row(audio[item], row, rows, 0, samples, own, ahead, makeup_db[item], output[item])


@compile_kernel
def _apply_block_backward(gradient: Any, audio: Any, gain: Any, audio_slope: Any, slope: Any, scale: float) -> None:
    """Write the gradient of one channel of audio and add that of the gain in dB."""
    factor = audio.dtype.type(scale)
    for i in range(len(audio)):
        through = gradient[i] * gain[i]
        slope[i] += through * audio[i] * factor
        audio_slope[i] = through


@compile_kernel
def _spread_block(slope: Any, share: float, now: Any, later: Any) -> None:
    """Add the gradient of a block of gains to those of the two smoothed gains that each lies between."""
    here, there = slope.dtype.type(1.0 - share), slope.dtype.type(share)
    for i in range(len(slope)):
        now[i] += here * slope[i]
    if share > 0.0:
        for i in range(len(slope)):
            later[i] += there * slope[i]


@compile_kernel
def apply_row_backward(
    gradient: Any,
    audio: Any,
    row: int,
    rows: int,
    begin: int,
    end: int,
    smooth: Any,
    ahead: float,
    makeup_db: float,
    audio_slope: Any,
    smooth_slope: Any,
) -> Any:
    """Go back through `apply_row`.

    Args:
        gradient: (C, T) of the output.
        audio: (C, T), like all that is not named here as for `apply_row`.
        row: as above.
        rows: as above.
        begin: as above.
        end: as above.
        smooth: as above.
        ahead: as above.
        makeup_db: as above.
        audio_slope: (C, T), written between `begin` and `end`.
        smooth_slope: (N,), to which the gradient of `smooth` is added.

    Returns:
        The gradients of `ahead` and `makeup_db`.
    """
    whole, moved, total = int(np.floor(ahead)), 0.0, 0.0
    gain, slope, scratch = np.empty(BLOCK, audio.dtype), np.empty(BLOCK, audio.dtype), np.empty(BLOCK, audio.dtype)
    zero = audio.dtype.type(0.0)
    for start in range(begin, end, BLOCK):
        count, at = min(BLOCK, end - start), start - begin + whole
        now, later = smooth[at : at + count], smooth[at + 1 : at + 1 + count]
        _gain_block(now, later, ahead - whole, makeup_db, gain, scratch)
        here = slope[:count]
        for i in range(len(here)):
            here[i] = zero
        for channel in range(row, row + 1 if rows > 1 else audio.shape[0]):
            source, out = audio[channel, start : start + count], audio_slope[channel, start : start + count]
            above = gradient[channel, start : start + count]
            _apply_block_backward(above, source, gain, out, here, 1.0 / DB_PER_NEPER)
        total += sum_block(here, scratch)
        product = gain[:count]
        for i in range(len(product)):
            product[i] = here[i] * (later[i] - now[i])
        moved += sum_block(product, scratch)
        _spread_block(here, ahead - whole, smooth_slope[at : at + count], smooth_slope[at + 1 : at + 1 + count])
    return moved, total


@compile_kernel
def apply_rows_backward(
    gradient: Any, audio: Any, smooth: Any, times: Any, makeup_db: Any, audio_slope: Any, smooth_slope: Any, slopes: Any
) -> None:
    """Write the gradients of `apply_rows`: audio, smoothed gain, and per item (B, 2) look-ahead and make-up."""
    rows, samples = smooth.shape[1], audio.shape[2]
    slopes[:] = 0.0
    smooth_slope[:] = 0.0
    for item in range(audio.shape[0]):
        for row in range(rows):
            above, ahead, makeup, slope = gradient[item], times[item, 2], makeup_db[item], audio_slope[item]
            own, own_slope = smooth[item, row], smooth_slope[item, row]
            moved, total = apply_row_backward(
                above, audio[item], row, rows, 0, samples, own, ahead, makeup, slope, own_slope
            )
            slopes[item, 0] += moved
            slopes[item, 1] += total
