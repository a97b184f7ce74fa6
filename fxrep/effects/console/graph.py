"""The console of mixing graphs: every effect on every track and group, each with a weight, none of them in use."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fxrep.effects.console.mixing_console import MixingConsole
from fxrep.effects.console.strip import StripEffect
from fxrep.effects.processor import Processor
from fxrep.effects.settings import check_form


def two_channels(audio: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """Return mono on both sides and stereo as it is: (B, C, T) to (B, 2, T).

    Whether an effect further on hears one channel or two must not depend on which of those before it are in use.

    Raises:
        AudioError: the audio has a wrong shape or kind.
    """
    check_form(audio, sample_rate)
    return audio.expand(-1, 2, -1)


class TwoChannels(Processor):
    """Mono on both sides."""

    name = "two_channels"
    function = staticmethod(two_channels)
    stereo = True
    memoryless = True


def graph_console(groups: Sequence[str] = ()) -> MixingConsole:
    """Return the console that a mixing graph is cut out of.

    Tracks and groups have the chain of S. Lee et al. ("Searching for music mixing graphs: a pruning approach", DAFx
    2024): equaliser, compressor, noise gate, stereo width, gain and panner, delay, reverberation. Every effect has a
    weight, ``wet``, from 0 (not there) to 1; with default settings none is in use, and the mix is the sum of the
    tracks. Delay and reverberation give only what they add: their weight is the share of the wet sound.

    Mono tracks are stereo from the beginning, so that a panner is a balance. The master has nothing but a fader.

    Args:
        groups: names of the subgroups, all with the same strip as a track.
    """
    chain = [
        StripEffect(TwoChannels()),
        StripEffect("parametric_eq", manual=["high_pass_hz", "low_pass_hz"], wet=0.0),
        StripEffect("compressor", manual=["lookahead_ms", "rms_ms"], wet=0.0),
        StripEffect("noise_gate", wet=0.0),
        StripEffect("stereo_width", wet=0.0),
        StripEffect("gain", wet=0.0),
        StripEffect("panner", wet=0.0),
        StripEffect("delay", fixed={"mix": 1.0}, wet=0.0),
        StripEffect("noise_shaped_reverb", fixed={"mix": 1.0}, wet=0.0),
    ]
    return MixingConsole(
        track=chain, groups={group: list(chain) for group in groups}, buses={}, master=["fader"], name="graph"
    )
