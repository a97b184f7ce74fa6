"""The kinds of processors of a mixing graph, in the order in which the paper found that they matter."""

from __future__ import annotations

FAMILIES: dict[str, tuple[str, ...]] = {
    "gain_pan": ("gain", "panner"),
    "imager": ("stereo_width",),
    "eq": ("parametric_eq",),
    "reverb": ("noise_shaped_reverb",),
    "compressor": ("compressor",),
    "gate": ("noise_gate",),
    "delay": ("delay",),
}
"""Labels of `fxrep.effects.console.graph_console` by family. What a family holds has one weight and counts as one."""

NAMES = tuple(FAMILIES)
FAMILY_OF = {label: family for family, labels in FAMILIES.items() for label in labels}

STAGED = ("parametric_eq", "noise_shaped_reverb", "delay")
"""Labels whose output is kept about as loud as their input: what changes levels is the gain."""

STARTING_WET = {"gain_pan": 1.0, "reverb": 0.05, "delay": 0.05}
"""Weight of a processor when it joins, where it is not `MIDDLE_WET`: those two are not neutral by their settings."""

MIDDLE_WET = 0.5
