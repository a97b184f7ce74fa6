"""Chains by name: the one this project trains with, and published ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from fxrep.effects.chain import ChainEffect, EffectChain
from fxrep.effects.reverb import OCTAVE_DECAYS, OCTAVE_GAINS
from fxrep.errors import ArgumentError

# Koo et al. 2023 give the probability of reverberation per instrument.
KOO_REVERB_PROBABILITY = {"drums": 0.5, "bass": 0.01, "vocals": 0.9}
KOO_OTHER_REVERB = 0.7

Ranges = dict[str, tuple[float, float]]


def default_chain() -> EffectChain:
    """Return the training chain: tone and dynamics in any order, then stereo, then room and level.

    Ranges are those a mixing engineer would reach on one track; extremes of the tables are left out, since no
    recording that people search for sounds like them.
    """
    gains = {f"{band}_gain_db": (-12.0, 12.0) for band in ("low_shelf", "high_shelf")}
    peaks = {f"peak_{number}_gain_db": (-12.0, 12.0) for number in range(1, 5)}
    sharpness = {f"peak_{number}_q": (0.3, 4.0) for number in range(1, 5)}
    shelves = {"low_shelf_hz": (40.0, 400.0), "high_shelf_hz": (3000.0, 14000.0)}
    slopes = {"low_shelf_q": (0.4, 1.0), "high_shelf_q": (0.4, 1.0)}
    dynamics = {
        "threshold_db": (-40.0, -10.0),
        "ratio": (1.5, 12.0),
        "attack_ms": (0.5, 60.0),
        "release_ms": (20.0, 600.0),
        "knee_db": (0.0, 12.0),
        "makeup_db": (0.0, 9.0),
    }
    room = {"decay_s": (0.2, 2.5), "damping": (0.0, 0.9), "pre_delay_ms": (0.0, 60.0), "mix": (0.05, 0.6)}
    return EffectChain(
        [
            ChainEffect("parametric_eq", 0.8, {**gains, **peaks, **sharpness, **shelves, **slopes}),
            ChainEffect("saturation", 0.5, {"drive_db": (0.0, 24.0), "mix": (0.3, 1.0)}),
            ChainEffect("compressor", 0.7, dynamics),
            ChainEffect("stereo_width", 0.6, {"width": (0.0, 2.0)}),
            ChainEffect("panner", 0.5, {"pan": (-0.8, 0.8)}),
            ChainEffect("noise_shaped_reverb", 0.5, room),
            ChainEffect("gain", 0.5, {"gain_db": (-9.0, 9.0)}),
        ],
        shuffle_groups=[["parametric_eq", "saturation", "compressor"], ["stereo_width", "panner"]],
    )


def koo_chain(instrument: str | None = None) -> EffectChain:
    """Return the chain of J. Koo et al., "Music Mixing Style Transfer", ICASSP 2023, as far as these processors reach.

    Order, probabilities, ranges and the matching of the level after every effect but the gain are the published ones.
    Different: the equaliser has three of our four peaks in use; the width scales the side alone; the reverb is shaped
    noise instead of undistributed impulse responses, with the drums not split at 100 Hz; the random polarity is left
    out, and probabilities do not change in training, since the rule of their schedule was not published.

    Args:
        instrument: ``drums``, ``bass``, ``vocals`` or anything else; only the probability of reverberation differs.
    """
    silent_bands = {"peak_4_gain_db": (0.0, 0.0), "peak_4_hz": (8000.0, 8000.0), "peak_4_q": (0.7, 0.7)}
    tone = {
        "low_shelf_hz": (30.0, 200.0),
        "peak_1_hz": (200.0, 1000.0),
        "peak_2_hz": (1000.0, 3000.0),
        "peak_3_hz": (3000.0, 8000.0),
        "high_shelf_hz": (5000.0, 10000.0),
        **{f"{band}_gain_db": (-15.0, 15.0) for band in ("low_shelf", "peak_1", "peak_2", "peak_3", "high_shelf")},
        **{f"peak_{number}_q": (0.1, 2.0) for number in range(1, 4)},
        **{f"{shelf}_q": (0.5, 0.75) for shelf in ("low_shelf", "high_shelf")},
    }
    dynamics = {
        "threshold_db": (-80.0, -5.0),
        "ratio": (4.0, 40.0),
        "attack_ms": (1.0, 20.0),
        "release_ms": (50.0, 500.0),
        "knee_db": (0.0, 0.0),
        "makeup_db": (0.0, 0.0),
        "link": ("none",),
    }
    reverb_probability = KOO_REVERB_PROBABILITY.get(instrument or "", KOO_OTHER_REVERB)
    laws = ("minus_4.5_db", "linear", "constant_power")
    return EffectChain(
        [
            ChainEffect("parametric_eq", 0.9, {**tone, **silent_bands}, match_rms=True),
            ChainEffect("compressor", 0.9, dynamics, match_rms=True),
            ChainEffect("panner", 0.3, {"pan": (-1.0, 1.0), "law": laws}, match_rms=True),
            ChainEffect("stereo_width", 0.8, {"width": (0.0, 2.0)}, match_rms=True),
            ChainEffect("noise_shaped_reverb", reverb_probability, {"mix": (0.5, 1.0)}, match_rms=True),
            ChainEffect("gain", 0.5, {"gain_db": (-6.0, 9.0)}),
        ],
        shuffle_groups=[["parametric_eq", "compressor"], ["panner", "stereo_width"]],
    )


def fx_encoder_plus_plus_chain() -> EffectChain:
    """Return the chain of Y.-T. Yeh et al., "Fx-Encoder++", ISMIR 2025, as far as these processors reach.

    Effects, probabilities, ranges and the random order are the published ones. Different: times, frequencies and
    ratios are drawn by ratio, not by difference; the shelf and the peak above 12 kHz end at 20 kHz instead of 21; the
    multiband compressor parts its middle band at 1 kHz, begins at 40 Hz instead of 20 and has no expanders; the
    distortion keeps full scale; the imager doubles the side at most and leaves the mid alone; the limiter has a fixed
    look-ahead instead of an attack of 0.1 to 5 ms; the delay begins at 1 ms; the reverb has nine octaves instead of
    twelve bands, 0 to 24 dB down at their start, with decays of 0.9 to 3.7 s instead of 0.9 to 10 s cut after 1.5 s.
    """
    wet = {"time_ms": (1.0, 300.0), "feedback": (0.0, 0.0), "damping_hz": (20000.0, 20000.0), "mix": (0.1, 0.7)}
    return EffectChain(
        [
            ChainEffect("parametric_eq", 0.6, _plus_plus_tone()),
            ChainEffect("saturation", 0.3, {"drive_db": (0.0, 8.0), "mix": (1.0, 1.0)}),
            ChainEffect("multiband_compressor", 0.8, _plus_plus_dynamics(), mix=(0.2, 0.7)),
            ChainEffect("gain", 0.6, {"gain_db": (6.0, 12.0)}),
            ChainEffect("stereo_width", 0.6, {"width": (0.0, 2.0)}),
            ChainEffect("limiter", 0.6, {"ceiling_db": (-20.0, 0.0), "release_ms": (20.0, 1000.0)}),
            ChainEffect("delay", 0.6, wet),
            ChainEffect("noise_shaped_reverb", 0.6, _plus_plus_room()),
        ],
        order="random",
    )


def _plus_plus_tone() -> Ranges:
    names = ("low_shelf", "peak_1", "peak_2", "peak_3", "peak_4", "high_shelf")
    return {
        # The frequencies are those that dasp-pytorch's equaliser has by default.
        "low_shelf_hz": (20.0, 2000.0),
        "peak_1_hz": (80.0, 2000.0),
        "peak_2_hz": (2000.0, 8000.0),
        "peak_3_hz": (8000.0, 12000.0),
        "peak_4_hz": (12000.0, 20000.0),
        "high_shelf_hz": (4000.0, 20000.0),
        **{f"{name}_gain_db": (-12.0, 12.0) for name in names},
        **{f"{name}_q": (0.5, 5.0) for name in names},
    }


def _plus_plus_dynamics() -> Ranges:
    names = ("low", "low_mid", "high_mid", "high")
    return {
        "low_crossover_hz": (40.0, 300.0),
        "mid_crossover_hz": (1000.0, 1000.0),
        "high_crossover_hz": (2000.0, 12000.0),
        "knee_db": (0.0, 0.0),
        **{f"{name}_threshold_db": (-30.0, -5.0) for name in names},
        **{f"{name}_ratio": (1.5, 6.0) for name in names},
        **{f"{name}_attack_ms": (1.0, 20.0) for name in names},
        **{f"{name}_release_ms": (20.0, 500.0) for name in names},
        **{f"{name}_makeup_db": (0.0, 0.0) for name in names},
    }


def _plus_plus_room() -> Ranges:
    return {
        # The octaves' own decays, half to twice this, are those of exp(-k t / 1.49 s) for k from 2.8 to 11.
        "decay_s": (1.86, 1.86),
        "damping": (0.0, 0.0),
        "pre_delay_ms": (0.0, 0.0),
        "mix": (0.0, 1.0),
        **dict.fromkeys(OCTAVE_GAINS.values(), (-24.0, 0.0)),
        **dict.fromkeys(OCTAVE_DECAYS.values(), (0.5, 2.0)),
    }


CHAINS: dict[str, Callable[[], EffectChain]] = {
    "default": default_chain,
    "koo": koo_chain,
    "fx_encoder_plus_plus": fx_encoder_plus_plus_chain,
}


INSTRUMENT_CHAINS: Mapping[str, Mapping[str, Callable[[], EffectChain]]] = {
    "koo": {instrument: partial(koo_chain, instrument) for instrument in KOO_REVERB_PROBABILITY},
}
"""What takes the place of a chain for some instruments: the same effects and ranges, other probabilities."""

WITHOUT = " without "
"""What parts the name of a chain from the effects that it is to have no more."""


def create_chain(name: str, instrument: str | None = None) -> EffectChain:
    """Return a new chain by its name.

    Args:
        name: one of `CHAINS`, or ``NAME without EFFECT, EFFECT``, for a family of effects that is held out.
        instrument: what it is for; matters to chains of `INSTRUMENT_CHAINS` alone.

    Raises:
        ArgumentError: there is none of that name, or it has no such effect.
    """
    base, separator, left_out = name.partition(WITHOUT)
    if base not in CHAINS:
        raise ArgumentError(f"no chain is called {base!r}; choose from {', '.join(CHAINS)}")
    chain = INSTRUMENT_CHAINS.get(base, {}).get(instrument or "", CHAINS[base])()
    return leave_out(chain, left_out.split(",")) if separator else chain


def create_instrument_chains(name: str) -> dict[str, EffectChain]:
    """Return the chains that take the place of `create_chain(name)`, by instrument; for most names there are none.

    Raises:
        ArgumentError: as `create_chain`.
    """
    base = name.partition(WITHOUT)[0]
    return {instrument: create_chain(name, instrument) for instrument in INSTRUMENT_CHAINS.get(base, {})}


def leave_out(chain: EffectChain, labels: Sequence[str]) -> EffectChain:
    """Return a chain without some of its effects; the others keep their ranges, order and probabilities.

    Raises:
        ArgumentError: it does not have one of them, or would have none left.
    """
    unwanted = [label.strip() for label in labels]
    for label in unwanted:
        if label not in chain.processors:
            raise ArgumentError(f"the chain has no effect {label!r}: it has {', '.join(chain.processors)}")
    named = zip(chain.processors, chain.effects, strict=True)
    kept = [effect for label, effect in named if label not in unwanted]
    if not kept:
        raise ArgumentError(f"without {', '.join(unwanted)} the chain has no effect left: keep one")
    if chain.order == "random":
        return EffectChain(kept, order="random")
    groups = [[label for label in group if label not in unwanted] for group in chain.groups]
    return EffectChain(kept, shuffle_groups=[group for group in groups if len(group) > 1])
