"""Refusing the gradient of a gradient where a compiled loop knows only the first one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from fxrep.errors import ArgumentError


def first_gradient_only(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Make the `backward` of an `autograd.Function` raise where its result would itself be differentiated.

    Torch's own `once_differentiable` refuses on a branch of the graph that `torch.autograd.grad` does not visit: what
    went through a compiled loop would be left out of the second gradient without a word, and beside a dry signal the
    rest would look like the whole.

    Raises:
        ArgumentError: (the decorated function) a graph of the gradient is asked for.
    """

    @functools.wraps(backward)
    def checked(ctx: Any, *gradients: torch.Tensor) -> Any:
        # The engine turns gradients on inside a backward pass for `create_graph=True` only.
        if torch.is_grad_enabled():
            raise ArgumentError(
                "create_graph is True, but this effect has a first gradient only; take it with create_graph=False"
            )
        return backward(ctx, *gradients)

    return checked
