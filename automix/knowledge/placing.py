"""Rules of positions: who belongs in the middle, and the others so that both sides are equally loud."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from automix.knowledge.hearing import Heard
from automix.knowledge.rules import InstrumentRule, Rules


@dataclass(frozen=True)
class Place:
    """Where a track stands, and why.

    Attributes:
        pan: -1 left to 1 right.
        why: in words.
    """

    pan: float
    why: str


def place_tracks(
    heard: Mapping[str, Heard], wanted: Mapping[str, InstrumentRule], rules: Rules, levels_db: Mapping[str, float]
) -> dict[str, Place]:
    """Give every track a position.

    A panner of constant power at p moves the share sin(p pi / 2) of a track's power from one side to the other. From
    the loudest on, each track goes to the side that has less, as far out as its rule says; then the positions on the
    heavier side are drawn in until both sides have the same, what stereo tracks bring along included.

    Args:
        heard: the tracks, at one loudness.
        wanted: their rules.
        rules: all.
        levels_db: what each will be turned up from there.
    """
    found: dict[str, Place] = {}
    powers = {name: sum(one.powers) * 10.0 ** (levels_db[name] / 10.0) for name, one in heard.items()}
    balance, moved = 0.0, []
    for name, one in heard.items():
        if (why := _stays(one, wanted[name], rules)) is None:
            moved.append(name)
        else:
            found[name] = Place(0.0, why)
            balance += (one.powers[1] - one.powers[0]) * 10.0 ** (levels_db[name] / 10.0)
    shares: dict[str, float] = {}
    reached = balance
    for name in sorted(moved, key=lambda one: -powers[one]):
        # Of two that balance nothing yet, the first goes left.
        side = -1.0 if reached >= 0.0 else 1.0
        shares[name] = side * math.sin(wanted[name].pan * math.pi / 2.0)
        reached += shares[name] * powers[name]
    heavy = 1.0 if reached > 0.0 else -1.0
    pushing = sum(shares[name] * powers[name] for name in shares if shares[name] * heavy > 0.0)
    factor = min(1.0, max(0.0, 1.0 - reached / pushing)) if pushing else 1.0
    for name in moved:
        share = shares[name] * (factor if shares[name] * heavy > 0.0 else 1.0)
        found[name] = Place(2.0 / math.pi * math.asin(share), "opposite to the others, so that both sides are equal")
    return {name: found[name] for name in heard}


def _stays(heard: Heard, rule: InstrumentRule, rules: Rules) -> str | None:
    if rule.pan == 0.0:
        return "its instrument belongs there"
    if heard.middle_hz < rules.general["low_sound_hz"]:
        return f"half of its energy lies under {heard.middle_hz:.0f} Hz"
    if heard.side_db > rules.general["stereo_side_db"]:
        return f"it is stereo already, with its side at {heard.side_db:.1f} dB"
    return None
