"""Energy of K-weighted audio in consecutive stretches: the inner loop of the loudness meter.

On the CPU the recursion runs in float64 in one pass that stores nothing but the energies, which is some eight times
faster than going through spectra; its gradient is the same recursion backwards in time. Elsewhere the frequency
domain does the work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from fxrep.audio.k_weighting import k_weight, k_weighting_coefficients

T = TypeVar("T")

# Filter states below this are set to zero between stretches: decaying into digital silence they would reach subnormal
# numbers, which processors handle a hundred times slower.
_TINY = 1e-30


def k_weighted_energy(audio: Tensor, sample_rate: int, edges: np.ndarray) -> Tensor:
    """Sum of squares of the K-weighted audio from each edge to the next.

    Args:
        audio: `(..., samples)`, float32 or float64.
        sample_rate: Hz.
        edges: int64, ascending sample positions from 0, none past the end.

    Returns:
        `(..., len(edges) - 1)`, in the dtype of `audio`.
    """
    if audio.device.type == "cpu":
        energies: Tensor = _RecursiveEnergy.apply(audio.reshape(-1, audio.shape[-1]), sample_rate, edges)
        batched: Tensor = energies.unflatten(0, audio.shape[:-1])
        return batched
    squares = k_weight(audio, sample_rate)[..., : edges[-1]].square()
    widths = np.diff(edges)
    if (widths == widths[0]).all():
        summed: Tensor = squares.unflatten(-1, (len(widths), -1)).sum(dim=-1)
        return summed
    owners = torch.from_numpy(np.repeat(np.arange(len(widths)), widths)).to(audio.device)
    return squares.new_zeros(*audio.shape[:-1], len(widths)).index_add(-1, owners, squares)


class _RecursiveEnergy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, sample_rate: int, edges: np.ndarray) -> Tensor:
        samples = rows.detach().contiguous().numpy()
        energies = np.empty((samples.shape[0], len(edges) - 1))
        coefficients = _flat_coefficients(sample_rate)
        weighted = np.empty_like(samples if rows.requires_grad else samples[:, :0])
        _filter_and_sum(samples, coefficients, edges, energies, weighted)
        ctx.save_for_backward(torch.from_numpy(weighted))
        ctx.coefficients, ctx.edges = coefficients, edges
        return torch.from_numpy(energies).to(rows.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (weighted,) = ctx.saved_tensors
        result = np.empty_like(weighted.numpy())
        scales = gradients[0].double().contiguous().numpy()
        _filter_backwards(weighted.numpy(), scales, ctx.coefficients, ctx.edges, result)
        return torch.from_numpy(result), None, None


def _flat_coefficients(sample_rate: int) -> np.ndarray:
    (shelf_b, shelf_a), (_, pass_a) = k_weighting_coefficients(sample_rate)
    return np.concatenate([shelf_b, shelf_a[1:], pass_a[1:]])


def _compile(function: Callable[..., T]) -> Callable[..., T]:
    options: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}}
    try:
        compiled: Callable[..., T] = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # Nowhere to keep a cache, as in a container without a home: compile in every process.
        compiled = numba.njit(**options)(function)
    return compiled


@_compile
def _flush(first: float, second: float) -> tuple[float, float]:
    return (0.0, 0.0) if abs(first) + abs(second) < _TINY else (first, second)


@_compile
def _filter_and_sum(
    audio: np.ndarray, coefficients: np.ndarray, edges: np.ndarray, energies: np.ndarray, weighted: np.ndarray
) -> None:
    """Fill `energies`, and `weighted` too unless it is empty. Both biquads in transposed direct form II."""
    b0, b1, b2, a1, a2, d1, d2 = coefficients
    keep = weighted.shape[1] > 0
    # Two rows at a time: each recursion waits for its own last result, so a second one runs in the gaps for nothing.
    for row in range(0, audio.shape[0], 2):
        other = min(row + 1, audio.shape[0] - 1)
        s1, s2, t1, t2 = 0.0, 0.0, 0.0, 0.0
        p1, p2, q1, q2 = 0.0, 0.0, 0.0, 0.0
        for index in range(energies.shape[1]):
            total, other_total = 0.0, 0.0
            for n in range(edges[index], edges[index + 1]):
                x = audio[row, n]
                v = b0 * x + s1
                s1 = b1 * x - a1 * v + s2
                s2 = b2 * x - a2 * v
                y = v + t1
                t1 = t2 - 2.0 * v - d1 * y
                t2 = v - d2 * y
                total += y * y
                x = audio[other, n]
                v = b0 * x + p1
                p1 = b1 * x - a1 * v + p2
                p2 = b2 * x - a2 * v
                z = v + q1
                q1 = q2 - 2.0 * v - d1 * z
                q2 = v - d2 * z
                other_total += z * z
                if keep:
                    weighted[row, n] = y
                    weighted[other, n] = z
            energies[row, index] = total
            energies[other, index] = other_total
            s1, s2 = _flush(s1, s2)
            t1, t2 = _flush(t1, t2)
            p1, p2 = _flush(p1, p2)
            q1, q2 = _flush(q1, q2)


@_compile
def _filter_backwards(
    weighted: np.ndarray, gradients: np.ndarray, coefficients: np.ndarray, edges: np.ndarray, result: np.ndarray
) -> None:
    """Gradient with respect to the audio: the adjoint of a filter from rest is the same filter run backwards."""
    b0, b1, b2, a1, a2, d1, d2 = coefficients
    result[:, edges[-1] :] = 0.0
    for row in range(0, weighted.shape[0], 2):
        other = min(row + 1, weighted.shape[0] - 1)
        s1, s2, t1, t2 = 0.0, 0.0, 0.0, 0.0
        p1, p2, q1, q2 = 0.0, 0.0, 0.0, 0.0
        for index in range(gradients.shape[1] - 1, -1, -1):
            scale, other_scale = 2.0 * gradients[row, index], 2.0 * gradients[other, index]
            for n in range(edges[index + 1] - 1, edges[index] - 1, -1):
                x = scale * weighted[row, n]
                v = b0 * x + s1
                s1 = b1 * x - a1 * v + s2
                s2 = b2 * x - a2 * v
                y = v + t1
                t1 = t2 - 2.0 * v - d1 * y
                t2 = v - d2 * y
                result[row, n] = y
                x = other_scale * weighted[other, n]
                v = b0 * x + p1
                p1 = b1 * x - a1 * v + p2
                p2 = b2 * x - a2 * v
                z = v + q1
                q1 = q2 - 2.0 * v - d1 * z
                q2 = v - d2 * z
                result[other, n] = z
            s1, s2 = _flush(s1, s2)
            t1, t2 = _flush(t1, t2)
            p1, p2 = _flush(p1, p2)
            q1, q2 = _flush(q1, q2)
