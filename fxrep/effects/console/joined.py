"""Everything that a controller sets on a console as one row of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from fxrep.errors import ArgumentError

if TYPE_CHECKING:
    from fxrep.effects.console.controls import ConsoleControls

Positions = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def join_positions(
    console: ConsoleControls, tracks: torch.Tensor, buses: torch.Tensor, master: torch.Tensor
) -> torch.Tensor:
    """See `ConsoleControls.join`."""
    parts = {"tracks": (tracks, (console.track_size,), 3), "buses": (buses, (console.bus_size,), 2)}
    parts["master"] = (master, (console.master_size,), 2)
    for name, (part, last, dims) in parts.items():
        fits = isinstance(part, torch.Tensor) and part.is_floating_point() and part.dim() == dims
        if not fits or part.shape[-1:] != last or len(part) != len(tracks):
            given = f"{tuple(part.shape)} {part.dtype}" if isinstance(part, torch.Tensor) else type(part).__name__
            expected = "(batch, tracks, " if dims == 3 else "(batch, "
            raise ArgumentError(f"positions of {name} are {given}; expected {expected}{last[0]}) floating point")
    return torch.cat((tracks.flatten(1), buses, master), -1)


def split_positions(console: ConsoleControls, joined: torch.Tensor, tracks: int) -> Positions:
    """See `ConsoleControls.split`."""
    if isinstance(tracks, bool) or not isinstance(tracks, int) or tracks < 1:
        raise ArgumentError(f"tracks is {tracks!r}; expected how many there are, 1 or more")
    size = console.settings_size(tracks)
    fits = isinstance(joined, torch.Tensor) and joined.is_floating_point() and joined.dim() == 2
    if not fits or joined.shape[1] != size:
        given = f"{tuple(joined.shape)} {joined.dtype}" if isinstance(joined, torch.Tensor) else type(joined).__name__
        raise ArgumentError(
            f"joined positions are {given}; this console expects (batch, {size}) floating point for {tracks} tracks"
        )
    own, buses, master = joined.split((tracks * console.track_size, console.bus_size, console.master_size), -1)
    return own.unflatten(-1, (tracks, console.track_size)), buses, master


def joined_names(console: ConsoleControls, tracks: Sequence[str]) -> list[str]:
    """See `ConsoleControls.joined_names`."""
    own, shared, master = console.setting_names()
    return [
        *(f"track:{track}.{name}" for track in tracks for name in own),
        *shared,
        *(f"master.{name}" for name in master),
    ]
