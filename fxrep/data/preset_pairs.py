"""Pairs for a pre-training that names effects: a clip as it is, and another place of it through one preset.

Scheme of Steinmetz et al. 2024 (ST-ITO), with our effects in the place of plug-ins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fxrep.data.pairs import PairItem
from fxrep.effects.chain_rendering import render_settings
from fxrep.effects.presets import draw_presets
from fxrep.errors import ArgumentError

_LEAST_PEAK = 1e-8


@dataclass
class PresetPairs:
    """A rendered batch.

    Attributes:
        dry: (B, 2, T) clips without effects.
        wet: (B, 2, T) other places of the same recordings, each through one preset.
        effect: (B,) which effect, a place in `PresetRenderer.effects`.
        preset: (B,) which of its presets.
    """

    dry: Tensor
    wet: Tensor
    effect: Tensor
    preset: Tensor


class PresetRenderer(nn.Module):
    """Puts one preset, of effects times presets drawn once, on every content, in batch, on the device of the audio.

    Dry and wet are cut out at places of their own, so that they cannot be compared sample by sample. Each is brought
    to a peak of 1 and then lowered by 0 to `softest_db`, so that level tells nothing, and half of the items have their
    channels swapped on both sides. Both contents of an effect pair are used: the batch doubles.

    Args:
        effects: names in `fxrep.effects.presets.PRESET_RANGES`; None for all.
        presets: of each effect.
        crop: length of dry and wet, as a share of the segment.
        softest_db: lowest gain after the peak is brought to 1.
        preset_seed: of the presets. It is not the seed of a run: runs of all seeds have the same classes.

    Raises:
        ArgumentError: an effect is unknown, or a value is out of range.
    """

    def __init__(
        self,
        effects: Sequence[str] | None = None,
        presets: int = 10,
        crop: float = 0.6,
        softest_db: float = -32.0,
        preset_seed: int = 0,
    ) -> None:
        super().__init__()
        if not 0.0 < crop <= 1.0 or softest_db > 0.0:
            raise ArgumentError(f"crop={crop}, softest_db={softest_db}: expected a share in (0, 1] and a gain up to 0")
        self.presets = draw_presets(effects, presets, preset_seed)
        self.effects = [str(drawn[0][0]["effect"]) for drawn in self.presets]
        self.crop, self.softest_db = crop, softest_db

    @property
    def n_presets(self) -> int:
        """Presets of each effect."""
        return len(self.presets[0])

    @torch.no_grad()
    def forward(self, batch: PairItem, sample_rate: int, generator: torch.Generator) -> PresetPairs:
        """Render ``batch["a"]`` and ``batch["b"]`` (B, 2, T) to 2 B items; all chance is in `generator` (on the CPU).

        Raises:
            ArgumentError: the sample rate is too low for the frequencies of a preset.
        """
        contents = torch.cat([batch["a"], batch["b"]])
        items = len(contents)
        effect = torch.randint(len(self.effects), (items,), generator=generator)
        preset = torch.randint(self.n_presets, (items,), generator=generator)
        settings = [self.presets[e][p] for e, p in zip(effect.tolist(), preset.tolist(), strict=True)]
        wet = render_settings(contents, sample_rate, settings)
        swapped = torch.rand(items, generator=generator) < 0.5
        sides = []
        for audio in (contents, wet):
            side = self._level(self._cut(audio, generator), generator)
            sides.append(torch.where(swapped.to(side.device)[:, None, None], side.flip(1), side))
        return PresetPairs(sides[0], sides[1], effect.to(wet.device), preset.to(wet.device))

    def _cut(self, audio: Tensor, generator: torch.Generator) -> Tensor:
        length = max(1, round(audio.shape[-1] * self.crop))
        starts = torch.randint(audio.shape[-1] - length + 1, (len(audio),), generator=generator).tolist()
        return torch.stack([item[:, start : start + length] for item, start in zip(audio, starts, strict=True)])

    def _level(self, audio: Tensor, generator: torch.Generator) -> Tensor:
        gain_db = self.softest_db * torch.rand(len(audio), 1, 1, generator=generator)
        peak = audio.abs().amax((1, 2), keepdim=True).clamp(min=_LEAST_PEAK)
        return audio / peak * (10.0 ** (gain_db / 20.0)).to(audio.device)
