"""Levels from the tracks of known songs that sound alike: solved in closed form, beside the network that is trained.

Kernel ridge regression (Saunders, Gammerman and Vovk, ICML 1998) with a Gaussian kernel. Songs whose levels are known
are few; what is solved with one penalty learns less of them by heart than what is trained, and leaves the network the
rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from encoders.production_description import N_BANDS, N_VALUES, band_power
from fxrep.data.instruments import INSTRUMENTS
from fxrep.errors import ArgumentError, DataError
from fxrep.losses.spectra import decibels

Array = NDArray[np.float64]

PENALTIES = (0.3, 1.0, 3.0)
"""Penalties to choose from, by the error of songs that are left out."""

FOLDS = 14
"""Parts of the songs that are left out in turn, at most."""

FURTHEST = 4.0
"""How many spreads from the mean a value counts as at most."""

WIDTH = 0.5
"""Width of the kernel, in medians of the squared distance between two tracks."""

N_FEATURES = 2 * N_BANDS + (N_VALUES - 5 * N_BANDS) + len(INSTRUMENTS)
"""Columns of `level_features`."""

# Bands are many and alike, and the name of an instrument tells little beside how it sounds.
_SHARES = np.concatenate([np.full(2 * N_BANDS, 0.5), np.ones(N_VALUES - 5 * N_BANDS), np.full(len(INSTRUMENTS), 0.5)])
_LEAST_POWER = 1e-12


@dataclass(frozen=True)
class LevelFit:
    """What was measured when levels were solved.

    Attributes:
        songs: that were known.
        tracks: of all their passages.
        penalty: that was chosen.
        left_out_db: root mean square error of the levels of songs that were left out.
        equal_loudness_db: that of tracks that are left as they are.
    """

    songs: int
    tracks: int
    penalty: float
    left_out_db: float
    equal_loudness_db: float


def level_features(production: Tensor, instruments: Tensor) -> Tensor:
    """Return what levels are told from, (..., `N_FEATURES`).

    The power of both channels in bands, how much the bands move, the other twelve values, and one column for each
    instrument.

    Args:
        production: (..., N_VALUES) of `describe_production`.
        instruments: (...,) places in `INSTRUMENTS`.
    """
    bands = decibels(band_power(production).sum(-2) + _LEAST_POWER)
    kinds = nn.functional.one_hot(instruments, len(INSTRUMENTS)).to(production)
    return torch.cat([bands, production[..., 4 * N_BANDS :], kinds], dim=-1)


class LevelMemory(nn.Module):
    """Levels in dB, by how much a track resembles each that is remembered. No gradient changes what is.

    Until `fit` all levels are 0 dB.

    Args:
        size: how many tracks are remembered at most.

    Raises:
        ArgumentError: a size below 2.
    """

    mean: Tensor
    scale: Tensor
    known: Tensor
    weights: Tensor
    width: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < 2:
            raise ArgumentError(f"memory is {size}: expected 2 tracks or more, or 0 for none")
        self.register_buffer("mean", torch.zeros(N_FEATURES))
        self.register_buffer("scale", torch.ones(N_FEATURES))
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
        alike = torch.exp(-_squares(self._standard(features[mask]), self.known) / self.width)
        levels = features.new_zeros(mask.shape).masked_scatter(mask, alike @ self.weights)
        mean = levels.sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
        return (levels - mean).masked_fill(~mask, 0.0)

    @torch.no_grad()
    def fit(self, features: Sequence[Tensor], gains_db: Sequence[Tensor], songs: Sequence[str]) -> LevelFit:
        """Solve the weights, with the penalty by which songs that are left out come out best.

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
        squares = _squares(known, known).double().numpy()
        width = 2.0 * WIDTH**2 * max(float(np.median(squares)), 1e-6)
        kernel = _centered(_centered(np.exp(-squares / width), passage).T, passage)
        unit = float(np.mean(np.diag(kernel)))
        errors = {one: _left_out(kernel, wanted, names, one * unit) for one in PENALTIES}
        penalty = min(errors, key=lambda one: errors[one])
        weights = _centered(_solve(kernel, wanted, penalty * unit), passage)
        self.known.zero_()[: len(known)] = known.to(self.known)
        self.weights.zero_()[: len(known)] = torch.as_tensor(weights).to(self.weights)
        self.width.fill_(width)
        equal = float(np.sqrt(np.square(wanted).mean()))
        return LevelFit(len(set(names)), len(wanted), penalty, errors[penalty], equal)

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


def _solve(kernel: Array, wanted: Array, penalty: float) -> Array:
    found: Array = np.asarray(np.linalg.solve(kernel + penalty * np.eye(len(kernel)), wanted), dtype=np.float64)
    return found


def _left_out(kernel: Array, wanted: Array, names: NDArray[np.str_], penalty: float) -> float:
    """Root mean square error of the songs of each fold by those of the others."""
    listed = sorted(set(names.tolist()))
    fold = {name: number % min(FOLDS, len(listed)) for number, name in enumerate(listed)}
    folds = np.array([fold[name] for name in names])
    apart = np.zeros(len(wanted))
    for one in np.unique(folds):
        out = folds == one
        weights = _solve(kernel[np.ix_(~out, ~out)], wanted[~out], penalty)
        apart[out] = wanted[out] - kernel[np.ix_(out, ~out)] @ weights
    return float(np.sqrt(np.square(apart).mean()))
