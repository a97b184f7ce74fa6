"""How far settings are from the settings that made a mix, where those are known."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fxrep.effects.console import ConsoleTensors, MixingConsole
from fxrep.effects.console.starting_point import is_compressor
from fxrep.effects.console.strip import Strip
from style_transfer.diff_mst.heard_settings import QUIETEST_SEND_DB, SCALES, compressor_share, hear_strip

Columns = Mapping[str, Mapping[str, Tensor]]


class SettingsLoss(nn.Module):
    """Mean squared differences of what settings do, each scaled so that 1 is a difference that is heard.

    - levels of tracks count beside their mean over the tracks: no mix tells how loud it was;
    - equalisers and compressors count by their curves (`heard_settings`), times of a compressor as far as it was at
      work;
    - a bus counts where something was sent to it.

    Args:
        console: of which the settings are.
        sample_rate: Hz, at which curves are read.
        track_lufs: loudness of the tracks before the console.
    """

    def __init__(self, console: MixingConsole, sample_rate: int = 44100, track_lufs: float = -24.0) -> None:
        super().__init__()
        self.console, self.sample_rate, self.track_lufs = console, sample_rate, track_lufs

    def forward(self, estimate: ConsoleTensors, truth: ConsoleTensors, mask: Tensor) -> Tensor:
        """The sum of the `terms`, a scalar."""
        return torch.stack(list(self.terms(estimate, truth, mask).values())).sum()

    def terms(self, estimate: ConsoleTensors, truth: ConsoleTensors, mask: Tensor) -> dict[str, Tensor]:
        """Mean squared differences, scalars by place and what was set, for example ``track.fader.gain_db``.

        Args:
            estimate: settings of B mixes.
            truth: settings that made them.
            mask: (B, N) booleans, which tracks there are.
        """
        terms: dict[str, Tensor] = {}
        pairs = self._places(estimate, truth, mask)
        for place, (strip, found, wanted, weight) in pairs.items():
            heard = [hear_strip(strip, one, self.sample_rate, self.track_lufs) for one in (found, wanted)]
            for what, value in heard[0].items():
                difference = value - heard[1][what]
                label = what.split(".")[0]
                if place == "track" and what.endswith(".gain_db"):
                    difference = _beside_the_mean(difference, mask)
                at_work = weight
                if what.endswith(".times") and is_compressor(strip.tables[label]):
                    at_work = weight * compressor_share(wanted[label], self.track_lufs)
                terms[f"{place}.{what}"] = _weighted_mean(difference.square().mean(-1), at_work)
        for bus, column in truth.sends.items():
            pair = (estimate.sends[bus], column)
            levels = [one[mask].clamp(min=QUIETEST_SEND_DB) / SCALES["send_db"] for one in pair]
            terms[f"track.sends.{bus}"] = (levels[0] - levels[1]).square().mean()
        return terms

    def _places(
        self, estimate: ConsoleTensors, truth: ConsoleTensors, mask: Tensor
    ) -> dict[str, tuple[Strip, Columns, Columns, Tensor]]:
        """Strip, both settings and weight of the rows of every place."""
        ones = torch.ones(len(mask), dtype=torch.float64, device=mask.device)
        rows = torch.ones(int(mask.sum()), dtype=torch.float64, device=mask.device)
        places = {"track": (self.console.track, _rows(estimate.tracks, mask), _rows(truth.tracks, mask), rows)}
        for name, strip in self.console.groups.items():
            places[f"group:{name}"] = (strip, estimate.groups[name], truth.groups[name], ones)
        for name, strip in self.console.buses.items():
            used = (truth.sends[name].masked_fill(~mask, -200.0) > QUIETEST_SEND_DB).any(1).double()
            places[f"bus:{name}"] = (strip, estimate.buses[name], truth.buses[name], used)
        places["master"] = (self.console.master, estimate.master, truth.master, ones)
        return places


def _rows(columns: Columns, mask: Tensor) -> Columns:
    """Settings (B, N) of the tracks that there are, (rows,)."""
    return {label: {name: value[mask] for name, value in table.items()} for label, table in columns.items()}


def _weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1e-6)


def _beside_the_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Rows (rows, K) of the tracks less the mean of their mix."""
    spread = values.new_zeros(*mask.shape, values.shape[-1]).masked_scatter(mask[..., None], values)
    means = spread.sum(1, keepdim=True) / mask.sum(1).clamp(min=1)[:, None, None]
    return (spread - means)[mask]
