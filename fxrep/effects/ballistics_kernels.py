"""Attack and release of four rows at a time, block by block.

Each sample of a smoothed gain waits for the one before; of several rows one after the other is calculated while the
others wait. Where there are fewer rows than four, the last one is done again: nothing else could be done meanwhile.
"""

from __future__ import annotations

from typing import Any

from fxrep.effects.kernels import compile_kernel

ROWS = 4


@compile_kernel
def follow_block(target: Any, places: Any, begin: int, count: int, times: Any, states: Any, out: Any) -> None:
    """Smooth a block of four rows.

    Args:
        target: (R, N) gain in dB asked for.
        places: (4,) rows of `target` and `out` to work on; those given twice are done twice.
        begin: first sample.
        count: samples.
        times: (4, 2) float64 coefficients while a row falls and while it rises.
        states: (4,) float64, the values before, replaced by the last ones.
        out: (R, N), not `target`.
    """
    end = begin + count
    a, b = target[places[0], begin:end], target[places[1], begin:end]
    c, d = target[places[2], begin:end], target[places[3], begin:end]
    out_a, out_b = out[places[0], begin:end], out[places[1], begin:end]
    out_c, out_d = out[places[2], begin:end], out[places[3], begin:end]
    fall_a, fall_b, fall_c, fall_d = times[0, 0], times[1, 0], times[2, 0], times[3, 0]
    rise_a, rise_b, rise_c, rise_d = times[0, 1], times[1, 1], times[2, 1], times[3, 1]
    one, two, three, four = states[0], states[1], states[2], states[3]
    for i in range(len(a)):
        # Both results are there before the comparison chooses.
        down, up = fall_a * one + (1.0 - fall_a) * a[i], rise_a * one + (1.0 - rise_a) * a[i]
        one = down if a[i] < one else up
        down, up = fall_b * two + (1.0 - fall_b) * b[i], rise_b * two + (1.0 - rise_b) * b[i]
        two = down if b[i] < two else up
        down, up = fall_c * three + (1.0 - fall_c) * c[i], rise_c * three + (1.0 - rise_c) * c[i]
        three = down if c[i] < three else up
        down, up = fall_d * four + (1.0 - fall_d) * d[i], rise_d * four + (1.0 - rise_d) * d[i]
        four = down if d[i] < four else up
        out_a[i], out_b[i], out_c[i], out_d[i] = one, two, three, four
    states[0], states[1], states[2], states[3] = one, two, three, four


@compile_kernel
def follow_block_backward(
    gradient: Any, distance: Any, places: Any, count: int, times: Any, carried: Any, out: Any
) -> None:
    """Write the gradient of the smoothed gain with what comes back from the samples after it.

    Args:
        gradient: (4, N) of the smoothed gain.
        distance: (4, N) how far the value before lies above the one asked for: above 0 the gain falls.
        places: as for `follow_block`.
        count: samples.
        times: as for `follow_block`.
        carried: (4,) float64, what comes from the block after this one; replaced by what goes on to the one before.
        out: (4, N), not `gradient`; its share 1 - coefficient belongs to the gain asked for.
    """
    a, b, c, d = gradient[places[0]], gradient[places[1]], gradient[places[2]], gradient[places[3]]
    far_a, far_b, far_c, far_d = distance[places[0]], distance[places[1]], distance[places[2]], distance[places[3]]
    out_a, out_b, out_c, out_d = out[places[0]], out[places[1]], out[places[2]], out[places[3]]
    fall_a, fall_b, fall_c, fall_d = times[0, 0], times[1, 0], times[2, 0], times[3, 0]
    rise_a, rise_b, rise_c, rise_d = times[0, 1], times[1, 1], times[2, 1], times[3, 1]
    one, two, three, four = carried[0], carried[1], carried[2], carried[3]
    for j in range(count):
        i = count - 1 - j
        one, two, three, four = one + a[i], two + b[i], three + c[i], four + d[i]
        out_a[i], out_b[i], out_c[i], out_d[i] = one, two, three, four
        one *= fall_a if far_a[i] > 0.0 else rise_a
        two *= fall_b if far_b[i] > 0.0 else rise_b
        three *= fall_c if far_c[i] > 0.0 else rise_c
        four *= fall_d if far_d[i] > 0.0 else rise_d
    carried[0], carried[1], carried[2], carried[3] = one, two, three, four
