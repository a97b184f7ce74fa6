"""An encoder with a decoder behind it: from a source and a target to the effect chain that leads from one to the other.

StemFX (arXiv 2607.15634) trains its encoder so; the chains here are those of `fxrep.effects`, so that what is predicted
can be read, edited, saved and rendered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch.nn.functional as F
from torch import Tensor

from encoders.band_split_encoder import BandSplitEncoder
from encoders.base import EffectEncoder, _inference
from encoders.chain_decoder import ChainDecoder
from fxrep.audio import AudioInput
from fxrep.effects import EffectChain, create_chain
from fxrep.effects.chain_settings import Settings
from fxrep.effects.chain_tokens import ChainTokens
from fxrep.errors import ArgumentError


class ChainPredictor(EffectEncoder):
    """Embeds as its `encoder` does, and writes chains with a transformer; the defaults are the published sizes.

    Args:
        encoder: what hears both sides.
        chain: name of the chain whose settings are predicted, one of `fxrep.effects.CHAINS`.
        bins: tokens of a number.
        hidden: width of the transformer.
        layers: of the transformer.
        heads: of its attention.
        feedforward: width within its layers.
        memory: vectors that both embeddings are spread over.
        dropout: share of values left out in training.

    Raises:
        ArgumentError: there is no such chain, or sizes do not fit.
    """

    def __init__(
        self,
        encoder: EffectEncoder,
        chain: str = "default",
        bins: int = 32,
        hidden: int = 512,
        layers: int = 6,
        heads: int = 8,
        feedforward: int = 2048,
        memory: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(
            dim=encoder.dim,
            sample_rate=encoder.sample_rate,
            window_s=encoder.window_s,
            hop_s=encoder.hop_s,
            minimum_s=encoder.minimum_s,
        )
        if hidden < 1 or heads < 1 or hidden % heads or layers < 1 or memory < 1:
            raise ArgumentError(
                f"hidden={hidden}, heads={heads}, layers={layers}, memory={memory}: expected at least 1 each, and a "
                "width that the heads divide"
            )
        self.encoder = encoder
        self.chain: EffectChain = create_chain(chain)
        self.tokens = ChainTokens(self.chain, bins)
        self.decoder = ChainDecoder(self.tokens, encoder.dim, hidden, layers, heads, feedforward, memory, dropout)

    def features(self, audio: Tensor) -> Tensor:
        """Audio (B, 2, T) to (B, D)."""
        return self.encoder.features(audio)

    def embed_sides(self, stems: Tensor) -> Tensor:
        """Stems (B, S, 2, T), the one asked for first, to embeddings (B, D) of unit length."""
        if stems.shape[1] == 1:
            return F.normalize(self.encoder.features(stems[:, 0]).float(), dim=-1)
        if not isinstance(self.encoder, BandSplitEncoder):
            raise ArgumentError(f"{type(self.encoder).__name__} hears one recording at a time: train on single stems")
        return F.normalize(self.encoder.stem_features(stems).float(), dim=-1)

    def predict_chain(
        self,
        source: AudioInput | Sequence[AudioInput],
        target: AudioInput | Sequence[AudioInput],
        sample_rate: int | None = None,
    ) -> Settings:
        """The chain that makes `source` sound processed like `target`, whatever either of them plays.

        Args:
            source: a recording as it is; or a list of stems, of which the first is to be processed.
            target: a recording that sounds as it should; or a list of stems, of which the first does.
            sample_rate: rate of arrays in Hz.

        Returns:
            Settings of the chain, for ``predictor.chain(audio, rate, settings)`` or `render_settings`; empty if
            nothing is to be done.

        Raises:
            AudioError: a recording cannot be used, or is silent.
            ArgumentError: an array without a sample rate, or lists for an encoder of single recordings.
        """
        sides = [self._embed_side(side, sample_rate) for side in (source, target)]
        return self.decode_chains(*(side[None] for side in sides))[0]

    def decode_chains(self, source: Tensor, target: Tensor) -> list[Settings]:
        """Settings for each pair of embeddings (B, D), as `embed` and `forward` give them."""
        device = self.decoder.allowed.device
        with _inference(self):
            sequences = self.decoder.decode(source.to(device), target.to(device))
        return [self.tokens.decode(sequence) for sequence in sequences]

    def _embed_side(self, side: AudioInput | Sequence[AudioInput], sample_rate: int | None) -> Tensor:
        if not isinstance(side, (list, tuple)):
            found = self.embed(cast(AudioInput, side), sample_rate)
            if found.dim() != 1:
                raise ArgumentError("a batch of recordings: give one, or a list of stems; decode_chains takes batches")
            return found.cpu()
        if not isinstance(self.encoder, BandSplitEncoder):
            raise ArgumentError(f"{type(self.encoder).__name__} hears one recording at a time: give no list")
        return self.encoder.embed_stems(side, sample_rate)
