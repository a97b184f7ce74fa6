"""The largest of the last samples, at a cost that does not depend on how many they are, with its gradient.

M. van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and octagonal kernels", Pattern
Recognition Letters 1992: cut the signal into blocks as long as the window; every window is the end of one block and
the beginning of the next, whose maxima are kept. Window lengths need not be whole: between n and n + 1 samples the
maximum is interpolated linearly, so that it has a gradient in the length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from fxrep.effects.first_gradients import first_gradient_only
from fxrep.effects.kernels import compile_kernel


@compile_kernel
def _hold_row(values: Any, width: int, rest: float, ends: Any, fresh: Any, output: Any) -> None:
    """Write the maximum of the last `width` values; the first `width` + 1 of both work arrays are overwritten."""
    samples = len(values)
    ends[: width + 1], fresh[width] = rest, rest
    for start in range(0, samples, width):
        count = min(width, samples - start)
        signal, out, earlier = values[start : start + count], output[start : start + count], ends[1 : count + 1]
        # From the beginning of the block on, and from its end back: two maxima that need not wait for each other.
        best, back = signal[0], signal[count - 1]
        for j in range(count):
            best, back = max(best, signal[j]), max(back, signal[count - 1 - j])
            out[j] = max(best, earlier[j])
            fresh[count - 1 - j] = back
        ends, fresh = fresh, ends


@compile_kernel
def hold_rows(values: Any, widths: Any, fractions: Any, rest: float, output: Any) -> None:
    """Write the maximum of the last widths[row] + fractions[row] samples; before the start there is `rest`."""
    samples = values.shape[1]
    longest = min(np.max(widths), samples)
    ends, fresh = np.empty(longest + 1, values.dtype), np.empty(longest + 1, values.dtype)
    for row in range(values.shape[0]):
        # A window longer than the signal always reaches back to its start.
        _hold_row(values[row], min(widths[row], samples), rest, ends, fresh, output[row])
        if fractions[row] > 0.0:
            share = values.dtype.type(fractions[row])
            out, before = output[row, widths[row] :], values[row]
            for i in range(len(out)):
                out[i] += share * max(before[i] - out[i], values.dtype.type(0.0))


@compile_kernel
def slide_rows(values: Any, widths: Any, rest: float, output: Any, where: Any) -> None:
    """Write the maximum of the last widths[row] samples and the place it comes from; -1: before the start."""
    samples = values.shape[1]
    longest = min(np.max(widths), samples)
    largest, place = np.empty(longest + 1, values.dtype), np.empty(longest + 1, np.int32)
    for row in range(values.shape[0]):
        # A window longer than the signal always reaches back to its start.
        width, signal, out, origin = min(widths[row], samples), values[row], output[row], where[row]
        largest[:], place[:] = rest, -1
        for start in range(0, samples, width):
            count = min(width, samples - start)
            best, at = signal[start], start
            for j in range(count):
                if signal[start + j] >= best:
                    best, at = signal[start + j], start + j
                earlier = largest[j + 1] > best if j + 1 < width else False
                out[start + j] = largest[j + 1] if earlier else best
                origin[start + j] = place[j + 1] if earlier else at
            best, at = signal[start + count - 1], start + count - 1
            for j in range(count - 1, -1, -1):
                if signal[start + j] > best:
                    best, at = signal[start + j], start + j
                largest[j], place[j] = best, at


@compile_kernel
def slide_rows_backward(
    gradient: Any, values: Any, where: Any, widths: Any, fractions: Any, slope: Any, length_slope: Any
) -> None:
    """Write the gradients of the values and, per row, of the length: widths[row] + fractions[row]."""
    slope[:] = 0.0
    for row in range(values.shape[0]):
        width, share, total = widths[row], fractions[row], 0.0
        for i in range(values.shape[1]):
            through, at = gradient[row, i], where[row, i]
            if at >= 0 and i >= width and values[row, i - width] > values[row, at]:
                total += through * (values[row, i - width] - values[row, at])
                slope[row, i - width] += share * through
                through *= 1.0 - share
            if at >= 0:
                slope[row, at] += through
        length_slope[row] = total


def split_width(width: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the whole part of lengths, as int64, and what is left of them."""
    whole = width.floor()
    return whole.to(torch.int64), (width - whole).contiguous()


def seek_maxima(values: torch.Tensor, widths: torch.Tensor, rest: float) -> torch.Tensor:
    """Return the place (R, T) int32 that each maximum comes from, -1 for before the start; only gradients need it."""
    again, where = torch.empty_like(values), torch.empty(values.shape, dtype=torch.int32)
    slide_rows(values.numpy(), widths.numpy(), rest, again.numpy(), where.numpy())
    return where


class _SlidingMaximum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, width: torch.Tensor, rest: float) -> torch.Tensor:
        source = values.contiguous()
        widths, fractions = split_width(width)
        output = torch.empty_like(source)
        hold_rows(source.numpy(), widths.numpy(), fractions.numpy(), rest, output.numpy())
        ctx.save_for_backward(source, widths, fractions)
        ctx.rest = rest
        return output

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        values, widths, fractions = ctx.saved_tensors
        where = seek_maxima(values, widths, ctx.rest)
        slope, length_slope = torch.empty_like(values), torch.empty_like(fractions)
        tensors = (gradients[0].contiguous(), values, where, widths, fractions, slope, length_slope)
        slide_rows_backward(*(tensor.numpy() for tensor in tensors))
        return slope, length_slope, None


def sliding_maximum(values: torch.Tensor, width: torch.Tensor, rest: float) -> torch.Tensor:
    """Return the largest of each sample and those before it.

    Args:
        values: (R, T). Elsewhere than on the CPU they are copied there and back.
        width: (R,) float64, length of the window in samples, at least 1; 1 is the identity.
        rest: what lies before the start; no value may be smaller.

    Returns:
        (R, T). Differentiable once in the values and in the width.
    """
    output: torch.Tensor = _SlidingMaximum.apply(values.cpu(), width.cpu(), rest)
    return output.to(values.device)
