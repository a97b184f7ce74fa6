"""The settings of a console in the words of a person who mixes: levels, equalisation, dynamics and so on."""

from __future__ import annotations

from collections.abc import Sequence

from fxrep.effects.equalizer import Equalizer
from fxrep.effects.processor import Processor
from fxrep.errors import ArgumentError

SETTING_GROUPS = {
    "levels": "faders of tracks and groups",
    "eq": "equalisers and filters of tracks and groups",
    "dynamics": "compressors, gates and the like of tracks and groups, with their make-up",
    "stereo": "panners and widths of tracks and groups",
    "effects": "everything else on tracks and groups, as saturation or an inserted reverberation",
    "sends": "what the tracks send to the buses, and the strips of the buses",
    "master": "everything on the master",
}
"""Every setting of a console belongs to one of these."""

_BY_PROCESSOR = {
    "levels": ("gain", "fader", "dasp_fader", "polarity"),
    "eq": (
        *("equalizer", "parametric_eq", "graphic_eq", "third_octave_eq", "fir_matching_eq"),
        *("low_pass", "high_pass", "band_pass", "notch", "all_pass", "low_shelf", "high_shelf", "peak"),
    ),
    "dynamics": (
        *("compressor", "dasp_compressor", "limiter", "expander", "noise_gate"),
        *("multiband_compressor", "de_esser", "transient_shaper"),
    ),
    "stereo": ("panner", "dasp_panner", "balance", "stereo_width", "stereo_imager"),
}
_GROUP_OF = {name: group for group, names in _BY_PROCESSOR.items() for name in names}


def processor_group(processor: Processor) -> str:
    """Return the group, a key of `SETTING_GROUPS`, that a processor on a track belongs to."""
    return "eq" if isinstance(processor, Equalizer) else _GROUP_OF.get(processor.name, "effects")


def check_groups(names: str | Sequence[str]) -> tuple[str, ...]:
    """Return names of groups of settings, each once.

    Args:
        names: a list, or one text with commas, as ``"eq,levels"``.

    Raises:
        ArgumentError: there are none, or one is unknown; the message lists what there is.
    """
    if not isinstance(names, (str, list, tuple, set, frozenset)):
        raise ArgumentError(f"only is {names!r:.60}; expected names of groups of settings, as ['eq', 'levels']")
    parts = names.split(",") if isinstance(names, str) else list(names)
    words = [part.strip() if isinstance(part, str) else part for part in parts]
    for word in words:
        if word not in SETTING_GROUPS:
            raise ArgumentError(f"there is no group of settings {word!r}; choose from {', '.join(SETTING_GROUPS)}")
    if not words:
        raise ArgumentError(
            f"only names no group of settings; choose from {', '.join(SETTING_GROUPS)}, or leave it out"
        )
    return tuple(name for name in SETTING_GROUPS if name in words)
