"""The console for a finished mix, or for a few stems of one."""

from __future__ import annotations

from fxrep.effects.console.mixing_console import MixingConsole
from fxrep.effects.console.strip import StripEffect

MASTERING_RANGES: dict[str, tuple[float, float]] = {
    **{
        f"{band}_{part}": ends
        for band in ("low", "low_mid", "high_mid", "high")
        for part, ends in {"threshold_db": (-60.0, 0.0), "ratio": (1.0, 8.0), "makeup_db": (-12.0, 12.0)}.items()
    },
}


def mastering_console() -> MixingConsole:
    """Return a console that masters.

    - track: fader
    - master: six-band equaliser, four-band compressor (zero phase), stereo width, fader, true-peak limiter

    With its default settings it is the sum of the tracks, bit for bit. The limiter is off until a person, or `master`
    of `style_transfer.inference_time`, gives it a ceiling; how hard it works is then a matter of the fader before it.
    """
    return MixingConsole(
        track=["fader"],
        master=[
            "parametric_eq",
            StripEffect("multiband_compressor", ranges=MASTERING_RANGES),
            "stereo_width",
            "fader",
            StripEffect("limiter", manual=["release_ms"]),
        ],
        name="mastering",
    )
