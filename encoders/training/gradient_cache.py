"""Gradient caching: the step of a batch that is larger than memory, embedded a few rows at a time.

L. Gao, Y. Zhang, J. Han, J. Callan, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", RepL4NLP
2021 (arXiv 2101.06983). Embeddings are made without what the backward pass needs; the objective gives its gradient to
all of them at once; then one group of rows after the other is embedded again and passes its gradient on. Random numbers
are those of the first time. The second pass is `torch.utils.checkpoint`, which keeps processes that train together and
mixed precision in step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import cast

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from encoders.base import EffectEncoder
from encoders.front_ends import RunningStandardization
from fxrep.errors import ArgumentError


class FeatureExtraction:
    """Features of a batch for training: at once or a few rows at a time, as they are or compiled.

    The gradient is that of the whole batch in one go. `RunningStandardization` sees the chunks as the one batch that
    they are. Batch normalisation takes the statistics of each chunk, as it takes those of each process where many
    train; dropout draws its masks chunk by chunk, the same ones both times.

    Args:
        encoder: whose ``features`` are computed.
        chunk: rows at a time; None for all at once.
        backend: of `torch.compile`, for example ``"inductor"``; None runs the encoder as it is.

    Raises:
        ArgumentError: a chunk below 1, or a backend that `torch.compile` does not have.
    """

    def __init__(self, encoder: EffectEncoder, chunk: int | None = None, backend: str | None = None) -> None:
        if chunk is not None and chunk < 1:
            raise ArgumentError(f"embedding_chunk is {chunk}: give 1 or more rows at a time, or null for all at once")
        if backend is not None and backend not in (known := torch.compiler.list_backends(exclude_tags=())):
            raise ArgumentError(f"compile_backend is {backend!r}: choose from {', '.join(known)}, or null")
        self.encoder, self.chunk, self.backend = encoder, chunk, backend
        self._compiled: Callable[[Tensor], Tensor] | None = None

    def __call__(self, audio: Tensor) -> Tensor:
        """Features (B, F) of audio (B, 2, T)."""
        if self.chunk is None or len(audio) <= self.chunk or not (self.encoder.training and torch.is_grad_enabled()):
            return self._features(audio)
        state = {name: value.clone() for name, value in _statistics(self.encoder).items()}

        def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            return nullcontext(), _as_it_was(self.encoder, state)

        with _seen_as_one(self.encoder):
            parts = [
                checkpoint(self._features, part, use_reentrant=False, context_fn=contexts)
                for part in audio.split(self.chunk)
            ]
        return torch.cat(parts)

    def _features(self, audio: Tensor) -> Tensor:
        if self.backend is None:
            return self.encoder.features(audio)
        if self._compiled is None:  # made when first used, so that what holds it can be copied to other processes
            self._compiled = cast(
                Callable[[Tensor], Tensor], torch.compile(self.encoder.features, backend=self.backend)
            )
        return self._compiled(audio)


def _standardizations(encoder: EffectEncoder) -> list[RunningStandardization]:
    return [module for module in encoder.modules() if isinstance(module, RunningStandardization)]


def _statistics(encoder: EffectEncoder) -> dict[str, Tensor]:
    """The buffers that training changes: those that a checkpoint keeps. The others are constants."""
    kept = encoder.state_dict().keys()
    # Without version counters: running statistics are no part of any gradient, though autograd holds on to them.
    return {name: value.data for name, value in encoder.named_buffers() if name in kept}


@contextmanager
def _seen_as_one(encoder: EffectEncoder) -> Iterator[None]:
    """All chunks are brought to the same scale, and count afterwards as one batch."""
    for module in _standardizations(encoder):
        module.begin_collecting()
    try:
        yield
    finally:
        for module in _standardizations(encoder):
            module.end_collecting()


@contextmanager
def _as_it_was(encoder: EffectEncoder, state: dict[str, Tensor]) -> Iterator[None]:
    """The encoder's buffers have the values they had; what the second pass would change in them is undone."""
    buffers = _statistics(encoder)
    now = {name: value.clone() for name, value in buffers.items()}
    for module in _standardizations(encoder):
        module.begin_collecting()
    try:
        for name, value in state.items():
            buffers[name].copy_(value)
        yield
    finally:
        for module in _standardizations(encoder):
            module.end_collecting(keep=False)
        for name, value in now.items():
            buffers[name].copy_(value)
