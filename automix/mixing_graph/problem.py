"""One song to fit a mixing graph to: a window of the dry tracks, and of the mix that is looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from automix.mixing_graph.loss import GRID, GraphLoss
from automix.mixing_graph.rendering import Rendered, Routing
from automix.mixing_graph.state import GraphState
from fxrep.effects.console import MixingConsole

MONO = 0.01
"""Share of the middle, as amplitude, under which the side of a mix is none."""

LOWEST_GAIN_DB, HIGHEST_GAIN_DB = -40.0, 20.0


@dataclass
class Problem:
    """What a graph is fitted to.

    Attributes:
        console: of `graph_console`.
        audio: (N, 2, T) dry tracks, with the warm-up before the window.
        target: (2, T) the mix of the same time.
        loss: of the target.
        routing: where the tracks go.
        warm_up: samples before the window, a multiple of `GRID`.
    """

    console: MixingConsole
    audio: Tensor
    target: Tensor
    loss: GraphLoss
    routing: Routing
    warm_up: int

    @staticmethod
    def create(
        console: MixingConsole,
        audio: Tensor,
        target: Tensor,
        sample_rate: int,
        warm_up: int,
        names: Sequence[str],
        group_of: Mapping[str, str],
    ) -> Problem:
        """Make a problem of tracks (N, 2, T) and the mix (2, T) of the same time.

        Raises:
            AudioError: the window is too short.
        """
        groups = [[names.index(name) for name in names if group_of.get(name) == group] for group in console.groups]
        routing = Routing(console.track, sample_rate, groups, len(names))
        return Problem(console, audio, target, GraphLoss(target, sample_rate, warm_up), routing, warm_up)

    @property
    def sounding(self) -> Tensor:
        """Which strips (R,) have anything to work on in the window."""
        tracks = self.audio[:, :, self.warm_up :].abs().amax((1, 2)) > 1e-5
        groups = [bool(tracks[list(members)].any()) for members in self.routing.groups]
        return torch.cat((tracks, torch.tensor(groups, dtype=torch.bool)))

    @property
    def mono(self) -> bool:
        """Whether the mix has next to no side: lossy coding leaves a little in a mono mix."""
        return all(float(target[3].norm()) < MONO * float(target[2].norm()) for target in self.loss.targets)

    def rendered(self) -> Rendered:
        """Return what renders the whole window."""
        return Rendered(self.routing, self.audio)

    def measure(self, state: GraphState) -> float:
        """Return the loss of a state over the whole window."""
        with torch.no_grad():
            return float(self.loss(self.rendered().set(state)))

    def draw_segment(self, samples: int, generator: torch.Generator) -> tuple[int, Tensor]:
        """Draw a segment that begins at a multiple of `GRID`, with its warm-up: where, and the tracks (N, 2, T')."""
        length = self.warm_up + samples
        last = max(0, self.audio.shape[-1] - length) // GRID
        start = GRID * int(torch.randint(last + 1, (), generator=generator))
        return start, self.audio[..., start : start + length]


def starting_gains(problem: Problem, tracks: Tensor) -> tuple[Tensor, Tensor]:
    """Find the gains in dB with which the powers of the tracks add up to that of the mix, as far as they can.

    Non-negative least squares on the mel spectra of left and right at 1024 samples, every band at the mean power of 1:
    unlike the waveforms, powers do not mind equalisers and reverberation much.

    Args:
        problem: the song.
        tracks: (N, 2, T), the window with its warm-up.

    Returns:
        (N,), and which of them are known (N,): what is silent, or not found in the mix, has 0 dB.
    """
    from scipy.optimize import nnls

    loss, size = problem.loss, 1024
    with torch.no_grad():
        own = [loss.mel(track[None, :, problem.warm_up :], size)[0, :2].square().sum(0) for track in tracks]
        mix = loss.targets[1][:2, :, problem.warm_up // (size // 4) :].square().sum(0)
    weight = 1.0 / mix.mean(1, keepdim=True).clamp_min(1e-8)
    matrix = torch.stack([(one * weight).flatten() for one in own], 1).double().numpy()
    # Columns of one size, or what is quiet counts for nothing in the tolerance of the solver.
    sizes = np.sqrt((matrix**2).mean(0))
    found, _ = nnls(matrix / np.maximum(sizes, 1e-30), (mix * weight).flatten().double().numpy())
    powers = torch.from_numpy(found / np.maximum(sizes, 1e-30))
    known = (powers > 0.0) & problem.sounding[: len(tracks)]
    gains = 10.0 * torch.where(known, powers, 1.0).log10()
    return gains.clamp(LOWEST_GAIN_DB, HIGHEST_GAIN_DB), known
