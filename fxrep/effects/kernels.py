"""Compiling the sample loops that tensors cannot express."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compile_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with numba, keeping the result on disk where that is possible.

    Arithmetic is strict: a fused multiply-add would leave a residue where two products cancel, and a flat filter would
    no longer be the identity. The kernels release the interpreter lock and use one thread, so that loader workers do
    not fight for cores.
    """
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:
        # A read-only installation without a home folder has nowhere to keep the compiled code.
        return numba.njit(nogil=True, error_model="numpy")(function)
