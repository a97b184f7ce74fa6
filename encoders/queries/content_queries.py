"""Queries by name and by clip, with nothing but this package's own networks."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encoders.base import EffectEncoder
from encoders.queries.query_encoder import QueryEncoder
from fxrep.audio import AudioInput, resample
from fxrep.data.instruments import INSTRUMENTS
from fxrep.errors import ArgumentError, CheckpointError

NAMED_INSTRUMENTS = tuple(name for name in INSTRUMENTS if name != "mixture")


class ContentQueries(QueryEncoder):
    """Clips through a content encoder; names of instruments as learned vectors.

    A name can be asked for once it was heard in training; until then it is unknown, as any other text is.

    Args:
        content: the encoder of clips, normally a `ContentEncoder`; its embedding is the query.
        instruments: the names to learn.
    """

    learned: Tensor

    def __init__(self, content: EffectEncoder, instruments: Sequence[str] = NAMED_INSTRUMENTS) -> None:
        super().__init__(content.dim)
        if len(set(instruments)) != len(instruments):
            raise ArgumentError(f"instruments {', '.join(instruments)}: each name once")
        self.content = content
        self.instruments = list(instruments)
        self.names = nn.Embedding(len(self.instruments), self.dim)
        self.register_buffer("learned", torch.zeros(len(self.instruments), dtype=torch.bool))
        self.frozen = False

    @property
    def known(self) -> list[str]:
        """Names that can be asked for."""
        return [name for name, learned in zip(self.instruments, self.learned.tolist(), strict=True) if learned]

    def encode(self, audio: Tensor, sample_rate: int) -> Tensor:
        """Clips (B, 2, T) to (B, Q); with gradient unless the content encoder is frozen."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features = self.content.features(resample(audio, sample_rate, self.content.sample_rate))
        return F.normalize(features.float(), dim=-1)

    def encode_clip(self, clip: AudioInput, sample_rate: int | None) -> Tensor:
        """The content encoder's embedding of a recording, (Q,)."""
        return self.content.embed(clip, sample_rate)

    def encode_text(self, text: str) -> Tensor:
        """The learned vector of an instrument, (Q,), its name in upper or lower case.

        Raises:
            ArgumentError: the name was not learned; the message lists those that were.
        """
        known = {name.casefold(): name for name in self.known}
        name = known.get(text.strip().casefold())
        if name is None:
            names = ", ".join(self.known) or "none yet, this encoder is not trained for instruments"
            raise ArgumentError(f"unknown instrument {text!r}: choose from {names}; a file is given as pathlib.Path")
        return self._vector(name)

    def named(self, name: str) -> Tensor | None:
        """The vector of a name with its gradient, (Q,); None for a name that is not learned here.

        In training mode the name is known from now on.
        """
        if name not in self.instruments:
            return None
        if self.training:
            self.learned[self.instruments.index(name)] = True
        return self._vector(name)

    def load_content(self, folder: str | os.PathLike[str]) -> None:
        """Take the content encoder's weights from a release and keep them as they are.

        Raises:
            CheckpointError: there is no such release, or its encoder is built in another way.
        """
        from encoders.checkpoints import load_encoder

        released = load_encoder(folder)
        if released.config() != self.content.config():
            raise CheckpointError(
                f"{folder} holds another content encoder than this one is built with: give both the same settings"
            )
        self.content.load_state_dict(released.state_dict())
        self.content.requires_grad_(False)
        self.frozen = True
        self.content.eval()

    def train(self, mode: bool = True) -> ContentQueries:
        """Set the mode; a frozen content encoder stays in evaluation."""
        super().train(mode)
        if self.frozen:
            self.content.eval()
        return self

    def _vector(self, name: str) -> Tensor:
        return F.normalize(self.names.weight[self.instruments.index(name)].float(), dim=-1)
