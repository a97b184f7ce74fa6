"""The imager step: bring the share of the side signal in a track's energy to the dataset's.

Source: the normalisation of Koo et al., "Music mixing style transfer: a contrastive learning approach to disentangle
audio effects", ICASSP 2023: mid and side are scaled to the average share of the mid, the channels are balanced, and mid
and side scaled again; a track with hardly any side first gets some from a Haas effect.

What differs from the published code, and why. A track that counts as mono there gets a random delay with feedback;
whoever normalises a mono bass expects no comb filter, so here it stays mono unless `widen_mono` asks for more. And what
then fills the side is the mid delayed by a fixed time (Lauridsen's network): the same at every call, and gone in the
mono sum. Balancing is optional and comes before the shares are looked at: the side of a mono track that stands left is
no width, and scaling what is left of it after balancing would raise noise. All gains follow from the covariance of the
channels, so the audio is changed in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from fxrep.normalization.sources import Change, Source, with_context
from fxrep.normalization.step import Feature, NormalizationStep, instrument_setting

LOWEST_SIDE_SHARE = {"bass": 0.01, "other": 0.025}
"""A track with a smaller share counts as mono, as published (a share of the mid above 0.99 or 0.975)."""

LARGEST_BALANCE_DB = 12.0
"""A track further to one side is not balanced: the other channel holds next to nothing to raise."""

EMPTY_SHARE = 1e-4
"""A mid or side with less of the energy (-40 dB) cannot be raised to any share: it holds rounding and noise."""

# Left and right to mid and side, and back, at equal energy.
_TURN = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2.0)


@dataclass(frozen=True)
class ImagerStep(NormalizationStep):
    """Match the share of the side energy; the energy of the track stays as it was.

    A track whose share is below the published threshold counts as mono: it is narrowed if the target asks for it, and
    never widened, unless `widen_mono` is set. One without a mid (left and right of opposite polarity) is left alone.

    Args:
        widen_mono: fill the side of mono tracks with the delayed mid.
        delay_ms: of that mid, within the 40 ms of the published code.
        balance: bring left and right to equal energy, too.
    """

    name: ClassVar[str] = "imager"
    unit: ClassVar[str] = "share"
    scale: ClassVar[float] = 0.02

    widen_mono: bool = False
    delay_ms: float = 18.0
    balance: bool = False

    def measure_source(self, source: Source, instruments: Sequence[str]) -> Feature:
        """Share of the energy that is in the side, 0 (mono) to 1 (opposite polarity), one value; NaN for silence."""
        products = self._products(source)
        energy = products[:, 0, 0] + products[:, 1, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(energy > 0, products[:, 1, 1] / energy, np.nan)[:, None]

    def plan(self, source: Source, targets: Feature, instruments: Sequence[str]) -> Change | None:
        """Scale mid and side, and add the delayed mid where that is asked for."""
        rows = zip(self._products(source), targets[:, 0], instruments, strict=True)
        mixes = np.stack([self._mix(products, target, instrument) for products, target, instrument in rows])
        # From left, right and the same delayed to left and right.
        matrices = np.concatenate([_TURN @ mixes[:, :, :2] @ _TURN, _TURN @ mixes[:, :, 2:] @ _TURN], axis=2)
        if np.allclose(matrices, np.eye(2, 4), atol=1e-6):
            return None
        mix = torch.from_numpy(matrices.astype(np.float32)).to(source.device)
        past = self._delay(source.sample_rate) if np.any(matrices[:, :, 2:]) else 0

        def change(blocks: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
            for widened in with_context(blocks, past, 0):
                mixed = mix[:, :, :2] @ widened[..., past:]
                if past:
                    mixed.baddbmm_(mix[:, :, 2:], widened[..., :-past])
                yield mixed

        return change

    def distance(self, first: Feature, second: Feature) -> float:
        """Absolute difference of the share."""
        return float(abs(first[0] - second[0]))

    def _delay(self, sample_rate: int) -> int:
        return max(1, round(self.delay_ms / 1000 * sample_rate))

    def _products(self, source: Source) -> Feature:
        """(B, 4, 4) energies and products of mid, side, delayed mid and delayed side."""
        past = self._delay(source.sample_rate)
        sums = torch.zeros(source.items, 4, 4, dtype=torch.float64, device=source.device)
        for widened in with_context(source.blocks(), past, 0):
            left, right = widened.unbind(1)
            turned = torch.stack([left + right, left - right], dim=1)
            signals = torch.cat([turned[..., past:], turned[..., :-past]], dim=1)
            sums += signals @ signals.mT
        return np.asarray(sums.cpu().numpy() / 2)

    def _mix(self, products: Feature, target: float, instrument: str) -> Feature:
        """(2, 4) from mid, side and both delayed to the new mid and side."""
        energy = products[0, 0] + products[1, 1]
        if not (energy > 0 and np.isfinite(target)):
            return np.eye(2, 4)
        balance = _balance(products[:2, :2]) if self.balance else np.eye(2)
        both = np.kron(np.eye(2), balance)
        products, target = both @ products @ both.T, float(np.clip(target, 0.0, 1.0))
        share = products[1, 1] / energy
        mix = np.eye(2, 4)
        if target <= share or share >= instrument_setting(LOWEST_SIDE_SHARE, instrument):
            mix = _scaled(mix, products, target)
        elif self.widen_mono:
            mix = _scaled(_filled(products, target), products, target)
        return np.asarray(mix @ both)


def _balance(products: Feature) -> Feature:
    """(2, 2) from mid and side to mid and side of channels of equal energy, at the energy of the source."""
    left, right = np.diag(_TURN @ products @ _TURN)
    if min(left, right) < 10 ** (-LARGEST_BALANCE_DB / 10) * max(left, right):
        return np.eye(2)
    return np.asarray(_TURN @ np.diag(np.sqrt((left + right) / 2 / np.array([left, right]))) @ _TURN)


def _scaled(mix: Feature, products: Feature, target: float) -> Feature:
    """The mix with mid and side scaled to the target share, at the energy of the source.

    The mix as it is when one of the two would have to come from next to nothing.
    """
    energy = products[0, 0] + products[1, 1]
    now = np.diag(mix @ products @ mix.T)
    wanted = energy * np.array([1.0 - target, target])
    if np.any((now < EMPTY_SHARE * energy) & (wanted > now)):
        return mix
    gains = np.sqrt(np.where(now > 0.0, wanted / np.maximum(now, 1e-300), 1.0))
    return np.asarray(gains[:, None] * mix)


def _filled(products: Feature, target: float) -> Feature:
    """The mix that adds as much of the delayed mid to the side as the target share needs."""
    missing = target * (products[0, 0] + products[1, 1]) - products[1, 1]
    power, cross = products[2, 2], products[1, 2]
    mix = np.eye(2, 4)
    if power > 0.0:
        # The positive solution of d^2 power + 2 d cross = missing.
        mix[1, 2] = (np.sqrt(cross**2 + power * missing) - cross) / power
    return mix
