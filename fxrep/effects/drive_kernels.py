"""Detector, gain computer and gain in one compiled loop, and its adjoint.

Four rows of levels are worked on at a time, a span of samples after the other, so that what lies between the audio and
the output stays in the first caches. Nothing of it is kept for the gradient but the state of detector and gain at the
beginning of every span: the adjoint calculates the span again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fxrep.effects.ballistics_kernels import ROWS
from fxrep.effects.gain_application_kernels import apply_row, apply_row_backward
from fxrep.effects.gain_kernels import gather_rows, smooth_group, smooth_group_backward
from fxrep.effects.kernels import compile_kernel
from fxrep.effects.level_kernels import NO_POWER_DB, QUIETEST_DB, measure_row, measure_row_backward

SPAN = 4096
# How the key is to be read: as the level itself, or as audio, whose peaks or powers are measured.
MEASURED, PEAK, RMS = range(3)


@compile_kernel
def _level_row(
    key: Any, row: int, rows: int, begin: int, share: float, power: float, mode: int, link: int, level: Any
) -> Any:
    if mode != MEASURED:
        return measure_row(key, row, rows, begin, share, power, link, mode == RMS, level)
    known = max(0, min(len(level), key.shape[1] - begin))
    source = key[row, begin : begin + known]
    for i in range(len(source)):
        level[i] = source[i]
    level[known:] = QUIETEST_DB
    return power


@compile_kernel
def _fill_span(
    key: Any,
    rows: int,
    first: int,
    start: int,
    count: int,
    further: int,
    keep: Any,
    mode: int,
    link: int,
    places: Any,
    powers: Any,
    level: Any,
) -> None:
    """Write the levels of up to four rows from `start` on; `powers` becomes what it is `count` samples later."""
    for lane in range(places[ROWS - 1] + 1):
        item, row = (first + lane) // rows, (first + lane) % rows
        own, share, out = key[item], keep[item], level[lane]
        powers[lane] = _level_row(own, row, rows, start, share, powers[lane], mode, link, out[:count])
        ahead = out[count : count + further]
        _level_row(own, row, rows, start + count, share, powers[lane], mode, link, ahead)


@compile_kernel
def drive_rows(
    audio: Any,
    key: Any,
    rows: int,
    keep: Any,
    curve: Any,
    times: Any,
    makeup_db: Any,
    mode: int,
    link: int,
    marks: Any,
    output: Any,
) -> None:
    """Write the audio with the gain that the key asks for, from rest.

    Args:
        audio: (B, C, T).
        key: (B, C', T) audio, or (B, rows, T) levels in dB.
        rows: levels per item.
        keep: (B,) for RMS detection.
        curve: (B, 5) see `gain_kernels`.
        times: (B, 3).
        makeup_db: (B,).
        mode: how the key is to be read.
        link: of its channels.
        marks: (B rows, spans, 2) float64, written: power and gain before every span.
        output: (B, C, T).
    """
    total, samples, further = len(key) * rows, audio.shape[2], int(times[:, 2].max()) + 1
    level, smooth = np.empty((ROWS, SPAN + further), audio.dtype), np.empty((ROWS, SPAN + further), audio.dtype)
    places, pairs, items = np.empty(ROWS, np.int64), np.empty((ROWS, 2)), np.empty(ROWS, np.int64)
    powers, gains = np.empty(ROWS), np.empty(ROWS)
    for first in range(0, total, ROWS):
        known = gather_rows(first, total, rows, times, places, pairs)
        for lane in range(ROWS):
            powers[lane], gains[lane], items[lane] = 0.0, 0.0, (first + places[lane]) // rows
        for start in range(0, samples, SPAN):
            count = min(SPAN, samples - start)
            for lane in range(known):
                marks[first + lane, start // SPAN, 0] = powers[lane]
                marks[first + lane, start // SPAN, 1] = gains[lane]
            _fill_span(key, rows, first, start, count, further, keep, mode, link, places, powers, level)
            smooth_group(level, smooth, 0, 0, count, curve, items, places, pairs, gains)
            smooth_group(level, smooth, 0, count, count + further, curve, items, places, pairs, gains.copy())
            for lane in range(known):
                item, row, own = items[lane], (first + lane) % rows, smooth[lane]
                end, ahead = start + count, times[item, 2]
                apply_row(audio[item], row, rows, start, end, own, ahead, makeup_db[item], output[item])


@compile_kernel
def _level_row_backward(
    gradient: Any,
    key: Any,
    row: int,
    rows: int,
    begin: int,
    level: Any,
    before: float,
    share: float,
    carried: float,
    mode: int,
    link: int,
    slope: Any,
) -> Any:
    if mode != MEASURED:
        return measure_row_backward(
            gradient, key, row, rows, begin, level, before, share, carried, link, mode == RMS, slope
        )
    out = slope[row, begin : begin + max(0, min(len(gradient), key.shape[1] - begin))]
    for i in range(len(out)):
        out[i] = gradient[i]
    return 0.0, 0.0


@compile_kernel
def _hand_over(slope: Any, count: int, further: int, later: bool) -> None:
    """Make what the span after this one has left for its first samples the end of this one; the rest becomes 0."""
    # From the end on, as there may be more of it than the span is long.
    for j in range(further):
        i = further - 1 - j
        slope[count + i] = slope[i] if later else 0.0
    slope[:count] = 0.0


@compile_kernel
def _apply_group_backward(
    gradient: Any,
    audio: Any,
    rows: int,
    first: int,
    known: int,
    start: int,
    count: int,
    smooth: Any,
    times: Any,
    makeup_db: Any,
    audio_slope: Any,
    slope: Any,
    slopes: Any,
) -> None:
    """Write the gradient of a span of the audio; add those of the smoothed gain, of look-ahead and of make-up."""
    for lane in range(known):
        item, row = (first + lane) // rows, (first + lane) % rows
        own, own_slope, end, ahead, out = smooth[lane], slope[lane], start + count, times[item, 2], audio_slope[item]
        moved, made_up = apply_row_backward(
            gradient[item], audio[item], row, rows, start, end, own, ahead, makeup_db[item], out, own_slope
        )
        slopes[item, 6] += moved
        slopes[item, 7] += made_up


@compile_kernel
def drive_rows_backward(
    gradient: Any,
    audio: Any,
    key: Any,
    rows: int,
    keep: Any,
    curve: Any,
    steering: Any,
    times: Any,
    makeup_db: Any,
    mode: int,
    link: int,
    steered: bool,
    marks: Any,
    steering_marks: Any,
    audio_slope: Any,
    key_slope: Any,
    slopes: Any,
) -> None:
    """Go back through `drive_rows`.

    Args:
        gradient: (B, C, T) of the output.
        audio: (B, C, T), like all that is not named here as for `drive_rows`.
        key: as above.
        rows: as above.
        keep: as above.
        curve: as above.
        steering: (B, 5) see `gain_kernels.smooth_group_backward`.
        times: as above.
        makeup_db: as above.
        mode: as above.
        link: as above.
        steered: whether the steering curve is another one.
        marks: as above.
        steering_marks: what the steering curve makes of them.
        audio_slope: (B, C, T), written.
        key_slope: as `key`, to which is added; it may be `audio_slope`.
        slopes: (B, 9) float64, to which is added: threshold, slope, knee, floor, the two coefficients, look-ahead,
            make-up, `keep`.
    """
    total, samples, further = len(key) * rows, audio.shape[2], int(times[:, 2].max()) + 1
    size, dtype = SPAN + further, audio.dtype
    level, smooth, slope = np.empty((ROWS, size), dtype), np.empty((ROWS, size), dtype), np.empty((ROWS, size), dtype)
    places, pairs, items = np.empty(ROWS, np.int64), np.empty((ROWS, 2)), np.empty(ROWS, np.int64)
    powers, gains, carried, power_carried = np.empty(ROWS), np.empty(ROWS), np.empty(ROWS), np.empty(ROWS)
    spans = -(-samples // SPAN)
    for first in range(0, total, ROWS):
        known = gather_rows(first, total, rows, times, places, pairs)
        for lane in range(ROWS):
            carried[lane], power_carried[lane], items[lane] = 0.0, 0.0, (first + places[lane]) // rows
        slope[:] = 0.0
        for back in range(spans):
            span = spans - 1 - back
            start, begin = span * SPAN, further if span else 0
            count = min(SPAN, samples - start)
            for lane in range(ROWS):
                powers[lane] = marks[first + places[lane], span, 0]
                gains[lane] = marks[first + places[lane], span, 1]
            _fill_span(key, rows, first, start, count, further, keep, mode, link, places, powers, level)
            smooth_group(level, smooth, 0, 0, count + further, curve, items, places, pairs, gains)
            for lane in range(ROWS):
                _hand_over(slope[lane], count, further, back > 0)
            _apply_group_backward(
                gradient, audio, rows, first, known, start, count, smooth, times, makeup_db, audio_slope, slope, slopes
            )
            if steered:
                for lane in range(ROWS):
                    gains[lane] = steering_marks[first + places[lane], span, 1]
                smooth_group(level, smooth, 0, 0, count + further, steering, items, places, pairs, gains)
            end = count + further
            smooth_group_backward(
                slope, level, smooth, begin, end, curve, steering, items, places, pairs, carried, slopes
            )
            for lane in range(known):
                item, row = items[lane], (first + lane) % rows
                before, above, own = level[lane, begin - 1] if begin else NO_POWER_DB, slope[lane], level[lane]
                power_carried[lane], moved = _level_row_backward(
                    above[begin:end],
                    key[item],
                    row,
                    rows,
                    start + begin,
                    own[begin:end],
                    before,
                    keep[item],
                    power_carried[lane],
                    mode,
                    link,
                    key_slope[item],
                )
                slopes[item, 8] += moved
