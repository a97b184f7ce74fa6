"""Dilated convolution in fewer products, exact but for rounding: windows of a few samples are multiplied as spectra.

A correlation with K taps of which M outputs are wanted is a cyclic one of N = M + K - 1 points, and there a product of
spectra. A complex product is three real ones (Karatsuba), and the sums before and after it are linear, so that they
join the Fourier transforms: with three small matrices, ``y = C ((A x) * (B w))``. Per output that takes 1.5 N / M
products between each two channels instead of K, for 15 taps and M = 32 two instead of fifteen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

LARGEST_WINDOW = 32
"""Outputs of one window at most: beyond that the transforms grow faster than the products shrink."""

COLUMNS = 64
"""Windows that are worked on at once: what they need stays in the cache."""


@dataclass(frozen=True)
class Rows:
    """Rows of a matrix, as (points, windows, phases).

    Attributes:
        first: row of the first point of the first window of the first phase.
        sizes: points, windows, phases.
        strides: rows from one point to the next, from one window to the next, from one phase to the next.
    """

    first: int
    sizes: tuple[int, int, int]
    strides: tuple[int, int, int]

    def of(self, matrix: Tensor, later: int = 0) -> Tensor:
        """Those rows, or such that lie a number of rows later, of a contiguous (T, C): (points, windows, phases, C)."""
        channels = matrix.shape[1]
        strides = [channels * stride for stride in self.strides]
        return matrix.as_strided(
            (*self.sizes, channels), (*strides, 1), matrix.storage_offset() + channels * (self.first + later)
        )

    def write(self, found: Tensor, matrix: Tensor) -> None:
        """Copy (points, windows, phases, C) to those rows of a contiguous (T, C), as far as it has them."""
        points, windows, phases = self.sizes
        last = self.first + sum((size - 1) * stride for size, stride in zip(self.sizes, self.strides, strict=True))
        if last < len(matrix):
            self.of(matrix).copy_(found)
            return
        for window in range(windows):
            for point in range(points):
                first = self.first + point * self.strides[0] + window * self.strides[1]
                inside = min(phases, len(matrix) - first)
                if inside > 0:
                    matrix[first : first + inside] = found[point, window, :inside]


class WindowProducts:
    """A dilated correlation with many channels in and out, on the CPU, without gradients.

    Args:
        weight: (C', C, K).
        dilation: samples between the taps.
    """

    def __init__(self, weight: Tensor, dilation: int) -> None:
        self.outputs, self.inputs, self.taps = weight.shape
        self.dilation = dilation
        self._by_tap = weight.detach().float().permute(2, 1, 0).reshape(self.taps, -1)
        self._weights: dict[int, Tensor] = {}

    def tiles(self, features: Tensor, samples: int) -> Iterator[tuple[Tensor, Rows]]:
        """Correlate tile by tile.

        Args:
            features: (T, C), T at least `padded_length(samples)`; what lies beyond samples + (K - 1) dilation is 0.
            samples: outputs that are wanted.

        Yields:
            outputs of one tile (M, W, P, C'), in memory that the next tile uses again; and which rows of the result
            they are, some of them perhaps beyond `samples`.
        """
        windows, size = split(-(-samples // self.dilation))
        phases = min(self.dilation, samples)
        before, _, after = (matrix.float() for matrix in _matrices(size, self.taps))
        weights = self._transformed(size)
        groups, points = before.shape
        at_once, across = max(1, COLUMNS // self.dilation), min(COLUMNS, phases)
        needs = [points * self.inputs, groups * self.inputs, groups * self.outputs, size * self.outputs]
        memory = [features.new_empty(at_once * across * need) for need in needs]
        strides = (self.dilation, size * self.dilation, 1)
        for window in range(0, windows, at_once):
            for phase in range(0, phases, across):
                count, width = min(at_once, windows - window), min(across, phases - phase)
                first, columns = window * size * self.dilation + phase, count * width
                gathered = _beginning(memory[0], points, count, width, self.inputs)
                gathered.copy_(Rows(first, (points, count, width), strides).of(features))
                spectra = _beginning(memory[1], groups, columns, self.inputs)
                torch.mm(before, gathered.view(points, -1), out=spectra.view(groups, -1))
                products = _beginning(memory[2], groups, columns, self.outputs)
                torch.bmm(spectra, weights, out=products)
                found = _beginning(memory[3], size, count, width, self.outputs)
                torch.mm(after, products.view(groups, -1), out=found.view(size, -1))
                yield found, Rows(first, (size, count, width), strides)

    def padded_length(self, samples: int) -> int:
        """Rows of features that `tiles` reads for so many outputs."""
        windows, size = split(-(-samples // self.dilation))
        return (windows * size + self.taps - 1) * self.dilation

    def _transformed(self, size: int) -> Tensor:
        if size not in self._weights:
            # Another size only comes at the end of a stem: one is kept.
            spectra = _matrices(size, self.taps)[1].float() @ self._by_tap
            self._weights = {size: spectra.view(-1, self.inputs, self.outputs)}
        return self._weights[size]


def split(steps: int) -> tuple[int, int]:
    """How many windows, and of how many outputs, cover so many outputs of one phase."""
    windows = -(-steps // LARGEST_WINDOW)
    return windows, -(-steps // windows)


def _beginning(memory: Tensor, *sizes: int) -> Tensor:
    return memory[: math.prod(sizes)].view(sizes)


@lru_cache(maxsize=64)
def _matrices(size: int, taps: int) -> tuple[Tensor, Tensor, Tensor]:
    """The matrices of windows (G, N), of taps (G, K) and of outputs (M, G), float64, for G products.

    For one output there is nothing to save: the products are those of the taps.
    """
    if size == 1:
        identity = torch.eye(taps, dtype=torch.float64)
        return identity, identity, torch.ones(1, taps, dtype=torch.float64)
    points = size + taps - 1
    angles = torch.arange(points, dtype=torch.float64) * (2.0 * math.pi / points)
    windows: list[Tensor] = []
    kernels: list[Tensor] = []
    outputs: list[Tensor] = []
    for frequency in range(points // 2 + 1):
        cosine, sine = torch.cos(frequency * angles), torch.sin(frequency * angles)
        if frequency in (0, points / 2):
            windows.append(cosine)
            kernels.append(cosine[:taps])
            outputs.append(cosine[:size] / points)
            continue
        # X = a - ib of the window times W = c + id of the mirrored taps, from ac, bd and (a - b)(c + d):
        # its real part is ac + bd, its imaginary part (a - b)(c + d) - ac + bd.
        windows += [cosine, sine, cosine - sine]
        kernels += [cosine[:taps], sine[:taps], cosine[:taps] + sine[:taps]]
        real, imaginary = cosine[:size] * (2.0 / points), sine[:size] * (-2.0 / points)
        outputs += [real - imaginary, real + imaginary, imaginary]
    return torch.stack(windows), torch.stack(kernels), torch.stack(outputs, dim=1)
