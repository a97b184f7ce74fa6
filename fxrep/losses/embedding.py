"""Distance of two mixes in the space of an encoder."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fxrep.audio import resample_differentiable
from fxrep.errors import ArgumentError
from fxrep.losses.pairs import check_pair


def cosine_distance(estimate: Tensor, reference: Tensor) -> Tensor:
    """1 - cosine of vectors (..., D) and (..., D), which broadcast: (...), from 0 to 2.

    As half the squared distance of the unit vectors, without the rounding of 1 - cosine where both are alike.
    """
    unit_a, unit_b = F.normalize(estimate, dim=-1), F.normalize(reference, dim=-1)
    return (unit_a - unit_b).square().sum(-1) / 2.0


class EmbeddingLoss(nn.Module):
    """Cosine distance of the embeddings of two mixes, by an encoder that stays as it is.

    The encoder is copied: training the original moves nothing here, and nothing here trains it. The copy is always in
    evaluation mode and wants no gradients; they go through it to the audio.

    Args:
        encoder: a module from stereo audio (B, 2, T) at its own rate to (B, D). Effect encoders of this project know
            their rate, as ``encoder.sample_rate``.
        sample_rate: of the audio in Hz, where it is not that of the encoder: it is resampled, with a gradient.

    Raises:
        ArgumentError: a sample rate for an encoder that does not say its own.
    """

    def __init__(self, encoder: nn.Module, sample_rate: int | None = None) -> None:
        super().__init__()
        encoder_rate = getattr(encoder, "sample_rate", None)
        if sample_rate is not None and encoder_rate is None:
            raise ArgumentError(
                f"sample_rate={sample_rate}: {type(encoder).__name__} has no sample_rate, so audio cannot be brought "
                "to its rate; give audio at that rate, and no sample_rate"
            )
        self.encoder = copy.deepcopy(encoder).requires_grad_(False).eval()
        self.sample_rate = encoder_rate if sample_rate is None else sample_rate
        self.encoder_rate = encoder_rate

    def train(self, mode: bool = True) -> EmbeddingLoss:
        """Switch this module; the encoder stays in evaluation mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def embed(self, audio: Tensor) -> Tensor:
        """Embed mixes (B, 2, T) as they are, in one window: (B, D), with the gradient of the audio."""
        if self.sample_rate != self.encoder_rate and self.sample_rate is not None and self.encoder_rate is not None:
            audio = resample_differentiable(audio, self.sample_rate, self.encoder_rate)
        found: Tensor = self.encoder(audio)
        return found

    def between(self, embedding: Tensor, reference_embedding: Tensor) -> Tensor:
        """The loss of embeddings that are there already, (B, D) and (B, D) or (1, D): a scalar, mean over the batch."""
        return cosine_distance(embedding, reference_embedding).mean()

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Compare mixes (B, 2, T) and (B, 2, T'): a scalar; the reference gets no gradient.

        Raises:
            AudioError: another shape, NaN, or shorter than the encoder takes.
        """
        estimate, reference = check_pair(estimate, reference)
        with torch.no_grad():
            wanted = self.embed(reference)
        return self.between(self.embed(estimate), wanted)
