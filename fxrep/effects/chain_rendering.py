"""Applying the settings of a chain to a batch, every effect only to the items that have it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch

from fxrep.effects.chain_settings import Settings, check_entry, entry_label
from fxrep.effects.chunks import items_per_chunk
from fxrep.effects.processor import Processor
from fxrep.effects.registry import create_processor
from fxrep.effects.settings import check_input, is_number, per_item
from fxrep.effects.streaming import MemorylessStream, MixStream, SeriesStream, Stream
from fxrep.errors import ArgumentError

QUIETEST_POWER = 1e-16
Known = Mapping[str, Processor]


def render_settings(
    audio: torch.Tensor,
    sample_rate: int,
    settings: Settings | Sequence[Settings],
    processors: Known | None = None,
) -> torch.Tensor:
    """Apply settings drawn by a chain, or written by hand.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        settings: of one item, used for all; or a list of B of them. A number in them may also be a tensor, of shape
            () or, in settings used for all, (B,); the output is differentiable in it. A side chain, reference or curve
            used for all may have a piece for each item, (B, …).
        processors: by label, before those of the registry.

    Returns:
        (B, C, T), or (B, 2, T) if any item passes a stereo effect.

    Raises:
        ArgumentError: settings that do not fit the batch, name unknown effects or are out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    queues = _queues(settings, audio.shape[0])
    known = _known([entry for queue in queues for entry in queue], processors or {})
    if audio.shape[1] == 1 and any(known[entry_label(entry)].stereo for queue in queues for entry in queue):
        audio = audio.expand(-1, 2, -1)
    items = list(audio.unbind(0))
    size = items_per_chunk(audio)
    while any(queues):
        label, members = _largest_group(queues, known)
        for start in range(0, len(members), size):
            chosen = members[start : start + size]
            entries = [_for_item(queues[index][0], index, len(items), known[label]) for index in chosen]
            # One item needs no copy.
            piece = items[chosen[0]][None] if len(chosen) == 1 else torch.stack([items[index] for index in chosen])
            result = _apply(known[label], piece, sample_rate, entries)
            for index, item in zip(chosen, result.unbind(0), strict=True):
                items[index] = item
        served = set(members)
        queues = [queue[1:] if index in served else queue for index, queue in enumerate(queues)]
    return torch.stack(items)


def stream_settings(sample_rate: int, settings: Settings, processors: Known | None = None) -> Stream:
    """Return a stream that applies the settings of one item; see `EffectChain.stream`."""
    (entries,) = _queues(settings, 1)
    known = _known(entries, processors or {})
    streams: list[Stream] = []
    if any(known[entry_label(entry)].stereo for entry in entries):
        # As without blocks: one stereo effect makes the whole chain stereo, from its beginning.
        streams.append(MemorylessStream(lambda block: block.expand(-1, 2, -1)))
    for entry in entries:
        if entry.get("match_rms", False):
            raise ArgumentError(f"{entry_label(entry)}: match_rms needs the whole signal; it cannot work in blocks")
        stream = known[entry_label(entry)].stream(sample_rate, **entry["settings"])
        mix = entry.get("mix", 1.0)
        plain = is_number(mix) and mix == 1.0
        streams.append(stream if plain else MixStream(stream, mix))
    return SeriesStream(streams)


def _queues(settings: Settings | Sequence[Settings], batch_size: int) -> list[Settings]:
    if not isinstance(settings, (list, tuple)):
        raise ArgumentError(f"settings are {type(settings).__name__}; expected a list, as EffectChain.sample draws it")
    shared = all(isinstance(entry, Mapping) for entry in settings)
    for queue in [] if shared else settings:
        if not isinstance(queue, (list, tuple)):
            raise ArgumentError(f"settings of an item are {queue!r:.60}; expected a list for one item, or one for each")
    queues = [list(settings)] * batch_size if shared else [list(queue) for queue in settings]
    if len(queues) != batch_size:
        raise ArgumentError(f"settings are for {len(queues)} items; the batch has {batch_size}")
    for entry in (entry for queue in (queues[:1] if shared else queues) for entry in queue):
        check_entry(entry)
    return [[entry for entry in queue if not entry.get("bypass", False)] for queue in queues]


def _known(entries: Sequence[Mapping[str, Any]], processors: Known) -> dict[str, Processor]:
    known = dict(processors)
    for entry in entries:
        label = entry_label(entry)
        if label not in known:
            # Drawn by another chain: what the label meant there is told by the name of the effect.
            name = entry["effect"]
            known[label] = known[name] if name in known else create_processor(name)
        known[label].check_names(entry["settings"])
    return known


def _largest_group(queues: Sequence[Settings], known: Known) -> tuple[str, list[int]]:
    """Return the label that most items have next, and those that can be processed together."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for index, queue in enumerate(queues):
        if queue:
            groups.setdefault(_signature(queue[0], known), []).append(index)
    signature, members = max(groups.items(), key=lambda group: len(group[1]))
    return signature[0], members


def _signature(entry: Mapping[str, Any], known: Known) -> tuple[Any, ...]:
    """Return what must agree for two items to be processed together: everything that is not a number."""
    label = entry_label(entry)
    for name, value in entry["settings"].items():
        if not isinstance(value, Hashable):
            raise ArgumentError(f"{name} of {label} is {value!r:.60}; expected a number, a name or a tensor")
    names = tuple(
        (name, None if _is_number(known[label], name, value) else value)
        for name, value in sorted(entry["settings"].items())
    )
    return label, bool(entry.get("match_rms", False)), "mix" in entry, names


def _is_number(processor: Processor, name: str, value: Any) -> bool:
    """Whether a setting is one value per item; None, in the place of a number, is not."""
    return value is not None and any(parameter.name == name for parameter in processor.parameter_table)


def _for_item(entry: Mapping[str, Any], index: int, batch: int, processor: Processor) -> dict[str, Any]:
    """Return the entry with what belongs to this item where it has a tensor with a piece for each."""

    def pick(name: str, value: Any) -> Any:
        dims = 1 if name == "mix" or _is_number(processor, name, value) else processor.tensor_dims.get(name)
        if not isinstance(value, torch.Tensor) or value.dim() < (dims or 0) or dims is None or len(value) == 1:
            return value
        if value.dim() > dims or len(value) != batch:
            shape, label = tuple(value.shape), entry_label(entry)
            raise ArgumentError(
                f"{name} of {label} has shape {shape}; expected one for each of {batch} items, or for all"
            )
        return value[index] if dims == 1 else value[index : index + 1]

    settings = {name: pick(name, value) for name, value in entry["settings"].items()}
    return {**entry, "settings": settings, **({"mix": pick("mix", entry["mix"])} if "mix" in entry else {})}


def _apply(
    processor: Processor, audio: torch.Tensor, sample_rate: int, entries: Sequence[Mapping[str, Any]]
) -> torch.Tensor:
    columns: dict[str, Any] = {}
    for name, value in entries[0]["settings"].items():
        values = [entry["settings"][name] for entry in entries]
        if _is_number(processor, name, value):
            columns[name] = _column(name, values)
        elif isinstance(value, torch.Tensor) and value.dim() == processor.tensor_dims.get(name):
            columns[name] = _rows(values)
        else:
            columns[name] = value
    processed: torch.Tensor = processor(audio, sample_rate, **columns)
    if entries[0].get("match_rms", False):
        processed = _match_rms(processed, audio)
    if "mix" not in entries[0]:
        return processed
    mix = _column("mix", [entry["mix"] for entry in entries]).to(audio.device)
    return torch.lerp(audio.expand_as(processed), processed, per_item(mix, audio))


def _column(name: str, values: Sequence[Any]) -> torch.Tensor:
    for value in values:
        if not is_number(value) and not (isinstance(value, torch.Tensor) and value.numel() == 1):
            raise ArgumentError(f"{name} is {value!r:.60}; expected a number, or a tensor with one for each item")
    if not any(isinstance(value, torch.Tensor) for value in values):
        return torch.tensor([float(value) for value in values], dtype=torch.float64)
    return torch.stack([torch.as_tensor(value, dtype=torch.float64).reshape(()) for value in values])


def _rows(pieces: Sequence[torch.Tensor]) -> torch.Tensor:
    """Join the pieces of the items; a piece that all of them share is given once."""
    return pieces[0] if all(piece is pieces[0] for piece in pieces) else torch.cat(list(pieces))


def _match_rms(processed: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
    """Scale to the root mean square of the input; what is silent on either side stays as it is."""
    before = audio.square().mean((1, 2), keepdim=True)
    after = processed.square().mean((1, 2), keepdim=True)
    audible = (before > QUIETEST_POWER) & (after > QUIETEST_POWER)
    ratio = torch.where(audible, before, 1.0) / torch.where(audible, after, 1.0)
    return processed * ratio.sqrt()
