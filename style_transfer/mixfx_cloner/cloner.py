"""The MixFXcloner: a stem gets the processing of a reference, whatever either plays. Stem in, stem out, no settings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from encoders.base import EffectEncoder
from encoders.checkpoints import load_encoder
from encoders.configurable import Configurable
from fxrep.audio import AudioInput, save_blocks
from fxrep.errors import ArgumentError, CheckpointError
from fxrep.normalization import FxNormalizer, Source
from fxrep.normalization.opening import open_source
from style_transfer.mixfx_cloner.network import ClonerNetwork, Output
from style_transfer.mixfx_cloner.stem_rendering import render_source
from style_transfer.references import References

Referred = References | AudioInput | Sequence[AudioInput]


class MixFXCloner(Configurable, nn.Module):
    """`ClonerNetwork` behind any effect encoder of this project, which hears the reference and stays as it is.

    The defaults are the published sizes (J. Koo et al., ICASSP 2023) with the encoder that ships; `network.SMALL` are
    sizes for two CPU cores. What was published and what this is differ in three things: references come at -16 LUFS, so
    that their level does not matter; the embedding has unit length; and stems come at `input_lufs`.

    Args:
        encoder: a release that `load_encoder` opens, or an encoder. One given by name stays where it is: a release of
            the cloner names it. One given as an object is part of the cloner.
        channels, blocks, kernel, dilation_growth, batch_norm, output, equalizer_bands: of `ClonerNetwork`.
        sample_rate: Hz of the network; stems of other rates are converted and converted back.
        input_lufs: loudness that a stem is brought to before the network.
        fingerprint: of the encoder that this was trained with; None when it is new. A release fills it in.

    Raises:
        ArgumentError: a size is out of range.
        CheckpointError: there is no such encoder, or it is another than the cloner was trained with.
    """

    def __init__(
        self,
        encoder: str | EffectEncoder = "default",
        channels: int = 128,
        blocks: int = 14,
        kernel: int = 15,
        dilation_growth: int = 2,
        batch_norm: bool = True,
        output: Output = "samples",
        equalizer_bands: int = 0,
        sample_rate: int = 44100,
        input_lufs: float = -23.0,
        fingerprint: str | None = None,
    ) -> None:
        super().__init__()
        opened = encoder if isinstance(encoder, EffectEncoder) else load_encoder(os.fspath(encoder))
        if fingerprint is not None and opened.fingerprint != fingerprint:
            raise CheckpointError(f"the encoder {encoder} is another than the one this cloner was trained with")
        if sample_rate < 1 or not -70.0 < input_lufs <= 0.0:
            raise ArgumentError(f"sample_rate={sample_rate}, input_lufs={input_lufs}: expected Hz and -70 to 0 LUFS")
        self.network = ClonerNetwork(
            opened.dim, channels, blocks, kernel, dilation_growth, batch_norm, output, equalizer_bands
        )
        self.sample_rate, self.input_lufs = sample_rate, input_lufs
        opened.requires_grad_(False).eval()
        # An encoder that has a place of its own is no part of this module: checkpoints would carry it along.
        self.registered = opened if isinstance(encoder, EffectEncoder) else None
        self.kept = [opened]

    @property
    def encoder(self) -> EffectEncoder:
        """What hears references."""
        return self.kept[0] if self.registered is None else self.registered

    def train(self, mode: bool = True) -> MixFXCloner:
        """Switch the network; the encoder stays in evaluation mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> MixFXCloner:
        """Take the encoder along to another device."""
        super()._apply(fn, recurse)
        if self.registered is None:
            self.kept[0]._apply(fn, recurse)
        return self

    def forward(self, audio: Tensor, embedding: Tensor) -> Tensor:
        """Process stems (B, 2, T) at `sample_rate` and `input_lufs`, given embeddings (B, D): (B, 2, T)."""
        processed: Tensor = self.network(audio, embedding)
        return processed

    def embed(
        self, references: Referred, sample_rate: int | None = None, weights: Sequence[float] | None = None
    ) -> Tensor:
        """Embed one reference, or several with weights: (D,) of unit length, on the CPU.

        Weights that go from (1, 0) to (0, 1) lead from the style of the first to that of the second.

        Args:
            references: a path, an array, a list of them, or `References`, which have rate and weights already.
            sample_rate: Hz of arrays.
            weights: one each, 0 or more; None: equal ones.

        Raises:
            ArgumentError: there is none, an array without a sample rate, or wrong weights.
            AudioError: a reference cannot be read, is silent, or is shorter than half a second.
        """
        heard = references if isinstance(references, References) else References(references, weights, sample_rate)
        return heard.embedding(self.encoder)

    def render(
        self, stem: AudioInput, sample_rate: int | None, references: Referred | Tensor, output_rate: int | None = None
    ) -> Tensor:
        """Render a stem in the style of references.

        Args:
            stem: a path, or an array (samples,) or (channels, samples), of any length and rate, mono or stereo.
            sample_rate: Hz of arrays, the references' too; a file brings its own.
            references: see `embed`; or an embedding (D,), for example one that `blend_embeddings` gave.
            output_rate: Hz; None for that of the stem.

        Returns:
            (2, T) float32 on the CPU, as long as the stem; silence where the stem is silent throughout.

        Raises:
            ArgumentError: an array without a sample rate, or an embedding of another size.
            AudioError: the stem or a reference cannot be used.
        """
        source = open_source(stem, sample_rate)
        embedding = self._embedding(references, sample_rate)
        return torch.cat(list(self._blocks(source, embedding, output_rate or source.sample_rate)), dim=1)

    def render_stem(
        self,
        stem: AudioInput,
        rate: int,
        references: Referred | Tensor,
        output: str | os.PathLike[str],
        *,
        normalizer: FxNormalizer | None = None,
        instrument: str = "other",
    ) -> Path:
        """Render a stem in the style of references to a file, as long as the stem, in constant memory.

        Args:
            stem: a path, or an array (samples,) or (channels, samples).
            rate: Hz of arrays, and of the file that is written.
            references: as for `render`.
            output: the file.
            normalizer: takes processing out of a stem that has some already, as published; None for a dry stem.
            instrument: for the normaliser.

        Raises:
            ArgumentError: `output` is the stem, or as for `render`.
            AudioError: the stem or a reference cannot be used.
            OutputError: the file cannot be written.
        """
        target = Path(output)
        if isinstance(stem, (str, os.PathLike)) and Path(stem).resolve() == target.resolve():
            raise ArgumentError(f"{output} is the stem itself: it would be replaced; name another file")
        source = open_source(stem, rate) if normalizer is None else normalizer.open(stem, rate, instrument)
        save_blocks(target, self._blocks(source, self._embedding(references, rate), rate), rate)
        return target

    def _embedding(self, references: Referred | Tensor, sample_rate: int | None) -> Tensor:
        if not (isinstance(references, Tensor) and references.shape == (self.encoder.dim,)):
            return self.embed(references, sample_rate)
        if not bool(references.isfinite().all()):
            raise ArgumentError("the embedding holds NaN or infinite values")
        return references.detach().cpu().float()

    def _blocks(self, source: Source, embedding: Tensor, rate: int) -> Iterator[Tensor]:
        return render_source(self.network, source, embedding, self.sample_rate, self.input_lufs, rate)
