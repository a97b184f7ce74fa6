"""Chains to measure with beside those to train with: more effects, other families, other people's implementations."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from encoders.evaluation.numpy_effects import numpy_processor
from encoders.evaluation.plugins import plugin_chain
from encoders.evaluation.recorded_rooms import RecordedRooms
from encoders.evaluation.sox_effects import sox_processor
from fxrep.effects import CHAINS, ChainEffect, EffectChain, create_chain, default_chain, pedalboard_processor
from fxrep.effects.chains import WITHOUT, leave_out
from fxrep.errors import ArgumentError

ROOMS = "rooms"
"""The chain that needs a folder of impulse responses."""

PLUGINS = "plugins"
"""The chain that needs plug-ins."""


def wide_chain() -> EffectChain:
    """Return the default chain with four more effects: enough for eight at once."""
    default = default_chain()
    return EffectChain(
        [
            *default.effects[:-2],
            ChainEffect("transient_shaper", 0.4, {"attack_db": (-12.0, 12.0), "sustain_db": (-12.0, 12.0)}),
            ChainEffect("chorus", 0.4, {"mix": (0.2, 0.6), "depth_ms": (1.0, 8.0)}),
            ChainEffect("delay", 0.4, {"time_ms": (80.0, 600.0), "feedback": (0.0, 0.6), "mix": (0.1, 0.5)}),
            *default.effects[-2:],
            ChainEffect("limiter", 0.4, {"ceiling_db": (-24.0, -6.0)}),
        ],
        shuffle_groups=[group for group in default.groups if len(group) > 1],
    )


def families_chain() -> EffectChain:
    """Return families of effects of which the default chain has none: modulation, echo, gates, transients, bits."""
    return EffectChain(
        [
            ChainEffect("high_pass", 0.4, {"frequency_hz": (60.0, 600.0)}),
            ChainEffect("low_pass", 0.4, {"frequency_hz": (1500.0, 12000.0)}),
            ChainEffect("noise_gate", 0.4, {"threshold_db": (-40.0, -20.0), "range_db": (10.0, 40.0)}),
            ChainEffect("transient_shaper", 0.4, {"attack_db": (-15.0, 15.0), "sustain_db": (-15.0, 15.0)}),
            ChainEffect("bit_crusher", 0.4, {"bits": (5.0, 12.0), "rate_factor": (1.0, 12.0)}),
            ChainEffect("chorus", 0.4, {"mix": (0.2, 0.6), "depth_ms": (1.0, 8.0)}),
            ChainEffect("phaser", 0.4, {"mix": (0.3, 0.6)}),
            ChainEffect("tremolo", 0.4, {"rate_hz": (1.0, 10.0), "depth": (0.3, 1.0), "phase_deg": (0.0, 180.0)}),
            ChainEffect("delay", 0.4, {"time_ms": (80.0, 600.0), "feedback": (0.0, 0.6), "mix": (0.1, 0.5)}),
            ChainEffect("stereo_imager", 0.4),
            ChainEffect("spring_reverb", 0.4, {"decay_s": (0.5, 4.0), "mix": (0.1, 0.5)}),
        ]
    )


def numpy_chain() -> EffectChain:
    """Return the families of the default chain as others would write them, with NumPy and SciPy."""
    return EffectChain(
        [
            ChainEffect(numpy_processor("three_bands"), 0.8),
            ChainEffect(numpy_processor("arctangent"), 0.5),
            ChainEffect(numpy_processor("leveller"), 0.7),
            ChainEffect(numpy_processor("spread"), 0.6),
            ChainEffect(numpy_processor("side_level"), 0.5),
            ChainEffect(numpy_processor("noise_tail"), 0.5),
            ChainEffect(numpy_processor("volume"), 0.5),
        ],
        shuffle_groups=[["numpy_three_bands", "numpy_arctangent", "numpy_leveller"]],
    )


def pedalboard_chain() -> EffectChain:
    """Return the families of the default chain from pedalboard, with stereo from `numpy_chain`, which it lacks.

    Raises:
        MissingExtraError: pedalboard is not installed.
    """
    shelf = {"gain_db": (-12.0, 12.0), "q": (0.4, 1.0)}
    reverb = {"room_size": (0.1, 0.95), "damping": (0.0, 0.9), "wet_level": (0.1, 0.5), "dry_level": (0.3, 0.6)}
    dynamics = {"threshold_db": (-40.0, -10.0), "ratio": (1.5, 12.0), "attack_ms": (3.0, 300.0)}
    parts: list[tuple[str, float, dict[str, tuple[float, float]]]] = [
        ("LowShelfFilter", 0.6, {**shelf, "cutoff_frequency_hz": (40.0, 400.0)}),
        ("PeakFilter", 0.6, {"cutoff_frequency_hz": (200.0, 6000.0), "gain_db": (-12.0, 12.0), "q": (0.3, 4.0)}),
        ("HighShelfFilter", 0.6, {**shelf, "cutoff_frequency_hz": (3000.0, 14000.0)}),
        ("Compressor", 0.7, {**dynamics, "release_ms": (100.0, 3000.0)}),
        ("Distortion", 0.5, {"drive_db": (0.0, 20.0)}),
        ("Reverb", 0.5, {**reverb, "width": (0.0, 1.0)}),
        ("Gain", 0.5, {"gain_db": (-9.0, 9.0)}),
    ]
    effects = [ChainEffect(pedalboard_processor(name, gradient="none"), share, ranges) for name, share, ranges in parts]
    stereo = [ChainEffect(numpy_processor("spread"), 0.6), ChainEffect(numpy_processor("side_level"), 0.5)]
    return EffectChain([*effects[:5], *stereo, *effects[5:]])


def sox_chain() -> EffectChain:
    """Return the families of the default chain, and an echo, as SoX has them.

    Raises:
        MissingExtraError: the program ``sox`` is not installed.
    """
    shares = {
        "equalizer": 0.6,
        "bass_treble": 0.6,
        "overdrive": 0.5,
        "compand": 0.7,
        "width": 0.6,
        "echo": 0.4,
        "reverb": 0.5,
        "gain": 0.5,
    }
    return EffectChain(
        [ChainEffect(sox_processor(name), share) for name, share in shares.items()],
        shuffle_groups=[["sox_equalizer", "sox_bass_treble", "sox_overdrive", "sox_compand"]],
    )


def rooms_chain(folder: str | os.PathLike[str]) -> EffectChain:
    """Return the default chain with recorded rooms in the place of its reverberation.

    Args:
        folder: of impulse responses, audio files.

    Raises:
        ArgumentError: there are none.
    """
    default = default_chain()
    rooms = RecordedRooms(folder)
    effects = [
        ChainEffect(rooms, effect.probability, {"mix": (0.05, 0.6), "room": rooms.rooms})
        if label == "noise_shaped_reverb"
        else effect
        for label, effect in zip(default.processors, default.effects, strict=True)
    ]
    return EffectChain(effects, shuffle_groups=[group for group in default.groups if len(group) > 1])


EVALUATION_CHAINS: dict[str, Callable[[], EffectChain]] = {
    "wide": wide_chain,
    "families": families_chain,
    "numpy": numpy_chain,
    "pedalboard": pedalboard_chain,
    "sox": sox_chain,
}


def evaluation_chain(
    name: str,
    impulse_responses: str | os.PathLike[str] | None = None,
    plugins: Sequence[str | Path] = (),
) -> EffectChain:
    """Return a chain to measure with: `fxrep.effects.create_chain`'s, `EVALUATION_CHAINS`', ``rooms``, ``plugins``.

    Args:
        name: of the chain; also ``NAME without EFFECT, …``.
        impulse_responses: folder for ``rooms``; the others do without.
        plugins: paths of VST3 or Audio Unit plug-ins for ``plugins``; the others do without.

    Raises:
        ArgumentError: there is none of that name, or ``rooms`` or ``plugins`` and what they need do not come together.
        MissingExtraError: the chain needs a package or program that is not installed.
    """
    _check_company(name, ROOMS, "impulse responses", impulse_responses is not None, "--impulse-responses")
    _check_company(name, PLUGINS, "plug-ins", bool(plugins), "--plugin")
    if name == ROOMS and impulse_responses is not None:
        return rooms_chain(Path(impulse_responses))
    if name == PLUGINS:
        return plugin_chain(plugins)
    base, separator, left_out = name.partition(WITHOUT)
    if base in CHAINS:
        return create_chain(name)
    if base not in EVALUATION_CHAINS:
        choices = ", ".join([*CHAINS, *EVALUATION_CHAINS, ROOMS, PLUGINS])
        raise ArgumentError(f"no chain is called {base!r}; choose from {choices}")
    chain = EVALUATION_CHAINS[base]()
    return leave_out(chain, left_out.split(",")) if separator else chain


def _check_company(name: str, needs: str, what: str, given: bool, option: str) -> None:
    """Refuse the chain `needs` without what it needs, and any other with it."""
    if name == needs and not given:
        raise ArgumentError(f"the chain {needs!r} needs {what}: give them with {option}")
    if name != needs and given:
        raise ArgumentError(f"{option} goes with the chain {needs!r}, not with {name!r}: leave out {option}")
