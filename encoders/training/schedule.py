"""The learning rate over a run."""

from __future__ import annotations

import math


def warm_up_cosine(step: int, warmup_steps: int, total_steps: float) -> float:
    """Factor on the learning rate: linear from near 0 to 1 over `warmup_steps`, then half a cosine down to 0.

    Args:
        step: optimiser steps done.
        warmup_steps: length of the rise; 0 for none.
        total_steps: length of the run; infinity keeps the factor at 1 after the rise.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if math.isinf(total_steps):
        return 1.0
    progress = (step - warmup_steps) / max(1.0, total_steps - warmup_steps)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
