"""Joining the embeddings of all processes without losing gradients."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor


def gather_with_gradient(values: Tensor) -> Tensor:
    """Stack a tensor (…) of every process to (W, …), in the order of ranks; the gradient flows to all of them.

    When every process computes the same loss on the result, DistributedDataParallel's mean over processes gives the
    gradient of one process with the joined batch. Without a process group the result is (1, …).
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return values.unsqueeze(0)
    return cast(Tensor, _Gather.apply(values))


class _Gather(torch.autograd.Function):
    """all_gather forward; backward sums over processes what each of them has for this process's part."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        parts = [torch.empty_like(values) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, values.contiguous())
        return torch.stack(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # A copy: the sum is made in place, and a gradient may be shared with other parts of the graph.
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total[dist.get_rank()]
