"""Sums and maxima of short stretches of samples in the compiled loops."""

from __future__ import annotations

from typing import Any

from fxrep.effects.kernels import compile_kernel

# So few are added one after the other.
FEW = 16


@compile_kernel
def sum_block(values: Any, scratch: Any) -> float:
    """Return the sum of the values, added in pairs: half on half, until few are left.

    A running sum waits for every addition; here the compiler can do eight at a time, and the rounding is smaller.

    Args:
        values: at least one.
        scratch: of the same dtype, half as long or longer; overwritten.
    """
    count, total = len(values), 0.0
    half = count // 2
    total += float(values[count - 1]) if count % 2 else 0.0
    left, right, out = values[:half], values[half : 2 * half], scratch[:half]
    for i in range(half):
        out[i] = left[i] + right[i]
    count = half
    while count > FEW:
        half = count // 2
        total += float(scratch[count - 1]) if count % 2 else 0.0
        out, right = scratch[:half], scratch[half : 2 * half]
        for i in range(half):
            out[i] += right[i]
        count = half
    for i in range(count):
        total += float(scratch[i])
    return total


@compile_kernel
def largest_of_block(values: Any) -> Any:
    """Return the largest of the values, found half by half as in `sum_block`; they are overwritten."""
    count = len(values)
    while count > FEW:
        half = count - count // 2
        out, right = values[: count // 2], values[half:count]
        for i in range(len(out)):
            out[i] = max(out[i], right[i])
        count = half
    largest = values[0]
    for i in range(count):
        largest = max(largest, values[i])
    return largest
