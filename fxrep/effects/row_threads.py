"""Running a compiled kernel over the rows of arrays on as many threads as torch may use."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

# Handing work to a thread takes as long as a kernel takes over some ten thousand samples.
SAMPLES_PER_THREAD = 131_072


@functools.lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Return the threads of a process: a forked one has none of its parent's."""
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="rows")


def over_rows(kernel: Callable[..., Any], *arrays: Any, settings: tuple[Any, ...] = (), step: int = 1) -> list[Any]:
    """Call ``kernel(*arrays, *settings)`` on all rows, or at once on several stretches of them.

    Threads are those that torch is allowed (`torch.set_num_threads`), so that the workers of a loader, who are allowed
    one, do not fight for cores. They are not torch's own: those would keep turning, and count as time of the processor,
    for a while after every call.

    Args:
        kernel: releases the interpreter lock and treats every row by itself.
        arrays: NumPy arrays with the rows as their first dimension; the first one tells how much there is to do.
        settings: what every call is given as it is.
        step: rows that belong together.

    Returns:
        What the calls returned, in order of the rows.
    """
    rows = arrays[0].shape[0]
    groups = -(-rows // step)
    count = min(torch.get_num_threads(), groups, arrays[0].size // SAMPLES_PER_THREAD)
    if count <= 1:
        return [kernel(*arrays, *settings)]
    edges = [min(rows, groups * part // count * step) for part in range(count + 1)]
    stretches = [[array[low:high] for array in arrays] for low, high in itertools.pairwise(edges)]
    others = [_pool(os.getpid()).submit(kernel, *stretch, *settings) for stretch in stretches[1:]]
    first = kernel(*stretches[0], *settings)
    return [first, *(future.result() for future in others)]
