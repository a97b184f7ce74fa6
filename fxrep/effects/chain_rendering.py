"""Applying the settings of a chain to a batch, every effect only to the items that have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from fxrep.effects.chunks import items_per_chunk
from fxrep.effects.processor import Processor
from fxrep.effects.registry import create_processor
from fxrep.effects.settings import check_input
from fxrep.errors import ArgumentError

Settings = list[dict[str, Any]]
QUIETEST_POWER = 1e-16


def render_settings(
    audio: torch.Tensor,
    sample_rate: int,
    settings: Settings | Sequence[Settings],
    processors: Mapping[str, Processor] | None = None,
) -> torch.Tensor:
    """Apply settings drawn by a chain, or written by hand.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        settings: of one item, used for all; or a list of B of them.
        processors: by name, before those of the registry.

    Returns:
        (B, C, T), or (B, 2, T) if any item passes a stereo effect.

    Raises:
        ArgumentError: settings that do not fit the batch, name unknown effects or are out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    queues = _queues(settings, audio.shape[0])
    known = dict(processors or {})
    for entry in (entry for queue in queues for entry in queue):
        if entry["effect"] not in known:
            known[entry["effect"]] = create_processor(entry["effect"])
        known[entry["effect"]].check_names(entry["settings"])
    if audio.shape[1] == 1 and any(known[entry["effect"]].stereo for queue in queues for entry in queue):
        audio = audio.expand(-1, 2, -1)
    items = list(audio.unbind(0))
    size = items_per_chunk(audio)
    while any(queues):
        signature, members = _largest_group(queues)
        for start in range(0, len(members), size):
            chosen = members[start : start + size]
            entries = [queues[index][0] for index in chosen]
            piece = torch.stack([items[index] for index in chosen])
            result = _apply(known[signature[0]], piece, sample_rate, entries)
            for index, item in zip(chosen, result.unbind(0), strict=True):
                items[index] = item
        queues = [queue[1:] if index in set(members) else queue for index, queue in enumerate(queues)]
    return torch.stack(items)


def _queues(settings: Settings | Sequence[Settings], batch_size: int) -> list[Settings]:
    if not isinstance(settings, (list, tuple)):
        raise ArgumentError(f"settings are {type(settings).__name__}; expected a list, as EffectChain.sample draws it")
    shared = all(isinstance(entry, Mapping) for entry in settings)
    queues = [list(settings)] * batch_size if shared else [list(queue) for queue in settings]
    if len(queues) != batch_size:
        raise ArgumentError(f"settings are for {len(queues)} items; the batch has {batch_size}")
    for entry in (entry for queue in queues for entry in queue):
        if not isinstance(entry, Mapping) or "effect" not in entry or not isinstance(entry.get("settings"), Mapping):
            raise ArgumentError(f'{entry!r} is not {{"effect": name, "settings": {{…}}}}')
    return queues


def _signature(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what must agree for two items to be processed together: everything that is not a number."""
    names = tuple(
        (name, None if isinstance(value, (int, float)) else value) for name, value in sorted(entry["settings"].items())
    )
    return entry["effect"], bool(entry.get("match_rms", False)), names


def _largest_group(queues: Sequence[Settings]) -> tuple[tuple[Any, ...], list[int]]:
    groups: dict[tuple[Any, ...], list[int]] = {}
    for index, queue in enumerate(queues):
        if queue:
            groups.setdefault(_signature(queue[0]), []).append(index)
    return max(groups.items(), key=lambda group: len(group[1]))


def _apply(
    processor: Processor, audio: torch.Tensor, sample_rate: int, entries: Sequence[Mapping[str, Any]]
) -> torch.Tensor:
    columns: dict[str, Any] = {}
    for name, value in entries[0]["settings"].items():
        if isinstance(value, (int, float)):
            numbers = [entry["settings"][name] for entry in entries]
            columns[name] = torch.tensor(numbers, dtype=torch.float64)
        else:
            columns[name] = value
    processed: torch.Tensor = processor(audio, sample_rate, **columns)
    return _match_rms(processed, audio) if entries[0].get("match_rms", False) else processed


def _match_rms(processed: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
    """Scale to the root mean square of the input; what is silent on either side stays as it is."""
    before = audio.square().mean((1, 2), keepdim=True)
    after = processed.square().mean((1, 2), keepdim=True)
    audible = (before > QUIETEST_POWER) & (after > QUIETEST_POWER)
    ratio = torch.where(audible, before, 1.0) / torch.where(audible, after, 1.0)
    return processed * ratio.sqrt()
