"""The pre-training of AFx-Rep: which effect was put on, and which of its presets?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encoders.afx_rep import AFxRepEncoder
from encoders.training.supervised import SupervisedTraining
from fxrep.data.preset_pairs import PresetPairs, PresetRenderer


class EffectNamingTraining(SupervisedTraining):
    """Trains `encoder` so that a clip before an effect and another after it tell the effect and its preset.

    Mid and side embeddings of both clips stand side by side. A network of one hidden layer names the effect, another
    the preset, given what the first one answered as well; the loss is the sum of both cross-entropies. Published with
    63 plug-ins of 10 presets; here with the effects of `fxrep.effects.presets`. The published program leaves the side
    embedding of the processed clip at its own length where it means to make it one; here all four have length one.

    Args:
        encoder: what to train.
        renderer: which effects there are and how they are put on.
        learning_rate: peak learning rate of AdamW.
        weight_decay: of AdamW.
        betas: of AdamW.
        warmup_steps: optimiser steps until the peak learning rate; then half a cosine down to 0.
        seed: of all that is drawn; the command line sets it to ``seed_everything``.
    """

    encoder: AFxRepEncoder

    def __init__(
        self,
        encoder: AFxRepEncoder,
        renderer: PresetRenderer,
        learning_rate: float = 1e-4,
        weight_decay: float = 1e-4,
        betas: Sequence[float] = (0.9, 0.999),
        warmup_steps: int = 2000,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder, learning_rate, weight_decay, betas, warmup_steps, seed)
        self.renderer = renderer
        width, n_effects = 2 * encoder.dim, len(renderer.effects)
        self.name_effect = _answering(width, n_effects)
        self.name_preset = _answering(width + n_effects, renderer.n_presets, hidden=2 * width)

    def answers(self, batch: dict[str, Any], generator: torch.Generator) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Loss, loss of guessing, and the shares of effects and of presets that are named right."""
        with torch.autocast(self.device.type, enabled=False):
            pairs: PresetPairs = self.renderer(batch, self.encoder.sample_rate, generator)
        both = torch.cat([pairs.dry, pairs.wet])
        mid, side = (half.chunk(2) for half in self.encoder.mid_and_side(both))
        pair = torch.cat([*mid, *side], dim=-1)
        effect = self.name_effect(pair)
        preset = self.name_preset(torch.cat([pair, effect], dim=-1))
        loss = F.cross_entropy(effect.float(), pairs.effect) + F.cross_entropy(preset.float(), pairs.preset)
        guessing = math.log(max(2, len(self.renderer.effects))) + math.log(max(2, self.renderer.n_presets))
        scores = {
            "effect_accuracy": (effect.argmax(-1) == pairs.effect).float().mean(),
            "preset_accuracy": (preset.argmax(-1) == pairs.preset).float().mean(),
        }
        return loss, loss.new_tensor(guessing), scores


def _answering(inputs: int, answers: int, hidden: int | None = None) -> nn.Sequential:
    width = 2 * inputs if hidden is None else hidden
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, answers))
