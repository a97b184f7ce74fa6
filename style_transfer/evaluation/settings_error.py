"""How far settings are from the true ones, in shares of their ranges."""

from __future__ import annotations

import torch
from torch import Tensor

from fxrep.effects.console import ConsoleSettings

AUDIBLE_GAIN_DB = 1.0
AUDIBLE_RATIO = 1.1
AUDIBLE_SEND_DB = -60.0
"""Under these, what a band, a compressor or a bus is set to besides is not heard."""


def settings_errors(found: ConsoleSettings, truth: ConsoleSettings) -> dict[str, float]:
    """Mean absolute error of positions in [0, 1].

    Guessing the middle of a range gives 0.25 where the truth is spread evenly.

    Args:
        found: settings of the same console, for the same tracks.
        truth: what they should be.

    Returns:
        ``settings``, over the settings that can be heard in the truth: not the frequency and Q of a band of less than
        1 dB, not the times and threshold of a compressor of a ratio under 1.1, nor a bus that is sent less than -60 dB;
        and ``settings_all``, over all.
    """
    console = truth.console
    ordered = found.copy()
    ordered.tracks = {name: found.tracks[name] for name in truth.tracks}
    ordered.sends = {name: found.sends[name] for name in truth.tracks}
    rows = [console.join(*console.normalize(one))[0] for one in (ordered, truth)]
    error = (rows[0] - rows[1]).abs()
    heard = heard_settings(truth)
    return {"settings": float(error[heard].mean()), "settings_all": float(error.mean())}


def heard_settings(settings: ConsoleSettings) -> Tensor:
    """Which of the joined positions of settings make a difference, (K,) booleans."""
    console = settings.console
    track_names, _, master_names = console.setting_names()
    heard = [_counts(strip, name) for strip in settings.tracks.values() for name in track_names]
    for group, strip in console.groups.items():
        heard += [_counts(settings.groups[group], name) for name in strip.setting_names()]
    for bus, strip in console.buses.items():
        sent = any(levels.get(bus, -100.0) > AUDIBLE_SEND_DB for levels in settings.sends.values())
        heard += [sent] * strip.size
    return torch.tensor([*heard, *(_counts(settings.master, name) for name in master_names)])


def _counts(strip: dict[str, dict[str, float | None]], path: str) -> bool:
    label, _, setting = path.partition(".")
    values = strip.get(label, {})
    band = next((setting.removesuffix(ending) for ending in ("_hz", "_q") if setting.endswith(ending)), None)
    if band is not None and f"{band}_gain_db" in values:
        return abs(values[f"{band}_gain_db"] or 0.0) >= AUDIBLE_GAIN_DB
    if "ratio" in values and setting in ("threshold_db", "attack_ms", "release_ms", "knee_db"):
        return (values["ratio"] or 1.0) >= AUDIBLE_RATIO
    return True
