"""The stems of FxNorm-automix: which instruments each of them holds, and their order."""

from __future__ import annotations

from collections.abc import Sequence

from fxrep.errors import ArgumentError, CheckpointError
from fxrep.normalization import FxNormalizer

GROUPS = ("vocals", "bass", "drums", "other")
"""Stems in the order in which the network takes them, as published. A network knows them by their place alone."""

_MEMBERS = {"vocals": "vocals", "bass": "bass", "drums": "drums", "percussion": "drums"}


def group_number(instrument: str) -> int:
    """Return the place in `GROUPS` of the stem that an instrument belongs to; what has none of its own is "other"."""
    return GROUPS.index(_MEMBERS.get(instrument, "other"))


def check_order(stems: Sequence[str]) -> None:
    """Refuse a network that was trained with other stems, or with these in another order.

    Raises:
        CheckpointError: with both orders.
    """
    if tuple(stems) != GROUPS:
        raise CheckpointError(
            f"this network takes the stems {', '.join(map(str, stems))} in this order; this version of fxrep gives it "
            f"{', '.join(GROUPS)}: train it again"
        )


def check_averages(normalizer: FxNormalizer) -> None:
    """Refuse averages without a loudness: the sum of tracks would be at the levels that they came with.

    Raises:
        ArgumentError: the loudness was not fitted.
    """
    if not any("loudness" in entry.features for entry in normalizer.statistics.instruments.values()):
        raise ArgumentError(
            "the statistics hold no loudness: fit them with steps that end in loudness, as fxrep data normalize does"
        )
