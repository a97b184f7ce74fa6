"""The stems of FxNorm-automix: which instruments each of them holds, their order, and how loud they go in."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fxrep.audio import SILENCE_LUFS
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


def group_lufs(normalizer: FxNormalizer, group: str) -> float:
    """Return the loudness of a stem: the average of its instrument, else of "other", else of all that were fitted.

    Raises:
        ArgumentError: the loudness was not fitted.
    """
    known = {name: entry.features for name, entry in normalizer.statistics.instruments.items()}
    chosen = [known[name] for name in (group, "other") if name in known][:1] or list(known.values())
    found = [float(features["loudness"][0]) for features in chosen if "loudness" in features]
    if not found:
        raise ArgumentError(
            f"the statistics hold no loudness of {group}: fit them with steps that end in loudness, as fxrep data "
            "normalize does"
        )
    return sum(found) / len(found)


def group_gain_db(normalizer: FxNormalizer, group: str, track_lufs: Sequence[float]) -> float:
    """Return what brings the sum of normalised tracks to the average loudness of the stem.

    Their powers add, as those of independent tracks do, so that nothing has to be measured: a stem of one track is left
    as it is, one of four tracks of the same loudness is turned down by 6 dB.

    Args:
        normalizer: with averages of the loudness.
        group: one of `GROUPS`.
        track_lufs: loudness of each normalised track of the group; silent ones do not count.
    """
    power = sum(10.0 ** (lufs / 10.0) for lufs in track_lufs if lufs > SILENCE_LUFS)
    if power == 0.0:
        return 0.0
    return group_lufs(normalizer, group) - 10.0 * math.log10(power)
