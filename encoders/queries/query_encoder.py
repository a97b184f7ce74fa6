"""What an encoder with queries asks of whatever reads them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from encoders.configurable import Configurable
from fxrep.audio import AudioInput
from fxrep.errors import ArgumentError, AudioError

Query = AudioInput
"""Text is a name or description, never a path; a clip is an array, or a file as `pathlib.Path`."""


class QueryEncoder(Configurable, nn.Module):
    """Base of all query encoders: text or a clip in, a vector of unit length out that says what to listen for.

    A subclass implements what it can read of `encode`, `encode_clip` and `encode_text`.

    Args:
        dim: size Q of the vectors.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        if dim < 1:
            raise ArgumentError(f"dim={dim}: a query needs at least one value")
        self.dim = dim

    def encode(self, audio: Tensor, sample_rate: int) -> Tensor:
        """Clips of one length (B, 2, T), as training has them, to (B, Q)."""
        raise NotImplementedError(f"{type(self).__name__} does not define encode(audio, sample_rate)")

    def encode_clip(self, clip: AudioInput, sample_rate: int | None) -> Tensor:
        """A recording of any length to (Q,), without any randomness."""
        raise ArgumentError(f"{type(self).__name__} reads no clips: ask by text")

    def encode_text(self, text: str) -> Tensor:
        """A name or description to (Q,)."""
        raise ArgumentError(f"{type(self).__name__} reads no text: ask by a clip, an array or pathlib.Path")

    def read(self, query: Query, sample_rate: int | None = None) -> Tensor:
        """The vector (Q,) of one query, without gradient.

        Args:
            query: text, or a clip: an array (samples,) or (channels, samples), or a file as `pathlib.Path`.
            sample_rate: rate of an array in Hz.

        Raises:
            ArgumentError: neither text nor a clip, the text means nothing here, more than one clip is given, or an
                array without its rate.
            AudioError: the clip cannot be used, or is silent.
        """
        if not isinstance(query, (str, os.PathLike, np.ndarray, Tensor)):
            raise ArgumentError(
                f"query is a {type(query).__name__}: give one name, or one clip, an array (samples,) or "
                "(channels, samples) or a file as pathlib.Path"
            )
        if isinstance(query, (np.ndarray, Tensor)):
            if query.ndim > 2:
                shape = tuple(query.shape)
                raise ArgumentError(f"query of shape {shape}: give one clip, (samples,) or (channels, samples)")
            if sample_rate is None:
                raise ArgumentError("query is an array, which says nothing about its sample rate: pass query_rate")
        with torch.no_grad():
            if isinstance(query, str):
                return self.encode_text(query)
            try:
                return self.encode_clip(query, sample_rate)
            except (AudioError, ArgumentError) as error:
                kind = AudioError if isinstance(error, AudioError) else ArgumentError
                raise kind(f"the query: {error}") from error

    def named(self, name: str) -> Tensor | None:
        """The vector (Q,) of an instrument's name with its gradient, for training; None where names are not learned."""
        return None

    def forward(self, *_: Any) -> Tensor:
        """Not used: queries are read by what they are."""
        raise NotImplementedError("call read, encode or named")
