"""How the sample-by-sample loops of the synthesiser are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float64]
"""A mono signal or a control curve; sums are kept in double precision and rounded once, at the end."""

CONTROL_STEP = 64
"""Samples between two points of a control curve (pitch, gain, cutoff); kernels interpolate linearly in between."""

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(function: Kernel) -> Kernel:
    """Compile a loop with numba, kept on disk where there is a place to keep it.

    Strict floating point (no ``fastmath``): the order of every sum is that of the source, so that a seed gives the
    same bits in every process. An installation that can be written nowhere compiles anew in each process.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        kernel: Any = numba.njit(cache=True, **options)(function)
    except RuntimeError:
        kernel = numba.njit(**options)(function)
    return cast(Kernel, kernel)
