"""Queries through LAION-CLAP, by clip or by any text: an option for those who have its weights.

Y. Wu et al., "Large-Scale Contrastive Language-Audio Pretraining with Feature Fusion and Keyword-to-Caption
Augmentation", ICASSP 2023 (arXiv 2211.06687).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.queries.query_encoder import QueryEncoder
from encoders.windows import SILENCE_PEAK_DB, fixed_windows, is_silent
from fxrep.audio import AudioInput, iter_blocks, read_audio, resample
from fxrep.errors import AudioError, CheckpointError, require

CLAP_RATE = 48000
CLAP_WINDOW = 10 * CLAP_RATE
"""CLAP hears 10 s at 48 kHz: a longer clip it would cut at random."""

CLAP_TOKENS = 77
"""What it reads of a text."""


class ClapQueries(QueryEncoder):
    """Clips and text through a CLAP model in the format of Hugging Face; needs the extra ``clap``.

    The model is opened when the first query comes, is never trained, and is no part of a checkpoint or release: those
    hold the path, and where they are opened elsewhere, ``encoder.queries.weights`` names another.

    Args:
        weights: folder of the model with its tokeniser, such as
            ``hf download laion/clap-htsat-unfused --local-dir FOLDER`` makes. Only safetensors are read, no pickles;
            nothing is downloaded.
        dim: size of the model's embeddings.
    """

    def __init__(self, weights: str | os.PathLike[str], dim: int = 512) -> None:
        super().__init__(dim)
        self.weights = Path(weights)
        # In a list, where neither the parameters nor the state of this module find it.
        self._opened: list[tuple[Path, Any, Any]] = []

    def encode(self, audio: Tensor, sample_rate: int) -> Tensor:
        """Clips (B, 2, T) to (B, Q), without gradient; of more than 10 s the mean over windows."""
        mono = resample(audio.detach().mean(dim=1), sample_rate, CLAP_RATE)
        places = list(fixed_windows([mono], CLAP_WINDOW, CLAP_WINDOW))
        total = torch.stack([self._embed(list(window)) for _, window in places]).sum(0)
        return F.normalize(total, dim=-1).to(audio.device)

    def encode_clip(self, clip: AudioInput, sample_rate: int | None) -> Tensor:
        """The mean over the windows of a recording that sound, (Q,).

        Raises:
            AudioError: the clip cannot be used, or its channels' mean is silent.
            CheckpointError: there is no usable model.
            MissingExtraError: transformers is not installed.
        """
        blocks: Iterable[Tensor]
        if isinstance(clip, (str, os.PathLike)):
            blocks = iter_blocks(clip, 10.0, target_rate=CLAP_RATE, channels=2)
        else:
            blocks = [read_audio(clip, sample_rate, target_rate=CLAP_RATE, channels=2)]
        total: Tensor | None = None
        for _, window in fixed_windows(blocks, CLAP_WINDOW, CLAP_WINDOW):
            mono = window.mean(dim=0)
            if not is_silent(mono):
                embedded = self._embed([mono])[0]
                total = embedded if total is None else total + embedded
        if total is None:
            raise AudioError(f"silent, nothing to listen for: give a clip that peaks above {SILENCE_PEAK_DB:.0f} dBFS")
        return F.normalize(total, dim=-1)

    def encode_text(self, text: str) -> Tensor:
        """CLAP's embedding of a description, (Q,).

        Raises:
            CheckpointError: there is no usable model.
            MissingExtraError: transformers is not installed.
        """
        model, processor = self._open()
        tokens = processor.tokenizer([text], truncation=True, max_length=CLAP_TOKENS, return_tensors="pt")
        with torch.no_grad():
            return F.normalize(_embeddings(model.get_text_features(**tokens))[0], dim=-1)

    def _embed(self, clips: list[Tensor]) -> Tensor:
        """Mono clips (T,) of at most 10 s at 48 kHz to (B, Q) of unit length, on the CPU."""
        model, processor = self._open()
        inputs = processor.feature_extractor(
            [clip.float().cpu().numpy() for clip in clips],
            sampling_rate=CLAP_RATE,
            truncation="rand_trunc",
            padding="repeatpad",
            return_tensors="pt",
        )
        with torch.no_grad():
            return F.normalize(_embeddings(model.get_audio_features(**inputs)), dim=-1)

    def _open(self) -> tuple[Any, Any]:
        if not self._opened or self._opened[0][0] != self.weights:
            self._opened[:] = [(self.weights, *self._load())]
        return self._opened[0][1:]

    def _load(self) -> tuple[Any, Any]:
        transformers = require("transformers", "clap")
        if not (self.weights / "config.json").is_file():
            raise CheckpointError(
                f"no CLAP model in {self.weights}: name the folder that "
                "hf download laion/clap-htsat-unfused --local-dir FOLDER makes"
            )
        try:
            model = transformers.ClapModel.from_pretrained(self.weights, local_files_only=True, use_safetensors=True)
            processor = transformers.ClapProcessor.from_pretrained(self.weights, local_files_only=True)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CheckpointError(f"{self.weights} is no CLAP model that can be read: {first}") from error
        if model.config.audio_config.enable_fusion or model.config.projection_dim != self.dim:
            raise CheckpointError(
                f"{self.weights} holds a CLAP model that does not fit: its embeddings have "
                f"{model.config.projection_dim} values, expected {self.dim} without feature fusion"
            )
        return model.eval(), processor


def _embeddings(found: Any) -> Tensor:
    """The projected embeddings (B, Q), which releases of transformers hand out bare or inside an output."""
    embeddings: Tensor = getattr(found, "pooler_output", found)
    return embeddings.float()
