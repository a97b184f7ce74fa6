"""What a search for settings may minimise: distance of embeddings, of features, or of spectrograms."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.base import EffectEncoder
from encoders.evaluation.sound_distance import mrstft
from encoders.windows import repeat_to
from fxrep.audio import resample_differentiable
from fxrep.errors import ArgumentError
from fxrep.metrics import mfcc_statistics, production_features

Loss = Callable[[Tensor, Tensor], Tensor]
"""Renders (B, 2, T) and the items they belong to (B,) to (B,), differentiable in the renders."""

Objective = Callable[[Tensor, int], Loss]
"""The references of all items (N, 2, T) and their rate in Hz to a `Loss` against them."""


def encoder_objective(encoder: EffectEncoder) -> Objective:
    """1 - cosine of the embeddings, as in Fx-Encoder++ and ST-ITO.

    Args:
        encoder: any; its weights get no gradients any more.

    Raises (when given references):
        ArgumentError: its embedding has no finite gradient in the audio.
    """
    encoder.eval().requires_grad_(False)

    def objective(references: Tensor, sample_rate: int) -> Loss:
        _check_gradient(encoder, references[:1], sample_rate)
        with torch.no_grad():
            wanted = torch.cat([embed_differentiable(encoder, one, sample_rate) for one in references.split(8)])

        def loss(renders: Tensor, items: Tensor) -> Tensor:
            found = embed_differentiable(encoder, renders, sample_rate)
            return 1.0 - (found * wanted[items]).sum(-1)

        return loss

    return objective


def embed_differentiable(encoder: EffectEncoder, audio: Tensor, sample_rate: int) -> Tensor:
    """What `EffectEncoder.embed` gives, with a gradient: audio (B, 2, T) to (B, D).

    Two things differ: other rates go through the resampler that has a gradient, and silent windows count.
    """
    window, hop, minimum = (
        max(1, round(seconds * encoder.sample_rate)) for seconds in (encoder.window_s, encoder.hop_s, encoder.minimum_s)
    )
    heard = repeat_to(resample_differentiable(audio, sample_rate, encoder.sample_rate), minimum)
    last = heard.shape[-1] - window
    if last <= 0:
        found: Tensor = encoder(heard)
        return found
    starts = [*range(0, last, hop), last]
    windows = [encoder(heard[..., start : start + window]) for start in starts]
    return F.normalize(torch.stack(windows).mean(0), dim=-1)


def feature_objective(features: Callable[[Tensor, int], Tensor]) -> Objective:
    """Mean squared difference of features, each divided by its spread over all references."""

    def objective(references: Tensor, sample_rate: int) -> Loss:
        with torch.no_grad():
            wanted = features(references, sample_rate)
        # A feature that no reference differs in is compared as it is.
        spread = wanted.std(0, correction=0)
        scale = torch.where(spread > 1e-6, spread, 1.0)

        def loss(renders: Tensor, items: Tensor) -> Tensor:
            return ((features(renders, sample_rate) - wanted[items]) / scale).square().mean(-1)

        return loss

    return objective


def mrstft_objective(references: Tensor, sample_rate: int) -> Loss:
    """Multi-resolution STFT loss against the reference, though it is of another content: the usual baseline."""

    def loss(renders: Tensor, items: Tensor) -> Tensor:
        return mrstft(renders, references[items])

    return loss


BASELINE_OBJECTIVES: dict[str, Objective] = {
    "mrstft": mrstft_objective,
    "mfcc": feature_objective(mfcc_statistics),
    "production": feature_objective(production_features),
}
"""What needs no training, by name."""


def _check_gradient(encoder: EffectEncoder, audio: Tensor, sample_rate: int) -> None:
    heard = audio.clone().requires_grad_(True)
    embedding = embed_differentiable(encoder, heard, sample_rate)
    slope = None
    if embedding.requires_grad:
        # Not its length, which never changes.
        (slope,) = torch.autograd.grad(embedding[:, 0].sum(), heard, allow_unused=True)
    if slope is None or not bool(torch.isfinite(slope).all()):
        raise ArgumentError(
            f"{type(encoder).__name__} has no finite gradient in the audio: settings cannot be searched"
        )
