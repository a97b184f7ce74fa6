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
    return _compile(function, False)


def compile_reordered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile like `compile_kernel`, but with sums added up in any order, several at a time.

    For rational curves and for the sums of gradients, where nothing has to cancel. The result depends on the processor
    in its last digits.
    """
    return _compile(function, {"reassoc", "contract", "nsz"})


def _compile(function: Callable[..., Any], fastmath: Any) -> Callable[..., Any]:
    options = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    compiled: Callable[..., Any]
    try:
        compiled = numba.njit(cache=True, **options)(function)
    except RuntimeError:
        # A read-only installation without a home folder has nowhere to keep the compiled code.
        compiled = numba.njit(**options)(function)
    return compiled
