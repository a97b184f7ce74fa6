"""What a mixing console's network is trained by."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automix.dmc.model import DifferentiableMixingConsole
from automix.dmc.passages import Passage
from automix.dmc.spoiling import EQUALIZER, curve_db, find_equalizer
from fxrep.effects.console import ConsoleTensors
from fxrep.losses import EmbeddingLoss, L1Loss, ProductionStyleLoss, SiSdrLoss, StftLoss

HEARD_DB = 6.0
"""A difference of levels that counts as 1."""

CURVE_DB = 4.0
"""A difference of the curves of equalisers that counts as 1."""

OF_MIXES = ("l1", "stft", "sum_and_difference", "si_sdr", "style", "embedding")
OF_SETTINGS = ("gain", "curve", "neutral")


class MixLosses(nn.Module):
    """Losses of mixes (B, 2, T) by name, each a scalar.

    ``l1`` of samples, in units of -16 LUFS (times 10, about 1 for unrelated mixes); ``stft``; ``sum_and_difference``,
    which does not care for the side to which something is panned as much as for how far; ``si_sdr``, the ratio in dB
    with its sign changed, by 10; ``style``, the production-style loss; ``embedding``, the distance in the space of an
    effect encoder.

    Args:
        sample_rate: Hz.
        stft_form: ``published`` or ``log_linear``, see `StftLoss`.
        style_form: ``corrected`` or ``published``, see `ProductionStyleLoss`.
        encoder: of the embedding loss; None: there is none.
    """

    def __init__(
        self,
        sample_rate: int,
        stft_form: Literal["published", "log_linear"] = "log_linear",
        style_form: Literal["corrected", "published"] = "corrected",
        encoder: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.stft = StftLoss(stft_form)
        # Without spectral convergence, which divides by a side that may be silent.
        self.sum_and_difference = StftLoss("log_linear", sum_and_difference=True)
        self.l1, self.si_sdr = L1Loss(), SiSdrLoss()
        self.style = ProductionStyleLoss(sample_rate, style_form)
        # In a list, so that its encoder is no part of the checkpoint.
        self.embedding = [] if encoder is None else [EmbeddingLoss(encoder, sample_rate)]

    def terms(self, mix: Tensor, target: Tensor, names: Set[str]) -> dict[str, Tensor]:
        """Return the losses of these names that there are."""
        found: dict[str, Tensor] = {}
        if "l1" in names:
            found["l1"] = 10.0 * self.l1(mix, target)
        if "si_sdr" in names:
            found["si_sdr"] = self.si_sdr(mix, target) / 10.0
        for name, loss in (("stft", self.stft), ("sum_and_difference", self.sum_and_difference), ("style", self.style)):
            if name in names:
                found[name] = loss(mix, target)
        if "embedding" in names and self.embedding:
            found["embedding"] = self.embedding[0].to(mix.device)(mix, target)
        return found


def gain_error(settings: ConsoleTensors, passage: Passage, mask: Tensor | None = None) -> Tensor:
    """Differences (tracks,) in dB between the levels that were set and the known ones, each beside the mean of its mix.

    Args:
        settings: of the passage.
        passage: whose gains count where they are known.
        mask: (B, N) tracks that count; None: all there are.
    """
    there = (passage.mask if mask is None else mask) & passage.gains_known[:, None]
    found = settings.tracks["fader"]["gain_db"] - passage.gain_db
    mean = found.masked_fill(~there, 0.0).sum(1, keepdim=True) / there.sum(1, keepdim=True).clamp(min=1)
    return (found - mean)[there]


def gain_loss(error_db: Tensor) -> Tensor:
    """Mean of differences in dB, squared up to 6 dB and linear beyond: some levels nobody could guess."""
    if not len(error_db):
        return error_db.sum()
    return F.huber_loss(error_db / HEARD_DB, torch.zeros_like(error_db))


def curve_loss(model: DifferentiableMixingConsole, settings: ConsoleTensors, passage: Passage) -> Tensor:
    """Mean square between the equalisers that were set and those that bring filtered tracks back."""
    there = passage.mask & passage.gains_known[:, None]
    values = {name: one[there] for name, one in settings.tracks[EQUALIZER].items()}
    if not bool(there.any()):
        return torch.stack([one.sum() for one in values.values()]).sum()
    found = curve_db(find_equalizer(model.console.track), values, model.sample_rate)
    wanted = torch.zeros_like(found) if passage.curve_db is None else passage.curve_db[there].to(found)
    return ((found - wanted) / CURVE_DB).square().mean()


def neutral_loss(model: DifferentiableMixingConsole, positions: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
    """Mean square of how far settings are from where they started, faders and panners of the tracks left out."""
    tracks, shared = positions
    starts = [model.controls.starts(place).to(tracks) for place in ("tracks", "shared")]
    counted = [not one.name.startswith(("fader.", "panner.")) for one in model.controls.tracks]
    moved = [(tracks - starts[0])[mask][:, counted].square().flatten(), (shared - starts[1]).square().flatten()]
    joined = torch.cat(moved)
    return joined.mean() if len(joined) else tracks.new_zeros(())


def weigh(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The weighted sum of those that have a weight, a scalar."""
    return torch.stack([weights[name] * one.float() for name, one in terms.items() if weights.get(name)]).sum()
