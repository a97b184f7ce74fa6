"""An encoder that hears every recording at one loudness and up to one frequency, in constant memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeGuard, cast

import numpy as np
import torch

from fxrep.audio import SILENCE_LUFS, AudioInput, LoudnessStream, iter_blocks, read_audio
from fxrep.retrieval.encoder import AudioEncoder
from fxrep.retrieval.matching import AS_RELEASED, Matching

_BLOCK_S = 10.0
_KEPT_S = 300.0
"""A recording up to this long is read once and kept, 106 MB; a longer one is read twice."""
_VERSION = 1
_NYQUIST_SHARE = 0.49
_TINY = 1e-30


class BlockEncoder(AudioEncoder, Protocol):
    """An encoder that takes a recording in pieces, as `encoders.EffectEncoder` does."""

    def cut_windows(
        self, blocks: Iterable[torch.Tensor], hop_s: float | None = None, name: str = "the audio"
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Starts of windows in seconds ``(W,)`` and their audio ``(W, 2, T)``, from pieces ``(2, n)``."""

    def embed_batch(self, windows: torch.Tensor, query: torch.Tensor | None = None) -> torch.Tensor:
        """Unit vectors ``(W, D)`` of windows ``(W, 2, T)``."""

    def read_query(self, query: Any, sample_rate: int | None = None) -> torch.Tensor:
        """The vector of a query for one instrument."""


class MatchedEncoder:
    """An encoder of its own for `ReferenceIndex`: another, which hears recordings after a `Matching`.

    Encoders that do not take a recording in pieces hear it in one, so that it must fit into memory.

    Args:
        base: what embeds.
        matching: what recordings are brought to.
    """

    def __init__(self, base: AudioEncoder, matching: Matching) -> None:
        self.base, self.matching = base, matching
        self.sample_rate, self.window_s, self.dim = int(base.sample_rate), float(base.window_s), int(base.dim)

    @property
    def fingerprint(self) -> str:
        """Of the encoder and what its recordings are brought to."""
        told = f"{self.base.fingerprint} matched {_VERSION} {self.matching.loudness_lufs} {self.matching.bandwidth_hz}"
        return hashlib.sha256(told.encode()).hexdigest()

    def embed(
        self, audio: AudioInput, sample_rate: int | None = None, *, whole: AudioInput | None = None
    ) -> torch.Tensor:
        """One unit vector ``(D,)``; the arguments are those of `embed_windows`."""
        heard = _joined(self._blocks(audio, sample_rate, whole))
        return self.base.embed(heard, self.sample_rate)

    def embed_windows(
        self, audio: AudioInput, sample_rate: int | None = None, *, whole: AudioInput | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Start of every window in seconds ``(W,)`` and the windows' unit vectors ``(W, D)``.

        Args:
            audio: a path, or an array with its sample rate.
            sample_rate: of arrays, in Hz.
            whole: the recording that `audio` is a part of, whose loudness counts.
        """
        return self.base.embed_windows(_joined(self._blocks(audio, sample_rate, whole)), self.sample_rate)

    def _blocks(
        self, audio: AudioInput, sample_rate: int | None, whole: AudioInput | None = None
    ) -> Iterator[torch.Tensor]:
        """A recording as it is heard, in pieces ``(2, n)``."""
        target = self.matching.loudness_lufs
        if target is None:
            yield from self._within_band(audio, sample_rate)
            return
        kept: list[torch.Tensor] | None = []
        meter = LoudnessStream(self.sample_rate)
        for block in self._within_band(audio if whole is None else whole, sample_rate):
            meter.add(block)
            too_long = whole is not None or meter.frames > _KEPT_S * self.sample_rate
            kept = None if kept is None or too_long else [*kept, block]
        loudness = meter.loudness()
        gain = 10 ** ((target - loudness) / 20) if loudness > SILENCE_LUFS else 1.0
        for block in self._within_band(audio, sample_rate) if kept is None else kept:
            yield block * gain

    def _within_band(self, audio: AudioInput, sample_rate: int | None) -> Iterator[torch.Tensor]:
        if isinstance(audio, str | os.PathLike):
            blocks: Iterable[torch.Tensor] = iter_blocks(audio, _BLOCK_S, target_rate=self.sample_rate, channels=2)
        else:
            blocks = [read_audio(audio, sample_rate, target_rate=self.sample_rate, channels=2)]
        edge = self.matching.bandwidth_hz
        if edge is None or edge >= _NYQUIST_SHARE * self.sample_rate:
            yield from blocks
            return
        from scipy.signal import ellip, sosfilt

        sections = ellip(8, 0.1, 80, edge, fs=self.sample_rate, output="sos")
        state = np.zeros((len(sections), 2, 2))
        for block in blocks:
            heard, state = sosfilt(sections, block.numpy(), axis=-1, zi=state)
            state[np.abs(state) < _TINY] = 0.0  # numbers that small are a hundred times slower
            yield torch.from_numpy(heard.astype(np.float32))


class MatchedBlockEncoder(MatchedEncoder):
    """`MatchedEncoder` of an encoder that takes a recording in pieces: constant memory, and queries for a stem."""

    base: BlockEncoder

    def embed(
        self,
        audio: AudioInput,
        sample_rate: int | None = None,
        *,
        whole: AudioInput | None = None,
        query: Any = None,
        query_rate: int | None = None,
    ) -> torch.Tensor:
        """One unit vector ``(D,)``; `query` and `query_rate` are those of `encoders.EffectEncoder.embed`."""
        rate = sample_rate if query_rate is None else query_rate
        vector = None if query is None else self.base.read_query(query, rate)
        batches = self.window_batches(audio, sample_rate, whole=whole)
        total = torch.stack([self.base.embed_batch(windows, vector).sum(0) for _, windows in batches]).sum(0)
        return torch.nn.functional.normalize(total, dim=0)

    def embed_windows(
        self, audio: AudioInput, sample_rate: int | None = None, *, whole: AudioInput | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `MatchedEncoder.embed_windows`."""
        found = [
            (starts, self.base.embed_batch(windows))
            for starts, windows in self.window_batches(audio, sample_rate, whole=whole)
        ]
        return torch.cat([starts for starts, _ in found]), torch.cat([vectors for _, vectors in found])

    def window_batches(
        self, audio: AudioInput, sample_rate: int | None = None, *, whole: AudioInput | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Starts of windows in seconds ``(W,)`` and their audio ``(W, 2, T)`` as it is heard, a few at a time."""
        name = str(audio) if isinstance(audio, str | os.PathLike) else "the audio"
        return self.base.cut_windows(self._blocks(audio, sample_rate, whole), name=name)

    def embed_batch(self, windows: torch.Tensor) -> torch.Tensor:
        """Unit vectors ``(W, D)`` of windows ``(W, 2, T)`` that `window_batches` gave."""
        return self.base.embed_batch(windows)


def match_encoder(encoder: AudioEncoder, matching: Matching) -> AudioEncoder:
    """An encoder that hears recordings after a matching; the encoder itself where nothing is matched.

    Args:
        encoder: what embeds; of one that is matched already, what it was made of.
        matching: what recordings are brought to.
    """
    base = encoder.base if isinstance(encoder, MatchedEncoder) else encoder
    if not matching:
        return base
    return MatchedBlockEncoder(base, matching) if _takes_blocks(base) else MatchedEncoder(base, matching)


def matching_of(encoder: AudioEncoder) -> Matching:
    """What an encoder brings recordings to."""
    return cast(Matching, getattr(encoder, "matching", AS_RELEASED))


def _takes_blocks(encoder: AudioEncoder) -> TypeGuard[BlockEncoder]:
    return hasattr(encoder, "cut_windows") and hasattr(encoder, "embed_batch")


def _joined(blocks: Iterable[torch.Tensor]) -> torch.Tensor:
    return torch.cat(list(blocks), dim=-1)
