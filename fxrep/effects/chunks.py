"""Working on a batch in pieces small enough for the caches."""

from __future__ import annotations

from collections.abc import Callable

import torch

# Temporaries beyond 32 MB are mapped and unmapped by the allocator on every call: the page faults cost more than the
# arithmetic. A million samples (4 MB in float32) stay well below, with room for complex spectra and padding.
CHUNK_SAMPLES = 1_000_000


def items_per_chunk(audio: torch.Tensor) -> int:
    """Return how many items of a batch to handle at once: few on the CPU, all of them elsewhere."""
    if audio.device.type != "cpu":
        return audio.shape[0]
    return max(1, CHUNK_SAMPLES // max(1, audio[0].numel()))


def in_chunks(
    function: Callable[..., torch.Tensor], audio: torch.Tensor, columns: dict[str, torch.Tensor]
) -> torch.Tensor:
    """Call ``function(audio, columns)`` on pieces of the batch and join the results.

    Args:
        function: independent per item, keeps the shape of the audio.
        audio: (B, C, T).
        columns: tensors whose first dimension is the batch.
    """
    size = items_per_chunk(audio)
    if audio.shape[0] <= size:
        return function(audio, columns)
    # Splitting, unlike slicing, has a gradient that is joined once instead of being added up over the whole batch.
    parts = {name: column.split(size) for name, column in columns.items()}
    pieces = (
        function(piece, {name: part[number] for name, part in parts.items()})
        for number, piece in enumerate(audio.split(size))
    )
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (audio, *columns.values())):
        return torch.cat(list(pieces))
    output = torch.empty_like(audio)
    for number, piece in enumerate(pieces):
        output[number * size : (number + 1) * size] = piece
    return output
