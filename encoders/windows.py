"""How a recording of any length becomes windows of one length, without chance and in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

SILENCE_PEAK_DB = -80.0
"""A window whose sample peak stays below this level (dBFS) is silent: dithered 16-bit silence peaks near -84 dBFS."""


def fixed_windows(blocks: Iterable[Tensor], window: int, hop: int) -> Iterator[tuple[int, Tensor]]:
    """Cut a stream of audio blocks into windows of one length.

    Windows start at multiples of `hop`; when samples remain after the last of them, one more window is aligned to
    the end of the stream, so that every sample is covered and none is padded. A stream shorter than one window
    gives itself, once.

    Args:
        blocks: consecutive pieces (C, n) of one recording, of any lengths.
        window: length in samples.
        hop: distance between starts in samples, at most `window`.

    Yields:
        the first sample's position, and the window (C, window) or the whole short recording (C, T).
    """
    pending: Tensor | None = None
    previous: Tensor | None = None
    start, covered = 0, 0
    for block in blocks:
        pending = block if pending is None else torch.cat([pending, block], dim=-1)
        while pending.shape[-1] >= window:
            previous = pending[:, :window]
            yield start, previous
            covered = start + window
            pending = pending[:, hop:]
            start += hop
    if pending is None:
        return
    total = start + pending.shape[-1]
    if previous is None:
        yield 0, pending
    elif total > covered:
        rest = pending[:, covered - start :]
        yield total - window, torch.cat([previous, rest], dim=-1)[:, -window:]


def repeat_to(audio: Tensor, minimum: int) -> Tensor:
    """Repeat a recording (…, T) that is shorter than `minimum` samples until it has that many.

    Repetition keeps level and spectrum, which zeros after the end would change.
    """
    length = audio.shape[-1]
    if length >= minimum:
        return audio
    copies = -(-minimum // length)
    return audio.repeat(*([1] * (audio.dim() - 1)), copies)[..., :minimum]


def is_silent(audio: Tensor) -> bool:
    """Whether no sample of a window reaches `SILENCE_PEAK_DB`."""
    return bool(audio.abs().amax() < 10.0 ** (SILENCE_PEAK_DB / 20.0))
