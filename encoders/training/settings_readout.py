"""An auxiliary objective: which effects were applied, and how they were set, read linearly from the embedding.

Contrastive learning asks only that chains can be told apart, which the loudest differences do. What is quiet (a high
shelf, a light compression) is learned from the settings themselves, which the renderer knows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fxrep.effects import EffectChain
from fxrep.effects.chain_settings import Settings, entry_label
from fxrep.effects.equalizer import Equalizer
from fxrep.effects.parameters import Parameter

CURVE_HZ = tuple(40.0 * 2.0 ** (step / 2.0) for step in range(18))
"""Where the curve of an equaliser is read: every half octave from 40 Hz to 14.5 kHz."""

_CURVE_SPREAD_DB = 6.0
_IMPULSE_SAMPLES = 8192


class SettingsReadout(nn.Module):
    """Reads the settings of a chain from embeddings, and tells how wrong it is.

    Three kinds of targets, each weighed so that knowing nothing costs about 1: whether each effect is there (cross
    entropy over that of a coin); for each setting of an effect that is there, its position between the ends of what is
    drawn (squared error over the variance); for an equaliser its curve in dB instead, flat where it is not there,
    since different bands can make one curve.

    Args:
        chain: whose settings are read.
        dim: size of the embedding.
    """

    def __init__(self, chain: EffectChain, dim: int) -> None:
        super().__init__()
        self.labels = list(chain.processors)
        self.equalizers = {name: one for name, one in chain.processors.items() if isinstance(one, Equalizer)}
        self.ranges = {
            (effect_label, parameter.name): _drawn_range(parameter, effect.ranges)
            for effect_label, effect in zip(chain.processors, chain.effects, strict=True)
            for parameter in chain.processors[effect_label].parameter_table
            if effect_label not in self.equalizers and _is_drawn(parameter, effect.ranges)
        }
        self.sizes = [len(self.labels), len(self.ranges), len(self.equalizers) * len(CURVE_HZ)]
        self.scale = math.sqrt(dim)
        self.linear = nn.Linear(dim, sum(self.sizes))

    def forward(self, embedding: Tensor, settings: Sequence[Settings], sample_rate: int) -> Tensor:
        """How wrong the read-out is, a scalar; about 1 for each kind of target where nothing is known.

        Args:
            embedding: (B, dim), unit length.
            settings: of B items.
            sample_rate: Hz, at which the curves are taken.
        """
        present, positions, mask, curves = (part.to(embedding.device) for part in self.targets(settings, sample_rate))
        # A unit vector has entries of 1 / sqrt(dim): scaled, the layer starts like one on standardised features.
        read_present, read_positions, read_curves = self.linear(embedding * self.scale).split(self.sizes, dim=1)
        loss = F.binary_cross_entropy_with_logits(read_present, present) / math.log(2.0)
        if mask.any():
            wrong = (read_positions - positions).square() * mask
            loss = loss + wrong.sum() / mask.sum()
        if self.equalizers:
            loss = loss + F.mse_loss(read_curves, curves)
        return loss

    def targets(self, settings: Sequence[Settings], sample_rate: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What is to be read.

        Returns:
            Which effects are there (B, effects), positions of the settings with zero mean and unit variance over what
            is drawn (B, settings), which of them mean something (B, settings), and curves (B, 18 equalisers) in 6 dB.
        """
        entries = [{entry_label(entry): entry for entry in item} for item in settings]
        present = torch.tensor([[float(label in item) for label in self.labels] for item in entries])
        positions, mask = torch.zeros(len(entries), len(self.ranges)), torch.zeros(len(entries), len(self.ranges))
        for row, item in enumerate(entries):
            for column, ((label, name), (parameter, low, high)) in enumerate(self.ranges.items()):
                if label in item:
                    position = parameter.normalize(float(item[label]["settings"][name]))
                    positions[row, column] = ((position - low) / (high - low) - 0.5) * math.sqrt(12.0)
                    mask[row, column] = 1.0
        curves = [
            _curves(processor, [item.get(label) for item in entries], sample_rate)
            for label, processor in self.equalizers.items()
        ]
        joined = torch.cat(curves, dim=1) if curves else torch.zeros(len(entries), 0)
        return present, positions, mask, joined / _CURVE_SPREAD_DB


def _is_drawn(parameter: Parameter, ranges: Mapping[str, Any]) -> bool:
    low, high = ranges.get(parameter.name, (parameter.minimum, parameter.maximum))
    return low < high and (parameter.name in ranges or parameter.default is not None)


def _drawn_range(parameter: Parameter, ranges: Mapping[str, Any]) -> tuple[Parameter, float, float]:
    low, high = ranges.get(parameter.name, (parameter.minimum, parameter.maximum))
    return parameter, parameter.normalize(float(low)), parameter.normalize(float(high))


def _curves(equalizer: Equalizer, entries: Sequence[Mapping[str, Any] | None], sample_rate: int) -> Tensor:
    """Response of each entry at `CURVE_HZ` in dB, (B, 18); flat for None."""
    curves = torch.zeros(len(entries), len(CURVE_HZ))
    rows = [row for row, entry in enumerate(entries) if entry is not None]
    if not rows:
        return curves
    impulse = torch.zeros(len(rows), 1, _IMPULSE_SAMPLES, dtype=torch.float64)
    impulse[..., 0] = 1.0
    given = [entry["settings"] for entry in entries if entry is not None]
    names = [name for name, value in given[0].items() if not isinstance(value, str)]
    stacked = {name: torch.tensor([one[name] for one in given], dtype=torch.float64) for name in names}
    response = torch.fft.rfft(equalizer(impulse, sample_rate, **stacked)[:, 0])
    bins = (torch.tensor(CURVE_HZ) * _IMPULSE_SAMPLES / sample_rate).round().long().clamp(max=response.shape[1] - 1)
    curves[rows] = 20.0 * torch.log10(response[:, bins].abs().clamp(min=1e-4)).float()
    return curves
