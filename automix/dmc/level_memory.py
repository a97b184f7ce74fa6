"""Levels from the tracks of known songs: solved in closed form, beside the network that is trained.

Two solutions, averaged: a line over the features, as the linear model of `automix.classical` is (Scott and Kim, ISMIR
2011), which carries over to makers of music that are not known; and kernel ridge regression (Saunders, Gammerman and
Vovk, ICML 1998) with a Gaussian kernel, which gives a track the levels of those that it resembles. Songs whose levels
are known are few; what is solved with one penalty learns less of them by heart than what is trained.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from automix.dmc.level_features import N_FEATURES
from fxrep.data.instruments import INSTRUMENTS
from fxrep.errors import ArgumentError, DataError

Array = NDArray[np.float64]

LINE_PENALTIES = (0.1, 0.3, 1.0)
"""Penalties of the line to choose from, by the error of songs that are left out."""

PENALTIES = (0.3, 1.0, 3.0)
"""The same of the kernel."""

FOLDS = 14
"""Parts of the songs that are left out in turn, at most."""

FURTHEST = 4.0
"""How many spreads from the mean a value counts as at most."""

WIDTH = 0.5
"""Width of the kernel, in medians of the squared distance between two tracks."""

# The name of an instrument tells little beside how it sounds.
_SHARES = np.concatenate([np.ones(N_FEATURES - len(INSTRUMENTS)), np.full(len(INSTRUMENTS), 0.5)])


@dataclass(frozen=True)
class LevelFit:
    """What was measured when levels were solved.

    Attributes:
        songs: that were known.
        tracks: of all their passages.
        line_penalty: of the line, that was chosen.
        penalty: of the kernel.
        left_out_db: root mean square error of the levels of songs that were left out.
        equal_loudness_db: that of tracks that are left as they are.
    """

    songs: int
    tracks: int
    line_penalty: float
    penalty: float
    left_out_db: float
    equal_loudness_db: float


class LevelMemory(nn.Module):
    """Levels in dB, by a line and by how much a track resembles each that is remembered. No gradient changes them.

    Until `fit` all levels are 0 dB.

    Args:
        size: how many tracks are remembered at most.

    Raises:
        ArgumentError: a size below 2.
    """

    mean: Tensor
    scale: Tensor
    line: Tensor
    known: Tensor
    weights: Tensor
    width: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < 2:
            raise ArgumentError(f"memory is {size}: expected 2 tracks or more, or 0 for none")
        self.register_buffer("mean", torch.zeros(N_FEATURES))
        self.register_buffer("scale", torch.ones(N_FEATURES))
        self.register_buffer("line", torch.zeros(N_FEATURES))
        self.register_buffer("known", torch.zeros(size, N_FEATURES))
        self.register_buffer("weights", torch.zeros(size))
        self.register_buffer("width", torch.ones(()))

    @property
    def is_empty(self) -> bool:
        """Whether nothing was remembered yet."""
        return not bool((self.weights != 0.0).any())

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return levels (B, N) in dB, their mean over the tracks of a song 0; 0 where there is no track.

        Args:
            features: (B, N, N_FEATURES).
            mask: (B, N) booleans, which tracks there are.
        """
        rows = self._standard(features[mask])
        alike = torch.exp(-_squares(rows, self.known) / self.width)
        found = 0.5 * (rows @ self.line + alike @ self.weights)
        levels = features.new_zeros(mask.shape).masked_scatter(mask, found)
        mean = levels.sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
        return (levels - mean).masked_fill(~mask, 0.0)

    @torch.no_grad()
    def fit(self, features: Sequence[Tensor], gains_db: Sequence[Tensor], songs: Sequence[str]) -> LevelFit:
        """Solve the weights of both, with the penalties by which songs that are left out come out best.

        Args:
            features: of each passage, (N, N_FEATURES); what is more than the memory holds is left out.
            gains_db: of each passage, (N,), what brings its tracks to their levels.
            songs: of which song each passage is.

        Returns:
            What was measured.

        Raises:
            DataError: there are not two songs.
        """
        count = int(np.searchsorted(np.cumsum([len(one) for one in gains_db]), len(self.weights), side="right"))
        if len(set(songs[:count])) < 2:
            raise DataError("the memory of levels needs two songs or more whose gains are known, in the training split")
        rows = torch.cat([one.detach().cpu() for one in features[:count]]).double()
        passage = np.repeat(np.arange(count), [len(one) for one in gains_db[:count]])
        names = np.asarray(songs[:count])[passage]
        wanted = _centered(torch.cat([one.detach().cpu() for one in gains_db[:count]]).double().numpy(), passage)
        spread = rows.std(0, correction=0)
        self.mean.copy_(rows.mean(0))
        self.scale.copy_(torch.where(spread > 1e-6, spread, 1.0))
        known = self._standard(rows.to(self.mean)).cpu()
        columns = _centered(known.double().numpy(), passage)
        squares = _squares(known, known).double().numpy()
        width = 2.0 * WIDTH**2 * max(float(np.median(squares)), 1e-6)
        kernel = _centered(_centered(np.exp(-squares / width), passage).T, passage)
        lines = {one: one * len(columns) for one in LINE_PENALTIES}
        kernels = {one: one * float(np.mean(np.diag(kernel))) for one in PENALTIES}
        errors = _left_out(columns, kernel, wanted, names, lines, kernels)
        chosen = min(errors, key=lambda pair: errors[pair])
        weights = _centered(_solve(kernel, wanted, kernels[chosen[1]]), passage)
        self.line.copy_(torch.as_tensor(_line(columns, wanted, lines[chosen[0]])))
        self.known.zero_()[: len(known)] = known.to(self.known)
        self.weights.zero_()[: len(known)] = torch.as_tensor(weights).to(self.weights)
        self.width.fill_(width)
        equal = float(np.sqrt(np.square(wanted).mean()))
        return LevelFit(len(set(names)), len(wanted), *chosen, errors[chosen], equal)

    def _standard(self, rows: Tensor) -> Tensor:
        """Rows (R, N_FEATURES) in spreads from the mean, each column by its share."""
        shares = torch.as_tensor(_SHARES).to(rows)
        return ((rows - self.mean.to(rows)) / self.scale.to(rows)).clamp(-FURTHEST, FURTHEST) * shares


def _squares(rows: Tensor, others: Tensor) -> Tensor:
    """Squared distances (R, S) of (R, F) and (S, F)."""
    return torch.cdist(rows, others.to(rows), compute_mode="donot_use_mm_for_euclid_dist").square()


def _centered(values: Array, passage: NDArray[np.int_]) -> Array:
    """Rows less the mean of the rows of their passage."""
    found: Array = np.array(values, dtype=np.float64)
    for one in np.unique(passage):
        found[passage == one] -= found[passage == one].mean(0)
    return found


def _solve(matrix: Array, wanted: Array, penalty: float) -> Array:
    found: Array = np.asarray(np.linalg.solve(matrix + penalty * np.eye(len(matrix)), wanted), dtype=np.float64)
    return found


def _line(columns: Array, wanted: Array, penalty: float) -> Array:
    return _solve(columns.T @ columns, columns.T @ wanted, penalty)


def _left_out(
    columns: Array,
    kernel: Array,
    wanted: Array,
    names: NDArray[np.str_],
    lines: dict[float, float],
    kernels: dict[float, float],
) -> dict[tuple[float, float], float]:
    """Root mean square error of the songs of each fold by those of the others, by the penalties of line and kernel."""
    listed = sorted(set(names.tolist()))
    fold = {name: number % min(FOLDS, len(listed)) for number, name in enumerate(listed)}
    folds = np.array([fold[name] for name in names])
    by_line = {one: np.zeros(len(wanted)) for one in lines}
    by_kernel = {one: np.zeros(len(wanted)) for one in kernels}
    for one in np.unique(folds):
        out = folds == one
        for name, penalty in lines.items():
            by_line[name][out] = columns[out] @ _line(columns[~out], wanted[~out], penalty)
        for name, penalty in kernels.items():
            weights = _solve(kernel[np.ix_(~out, ~out)], wanted[~out], penalty)
            by_kernel[name][out] = kernel[np.ix_(out, ~out)] @ weights
    return {
        (line, alike): float(np.sqrt(np.square(wanted - 0.5 * (by_line[line] + by_kernel[alike])).mean()))
        for line, alike in itertools.product(lines, kernels)
    }
