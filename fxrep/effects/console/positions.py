"""Checking names and what a controller puts out before it becomes settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch

from fxrep.errors import ArgumentError


def check_names(groups: Iterable[str], buses: Iterable[str]) -> None:
    """Refuse groups and buses that could not be told apart.

    Raises:
        ArgumentError: a name is no text, or one name means a group and a bus.
    """
    for name in (*groups, *buses):
        if not isinstance(name, str) or not name:
            raise ArgumentError(f"{name!r} cannot name a group or a bus: give letters")
    both = sorted({*groups} & {*buses})
    if both:
        raise ArgumentError(f"{', '.join(both)} is the name of a group and of a bus: give one of them another")


def check_positions(name: str, positions: torch.Tensor, shape: tuple[int, ...], labels: Sequence[str]) -> None:
    """Refuse positions of the wrong shape or outside [0, 1].

    Args:
        name: of the tensor, for the message.
        positions: whatever came.
        shape: what it should be.
        labels: of the last dimension.

    Raises:
        ArgumentError: naming the first setting that is wrong.
    """
    if not isinstance(positions, torch.Tensor):
        raise ArgumentError(f"positions of {name} are {type(positions).__name__}; expected a tensor")
    if not positions.is_floating_point() or tuple(positions.shape) != shape:
        given = f"{tuple(positions.shape)} {positions.dtype}"
        raise ArgumentError(f"positions of {name} are {given}; this console expects {shape} floating point")
    if not positions.numel():
        return
    lowest, highest = (float(edge) for edge in torch.aminmax(positions.detach()))
    if not (lowest >= 0.0 and highest <= 1.0):
        wrong = ~((positions >= 0.0) & (positions <= 1.0)).flatten(0, -2).all(0)
        column = positions.detach()[..., int(wrong.nonzero()[0])]
        low, high = (float(edge) for edge in torch.aminmax(column))
        label = labels[int(wrong.nonzero()[0])]
        raise ArgumentError(f"positions of {name}: {label} lies between {low:g} and {high:g}; expected 0 to 1")


def check_members(groups: Iterable[str], members: Mapping[str, torch.Tensor], shape: tuple[int, ...]) -> None:
    """Refuse tracks in groups that do not exist, or in two at once.

    Args:
        groups: the names there are.
        members: which tracks go to which group.
        shape: (B, N).

    Raises:
        ArgumentError: the first fault.
    """
    for group, member in members.items():
        if group not in groups:
            raise ArgumentError(f"there is no group {group!r}; choose from {', '.join(groups) or 'none'}")
        if tuple(member.shape) != shape or member.dtype != torch.bool:
            given = f"{tuple(member.shape)} {member.dtype}"
            raise ArgumentError(f"members of {group} are {given}; expected {shape} bool")
    if len(members) > 1 and bool((torch.stack(list(members.values())).sum(0) > 1).any()):
        raise ArgumentError("a track is a member of two groups; expected one at most")
