"""The whole limiter in one compiled loop: four items at a time, block by block, within the first caches."""

from __future__ import annotations

from typing import Any

import numpy as np

from fxrep.effects.ballistics_kernels import ROWS, follow_block
from fxrep.effects.block_maths import BLOCK
from fxrep.effects.gain_application_kernels import apply_row
from fxrep.effects.kernels import compile_kernel
from fxrep.effects.limiter_kernels import PART, TAPS, excess_block
from fxrep.effects.window_kernels import window_maxima, window_means


@compile_kernel
def _copy_stretch(audio: Any, begin: int, out: Any) -> None:
    """Copy (C, N) samples of the audio (C, T) from time `begin` on; outside of it there is silence."""
    lead = max(0, -begin)
    known = max(0, min(out.shape[1], audio.shape[1] - begin) - lead)
    for channel in range(len(audio)):
        out[channel, :lead] = 0.0
        out[channel, lead + known :] = 0.0
        source, copy = audio[channel, begin + lead : begin + lead + known], out[channel, lead : lead + known]
        for i in range(len(source)):
            copy[i] = source[i]


@compile_kernel
def _shift(values: Any, kept: int, count: int) -> None:
    """Move the `kept` values from `count` on to the front."""
    for i in range(kept):
        values[i] = values[count + i]


@compile_kernel
def limit_rows(audio: Any, aim_db: Any, keep: Any, lookahead: int, output: Any) -> None:
    """Write the limited audio, from rest; see `fxrep.effects.limiter.limiter`.

    Args:
        audio: (B, C, T).
        aim_db: (B,) ceiling.
        keep: (B,) coefficient of the release.
        lookahead: samples.
        output: (B, C, T).
    """
    batch, samples, dtype, width = len(audio), audio.shape[2], audio.dtype, TAPS + lookahead
    stretch, work = np.empty((audio.shape[1], TAPS - 1 + BLOCK), dtype), np.empty((2, BLOCK + width), dtype)
    peak, scratch = np.empty(PART + TAPS, dtype), np.empty(PART + TAPS, dtype)
    # What the windows reach back to, then the block.
    excess, smooth = np.empty((ROWS, width - 1 + BLOCK), dtype), np.empty((ROWS, lookahead + BLOCK), dtype)
    held, followed, gain_db = np.empty((ROWS, BLOCK), dtype), np.empty((ROWS, BLOCK), dtype), np.zeros(BLOCK + 1, dtype)
    places, times, states = np.empty(ROWS, np.int64), np.zeros((ROWS, 2)), np.empty(ROWS)
    for first in range(0, batch, ROWS):
        known = min(ROWS, batch - first)
        excess[:], smooth[:] = 0.0, 0.0
        for lane in range(ROWS):
            places[lane], states[lane] = min(lane, known - 1), 0.0
            times[lane, 0] = keep[first + places[lane]]
        # A sample's gain is known when the windows have passed it.
        for start in range(0, samples + width - 1, BLOCK):
            count = min(BLOCK, samples + width - 1 - start)
            for lane in range(known):
                fresh = excess[lane, width - 1 : width - 1 + count]
                _copy_stretch(audio[first + lane], start - TAPS + 1, stretch)
                excess_block(stretch, aim_db[first + lane], peak, scratch, fresh)
                window_maxima(excess[lane, : width - 1 + count], width, work, held[lane, :count])
                _shift(excess[lane], width - 1, count)
            # Decaying values must not end in slow denormal numbers.
            for lane in range(ROWS):
                states[lane] = states[lane] if states[lane] > 1e-20 else 0.0
            follow_block(held, places, 0, count, times, states, followed)
            begin = max(0, start - width + 1)
            lead = begin - (start - width + 1)
            for lane in range(known):
                fresh, source = smooth[lane, lookahead : lookahead + count], followed[lane]
                for i in range(count):
                    fresh[i] = source[i]
                window_means(smooth[lane, : lookahead + count], lookahead + 1, -1.0, work, gain_db[:count])
                _shift(smooth[lane], lookahead, count)
                gain_db[count] = 0.0
                item, end = first + lane, max(begin, start - width + 1 + count)
                apply_row(audio[item], 0, 1, begin, end, gain_db[lead:], 0.0, 0.0, output[item])
