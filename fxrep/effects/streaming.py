"""Applying an effect to a signal that arrives in pieces, as if it had been given at once.

A stream takes blocks of any length and returns what is ready; an effect that looks ahead returns less than it was
given and the rest at the end. All that comes out, joined, is as long as all that went in, and equals the effect on the
whole signal. Streams render, they do not train: no gradient passes through them.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch

from fxrep.errors import AudioError

Effect = Callable[[torch.Tensor], torch.Tensor]


def _passing_empty(push: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    @functools.wraps(push)
    def push_samples(self: Stream, block: torch.Tensor) -> torch.Tensor:
        if not isinstance(block, torch.Tensor):
            raise AudioError(f"a block is {type(block).__name__}; expected a tensor (batch, channels, samples)")
        return push(self, block) if block.shape[-1] else block

    return push_samples


class Stream(ABC):
    """An effect with its memory, for one batch of signals.

    A block without samples is no event: every stream hands it back as it is and remembers nothing of it.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """Let `push` of every stream treat blocks without samples alike."""
        super().__init_subclass__(**options)
        if "push" in vars(cls):
            setattr(cls, "push", _passing_empty(vars(cls)["push"]))  # noqa: B010

    @abstractmethod
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Take the next block (B, C, T) and return what is ready, (B, C', T'); T' may be anything from 0 up."""

    def finish(self) -> torch.Tensor | None:
        """Return what is still owed after the last block, or None. A finished stream takes no more blocks."""
        return None


class MemorylessStream(Stream):
    """An effect whose every output sample depends on one input sample.

    Args:
        effect: maps (B, C, T) to (B, C', T).
    """

    def __init__(self, effect: Effect) -> None:
        self.effect = effect

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Apply the effect to the block."""
        return self.effect(block)


class ContextStream(Stream):
    """An effect with a finite reach: convolution with a short or long response, oversampling, look-ahead.

    The samples around a block are given along with it and cut off afterwards. Before the signal and after it there is
    silence, as in the effect on the whole signal.

    Args:
        effect: maps (B, C, T) to (B, C', T); an output sample depends only on inputs within the reach.
        before: reach into the past, samples.
        after: reach into the future, samples.
    """

    def __init__(self, effect: Effect, before: int, after: int = 0) -> None:
        self.effect, self.before, self.after = effect, before, after
        self.kept: torch.Tensor | None = None
        self.past = 0

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Append the block to what is kept and return all samples whose future is known."""
        joined = block if self.kept is None else torch.cat((self.kept, block), -1)
        return self._advance(joined, joined.shape[-1] - self.after)

    @torch.no_grad()
    def finish(self) -> torch.Tensor | None:
        """Return the samples whose future is the end."""
        return None if self.kept is None else self._advance(self.kept, self.kept.shape[-1])

    def _advance(self, joined: torch.Tensor, end: int) -> torch.Tensor:
        ready = self.effect(joined)[..., self.past : end] if end > self.past else joined[..., :0]
        start = max(0, end - self.before) if end > self.past else 0
        self.kept, self.past = joined[..., start:].clone(), max(self.past, end) - start
        return ready


class SeriesStream(Stream):
    """Streams one after the other.

    Args:
        streams: in the order of the signal.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        self.streams = list(streams)

    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Send the block through all streams."""
        for stream in self.streams:
            if block.shape[-1]:
                block = stream.push(block)
        return block

    def finish(self) -> torch.Tensor | None:
        """Finish the streams in order, sending what each still owes through those behind it."""
        rest: torch.Tensor | None = None
        for stream in self.streams:
            passed = None if rest is None else stream.push(rest)
            rest = _joined([part for part in (passed, stream.finish()) if part is not None])
        return rest


class MixStream(Stream):
    """A share of an effect beside the untouched signal, in time with each other.

    Args:
        wet: the effect.
        mix: (B,) or a number: 0 only the input, 1 only the effect.
    """

    def __init__(self, wet: Stream, mix: torch.Tensor | float) -> None:
        self.wet, self.mix = wet, torch.as_tensor(mix)
        self.dry: torch.Tensor | None = None

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Send the block through the effect and hold the dry signal until the wet one is there."""
        self.dry = block if self.dry is None else torch.cat((self.dry, block), -1)
        return self._blend(self.wet.push(block))

    @torch.no_grad()
    def finish(self) -> torch.Tensor | None:
        """Return what the effect still owes, mixed."""
        rest = self.wet.finish()
        return None if rest is None else self._blend(rest)

    def _blend(self, wet: torch.Tensor) -> torch.Tensor:
        assert self.dry is not None
        samples = wet.shape[-1]
        dry, self.dry = self.dry[..., :samples], self.dry[..., samples:]
        return torch.lerp(dry.expand_as(wet), wet, self.mix.to(wet).reshape(-1, 1, 1))


def stream_blocks(stream: Stream, blocks: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Send blocks through a stream and yield what comes out, the end included; empty pieces are left out.

    Args:
        stream: a fresh one.
        blocks: (B, C, T) each; those without samples are skipped.
    """
    for block in blocks:
        ready = stream.push(block)
        if ready.shape[-1]:
            yield ready
    rest = stream.finish()
    if rest is not None and rest.shape[-1]:
        yield rest


def _joined(parts: Sequence[torch.Tensor]) -> torch.Tensor | None:
    parts = [part for part in parts if part.shape[-1]]
    return torch.cat(list(parts), -1) if parts else None
