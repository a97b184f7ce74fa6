"""How far settings are from the true ones, in shares of their ranges."""

from __future__ import annotations

import torch
from torch import Tensor

from fxrep.effects.console import ConsoleSettings
from fxrep.effects.equalizer import Equalizer
from style_transfer.diff_mst.heard_settings import SCALES, hear_strip

AUDIBLE_GAIN_DB = 1.0
AUDIBLE_RATIO = 1.1
AUDIBLE_SEND_DB = -60.0
"""Under these, what a band, a compressor or a bus is set to besides is not heard."""


WHAT_IS_HEARD = ("eq_db", "dynamics_db", "level_db", "pan")


def settings_errors(
    found: ConsoleSettings, truth: ConsoleSettings, sample_rate: int = 44100, track_lufs: float = -24.0
) -> dict[str, float]:
    """Mean absolute errors of positions in [0, 1], and of what the settings do.

    Guessing the middle of a range gives 0.25 where the truth is spread evenly.

    Args:
        found: settings of the same console, for the same tracks.
        truth: what they should be.
        sample_rate: Hz, for the curves of equalisers.
        track_lufs: loudness of the tracks, around which the curves of compressors are read.

    Returns:
        ``settings``, over the settings that can be heard in the truth: not the frequency and Q of a band of less than
        1 dB, not the times and threshold of a compressor of a ratio under 1.1, nor a bus that is sent less than -60 dB;
        ``settings_all``, over all. On tracks and master: ``eq_db`` and ``dynamics_db``, the mean difference of the
        curves of equalisers and compressors in dB, whichever bands draw them; ``level_db`` of faders; ``pan``, in
        shares of the way from left to right.
    """
    console = truth.console
    ordered = found.copy()
    ordered.tracks = {name: found.tracks[name] for name in truth.tracks}
    ordered.sends = {name: found.sends[name] for name in truth.tracks}
    rows = [console.join(*console.normalize(one))[0] for one in (ordered, truth)]
    error = (rows[0] - rows[1]).abs()
    heard = heard_settings(truth)
    found_all = {"settings": float(error[heard].mean()), "settings_all": float(error.mean())}
    return found_all | _effect_errors(ordered, truth, sample_rate, track_lufs)


def _effect_errors(
    found: ConsoleSettings, truth: ConsoleSettings, sample_rate: int, track_lufs: float
) -> dict[str, float]:
    console = truth.console
    pair = [console.denormalize(*console.normalize(one)) for one in (found, truth)]
    errors: dict[str, list[Tensor]] = {}
    for strip, columns in (
        (console.track, [one.tracks for one in pair]),
        (console.master, [one.master for one in pair]),
    ):
        rows = [
            {label: {name: values.flatten() for name, values in table.items()} for label, table in one.items()}
            for one in columns
        ]
        heard, wanted = (hear_strip(strip, one, sample_rate, track_lufs) for one in rows)
        for key, values in heard.items():
            label, _, what = key.partition(".")
            if what == "curve":
                name, scale = "eq_db" if isinstance(strip.processors[label], Equalizer) else "dynamics_db", "curve_db"
            elif what in ("gain_db", "pan"):
                name, scale = "level_db" if what == "gain_db" else "pan", what
            else:
                continue
            errors.setdefault(name, []).append((values - wanted[key]).abs().mean(1) * SCALES[scale])
    return {name: float(torch.cat(errors[name]).mean()) for name in WHAT_IS_HEARD if name in errors}


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
