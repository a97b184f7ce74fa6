"""Mixing a batch at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from fxrep.effects.chunks import items_per_chunk
from fxrep.effects.console.positions import check_members
from fxrep.effects.console.sends import send_gain
from fxrep.effects.console.strip import Strip
from fxrep.effects.console.tensors import Columns, ConsoleTensors, check_shapes
from fxrep.effects.settings import check_input, per_item
from fxrep.effects.zero_gradients import with_zero_gradients
from fxrep.errors import ArgumentError, AudioError

if TYPE_CHECKING:
    from fxrep.effects.console.mixing_console import MixingConsole


@dataclass
class RenderedMix:
    """A mix and what went into it.

    Attributes:
        mix: (B, 2, T).
        tracks: (B, N, 2, T) behind their strips, or None if they were not kept.
        groups: (B, 2, T) behind its strip, by group; those without any track are left out.
        buses: (B, 2, T) behind its strip, by bus; those that nothing is sent to are left out.
    """

    mix: torch.Tensor
    tracks: torch.Tensor | None = None
    groups: dict[str, torch.Tensor] = field(default_factory=dict)
    buses: dict[str, torch.Tensor] = field(default_factory=dict)


def render_mix(
    console: MixingConsole,
    tracks: torch.Tensor,
    settings: ConsoleTensors,
    sample_rate: int,
    track_mask: torch.Tensor | None,
    keep: bool,
) -> RenderedMix:
    """See `MixingConsole.render_parts`."""
    active = _active(tracks, sample_rate, track_mask)
    batch, count, _, samples = tracks.shape
    check_shapes(settings, batch, count)
    check_members(console.groups, settings.members, (batch, count))
    sums = _Sums(tracks.new_zeros((batch, 2, samples)))
    kept = []
    step = tracks_per_chunk(tracks)
    for start in range(0, count, step):
        rows = active[:, start : start + step].T.nonzero().flip(1) + tracks.new_tensor([0, start], dtype=torch.long)
        wet = _process(console.track, tracks, settings.tracks, rows, sample_rate)
        # One split, not a slice per track: its backward pass joins the gradients once.
        sizes = active[:, start : start + step].sum(0).tolist()
        for number, part in enumerate(wet.split(sizes), start):
            items = active[:, number].nonzero()[:, 0]
            if len(items):
                _route(sums, part, items, number, settings)
            if keep:
                kept.append(part.new_zeros((batch, 2, samples)).index_copy(0, items, part))
    result = RenderedMix(sums.direct, torch.stack(kept, 1) if kept else None)
    for parts, strips, values in (
        (result.groups, console.groups, settings.groups),
        (result.buses, console.buses, settings.buses),
    ):
        for name, strip in strips.items():
            if name in sums.named:
                parts[name] = stereo(strip(sums.named[name], sample_rate, values.get(name, {})))
                result.mix = result.mix + parts[name]
    result.mix = with_zero_gradients(
        stereo(console.master(result.mix, sample_rate, settings.master)), list(settings.every_tensor())
    )
    return result


def check_tracks(tracks: torch.Tensor) -> None:
    """Refuse what is no batch of tracks.

    Raises:
        AudioError: it is no tensor, or one of another shape.
    """
    if not isinstance(tracks, torch.Tensor) or tracks.dim() != 4:
        given = f"of shape {tuple(tracks.shape)}" if isinstance(tracks, torch.Tensor) else type(tracks).__name__
        raise AudioError(f"tracks are {given}; expected a tensor (batch, tracks, 1 or 2 channels, samples)")


def tracks_per_chunk(tracks: torch.Tensor) -> int:
    """Return how many tracks of all mixes to handle at once, so that temporaries stay in the caches of a CPU."""
    return max(1, items_per_chunk(tracks[:, 0]) // tracks.shape[0])


def stereo(audio: torch.Tensor) -> torch.Tensor:
    """Return (R, 2, T), mono copied to both channels."""
    return audio.expand(-1, 2, -1)


class _Sums:
    """What has come together so far: what goes straight to the master, and by the name of a group or bus."""

    def __init__(self, silence: torch.Tensor) -> None:
        self.direct = silence
        self.named: dict[str, torch.Tensor] = {}

    def add(self, name: str | None, part: torch.Tensor, items: torch.Tensor) -> None:
        """Add (R, 2, T) to the items (R,), each of them once, so that the order of addition is always the same."""
        before = self.direct if name is None else self.named.get(name)
        if before is None:
            before = torch.zeros_like(self.direct)
        if torch.is_grad_enabled() and (before.requires_grad or part.requires_grad):
            after = before + part if len(items) == len(before) else before.index_add(0, items, part)
        else:
            after = before.add_(part) if len(items) == len(before) else before.index_add_(0, items, part)
        if name is None:
            self.direct = after
        else:
            self.named[name] = after


def _route(sums: _Sums, part: torch.Tensor, items: torch.Tensor, number: int, settings: ConsoleTensors) -> None:
    """Send the rows of one track on to the master or a group, and to the buses."""
    straight = torch.ones(len(items), dtype=torch.bool, device=items.device)
    for group, members in settings.members.items():
        inside = members.to(items.device)[items, number]
        straight &= ~inside
        if bool(inside.any()):
            sums.add(group, part[inside], items[inside])
    if bool(straight.all()):
        sums.add(None, part, items)
    elif bool(straight.any()):
        sums.add(None, part[straight], items[straight])
    for bus, levels in settings.sends.items():
        gain = send_gain(levels.to(items.device)[items, number])
        if gain.requires_grad or bool(gain.any()):
            sums.add(bus, part * per_item(gain, part), items)


def _process(
    strip: Strip, tracks: torch.Tensor, columns: Columns, rows: torch.Tensor, sample_rate: int
) -> torch.Tensor:
    """Send the rows (R, 2), pairs of mix and track, through the strip: (R, 2, T)."""
    if not len(rows):
        return tracks.new_zeros((0, 2, tracks.shape[-1]))
    item, number = rows.unbind(1)
    values = {
        label: {name: column.to(tracks.device)[item, number] for name, column in table.items()}
        for label, table in columns.items()
    }
    return stereo(strip(tracks[item, number], sample_rate, values))


def _active(tracks: torch.Tensor, sample_rate: int, track_mask: torch.Tensor | None) -> torch.Tensor:
    """Return which tracks (B, N) have anything to say; a silent one has, where its own gradient is wanted."""
    shape = tuple(tracks.shape[:2])
    if track_mask is None:
        track_mask = torch.ones(shape, dtype=torch.bool, device=tracks.device)
    known = isinstance(track_mask, torch.Tensor)
    if not known or track_mask.dtype != torch.bool or tuple(track_mask.shape) != shape:
        given = f"{tuple(track_mask.shape)} {track_mask.dtype}" if known else type(track_mask).__name__
        raise ArgumentError(f"track_mask is {given}; expected {shape} bool, true where there is a track")
    if not tracks.numel():
        raise AudioError(f"tracks of shape {tuple(tracks.shape)} are empty; give at least one mix, track and sample")
    # Kind, channels and rate on one sample; the content below, without a copy, and only where the mask allows it.
    check_input(tracks.new_zeros((1, tracks.shape[2], 1)), sample_rate)
    low, high = tracks.detach().amin((2, 3)), tracks.detach().amax((2, 3))
    mask = track_mask.to(tracks.device)
    if not bool(torch.isfinite((high - low)[mask]).all()):
        raise AudioError("tracks hold NaN or infinite samples; repair or mask them first")
    if tracks.requires_grad and torch.is_grad_enabled():
        return mask
    return mask & ((low != 0) | (high != 0))
