"""Sets of vectors that are compared as a whole: checked once, drawn from by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from fxrep.errors import ArgumentError

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


class VectorSet:
    """N vectors of D values, each of a group of vectors that are not independent of each other.

    Args:
        vectors: (N, D), finite, N of 2 or more; an array or a tensor on any device.
        groups: N labels, equal for vectors that belong together: windows of one file, stems of one song. Groups are
            what is drawn where a set is drawn from, and pairs within one never count. None: every vector alone.
        name: how messages call the set.

    Raises:
        ArgumentError: another shape, NaN or infinite values, values above `LARGEST`, or fewer than two vectors or
            groups.
    """

    def __init__(self, vectors: ArrayLike | Tensor, groups: Sequence[Any] | None = None, name: str = "set") -> None:
        self.name = name
        self.vectors = _check_vectors(vectors, name)
        self.groups: Indices = np.arange(len(self.vectors))
        if groups is not None:
            if len(groups) != len(self.vectors):
                raise ArgumentError(f"{name} has {len(self.vectors)} vectors and {len(groups)} groups: give one each")
            self.groups = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
        self.n_groups = int(self.groups.max()) + 1
        if self.n_groups < 2:
            raise ArgumentError(f"{name} is of one group only: give vectors of two or more")

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """D."""
        return int(self.vectors.shape[1])

    def of_groups(self, chosen: Indices) -> VectorSet:
        """The vectors of some of the groups."""
        kept = np.isin(self.groups, chosen)
        return VectorSet(self.vectors[kept], self.groups[kept].tolist(), self.name)


SetLike: TypeAlias = NDArray[Any] | Tensor | VectorSet
"""Vectors (N, D), or such a set that knows its groups."""


def check_sets(set_a: SetLike, set_b: SetLike) -> tuple[VectorSet, VectorSet]:
    """Both as sets of one dimension.

    Raises:
        ArgumentError: one of them cannot be used, or their dimensions differ.
    """
    first, second = (
        given if isinstance(given, VectorSet) else VectorSet(given, name=name)
        for given, name in ((set_a, "set_a"), (set_b, "set_b"))
    )
    if first.dim != second.dim:
        raise ArgumentError(
            f"{first.name} has vectors of {first.dim} values and {second.name} of {second.dim}: embed both with one "
            "encoder"
        )
    return first, second


LARGEST = 1e150
"""Largest value of a vector: squares of larger ones, which every distance takes, leave the range of float64."""


def _check_vectors(vectors: ArrayLike | Tensor, name: str) -> NDArray[np.floating]:
    values = _read(vectors, name)
    if values.ndim != 2 or values.shape[1] < 1 or values.dtype.kind not in "fiu":
        raise ArgumentError(
            f"{name} has shape {values.shape} of {values.dtype}: expected numbers (vectors, dimensions)"
        )
    if len(values) < 2:
        raise ArgumentError(f"{name} has {len(values)} vectors: a spread needs at least 2")
    found: NDArray[np.floating] = values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)
    finite = np.isfinite(found).all(1)
    if not finite.all():
        raise ArgumentError(
            f"{name} holds NaN or infinite values, first in vector {int(np.argmin(finite))}: check what was embedded"
        )
    largest = max(float(found.max()), -float(found.min()))
    if largest > LARGEST:
        raise ArgumentError(
            f"{name} holds values of up to {largest:.3g}, whose squares no number can hold: divide both sets by one "
            f"number, so that none is above {LARGEST:g}"
        )
    return found


def _read(vectors: ArrayLike | Tensor, name: str) -> NDArray[Any]:
    if isinstance(vectors, Tensor):
        # NumPy has no bfloat16, and none of the other short kinds of float.
        short = vectors.is_floating_point() and vectors.dtype != torch.float32
        vectors = (vectors.detach().double() if short else vectors.detach()).cpu()
    try:
        return np.asarray(vectors)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(f"{name} cannot be read as numbers ({error}): give (vectors, dimensions)") from error


LEAST_SPREAD = 0.1
"""Least unit of a feature, in standard deviations over both sets: one that the reference hardly has is not all."""


def in_reference_units(set_a: SetLike, set_b: SetLike) -> tuple[VectorSet, VectorSet]:
    """Both sets in standard deviations of the second one from its mean, per dimension: for features of mixed units.

    The unit is the reference's own, so that any number of sets can be compared with one reference on one scale. Where
    the reference hardly varies (the width of mono recordings, say), it is a tenth of the deviation over both sets
    together; a feature that is constant over both becomes 0.

    Args:
        set_a: (N, D).
        set_b: (M, D), the reference.

    Raises:
        ArgumentError: a set cannot be used, or their dimensions differ.
    """
    first, second = check_sets(set_a, set_b)
    values = [one.vectors.astype(np.float64) for one in (first, second)]
    both = np.concatenate(values)
    spread = np.maximum(values[1].std(0), LEAST_SPREAD * both.std(0))
    # Rounding of a constant column is no spread.
    constant = spread <= 1e-9 * np.abs(both).max(0)
    scaled = [np.where(constant, 0.0, (one - values[1].mean(0)) / np.where(constant, 1.0, spread)) for one in values]
    a, b = (VectorSet(rows, one.groups.tolist(), one.name) for rows, one in zip(scaled, (first, second), strict=True))
    return a, b
