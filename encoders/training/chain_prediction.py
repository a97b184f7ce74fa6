"""The training of StemFX: predict the effect chain that leads from a source to a target, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.chain_predictor import ChainPredictor
from encoders.training.supervised import SupervisedTraining
from fxrep.data.chain_pairs import ChainPairRenderer, ChainPairs
from fxrep.effects.chain_tokens import PAD


class ChainPredictionTraining(SupervisedTraining):
    """Trains a predictor by cross-entropy of every token, given those before it.

    ``loss_ratio`` is 1 for a network that only knows the grammar. ``token_accuracy`` counts every token but the forced
    ones, ``effect_accuracy`` those that say which effect comes next, or that none does.

    Args:
        encoder: encoder and decoder.
        renderer: how sources and targets are made.
        learning_rate: peak learning rate of AdamW.
        weight_decay: of AdamW.
        betas: of AdamW.
        warmup_steps: optimiser steps until the peak learning rate; then half a cosine down to 0.
        seed: of all effect chains; the command line sets it to ``seed_everything``.
    """

    encoder: ChainPredictor

    def __init__(
        self,
        encoder: ChainPredictor,
        renderer: ChainPairRenderer,
        learning_rate: float = 1e-4,
        weight_decay: float = 1e-2,
        betas: Sequence[float] = (0.9, 0.999),
        warmup_steps: int = 2000,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder, learning_rate, weight_decay, betas, warmup_steps, seed)
        self.renderer = renderer

    def answers(self, batch: dict[str, Any], generator: torch.Generator) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Loss, loss of guessing within the grammar, and shares of tokens named right."""
        with torch.autocast(self.device.type, enabled=False):
            pairs: ChainPairs = self.renderer(batch, self.encoder.sample_rate, generator, self.encoder.chain)
        embedded = self.encoder.embed_sides(torch.cat([pairs.source, pairs.target]))
        source, target = embedded.chunk(2)
        written, slots, following = (part.to(source.device) for part in self._sequences(pairs))
        scores = self.encoder.decoder(source, target, written, slots)
        choices = self.encoder.decoder.allowed.sum(-1)[slots]
        chosen = (following != PAD) & (choices > 1)
        loss = F.cross_entropy(scores[chosen], following[chosen])
        right = (scores.argmax(-1) == following).float()
        asked = chosen & (slots == 0)
        return (
            loss,
            choices[chosen].float().log().mean(),
            {
                "token_accuracy": right[chosen].mean(),
                "effect_accuracy": right[asked].mean(),
            },
        )

    def _sequences(self, pairs: ChainPairs) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (B, L), what is expected after each, and what comes: the shorter padded at their ends."""
        tokens = self.encoder.tokens
        rows = [torch.tensor(tokens.encode(settings)) for settings in pairs.settings]
        whole = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
        slots = torch.tensor([tokens.expected(row) for row in whole[:, :-1].tolist()])
        return whole[:, :-1], slots, whole[:, 1:]
