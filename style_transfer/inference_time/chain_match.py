"""One recording in the style of another by a chain of any effects: plug-ins, black boxes, choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from encoders import EffectEncoder
from fxrep.audio import AudioInput
from fxrep.effects import EffectChain, Settings
from fxrep.errors import ArgumentError
from fxrep.mixing.tracks import TrackSet
from style_transfer.inference_time.chain_space import ChainSpace
from style_transfer.inference_time.inference_time import InferenceTime
from style_transfer.inference_time.mix_search import MixSearch
from style_transfer.inference_time.outcome import Outcome, run_search
from style_transfer.references import References

WINDOWS = 4
"""Windows of the recording that are searched on."""


@dataclass(frozen=True)
class ChainMatch:
    """What a chain was set to.

    Attributes:
        settings: of the chain, plain numbers and names, to be edited and kept with `fxrep.effects.save_settings`.
        chain: that they belong to.
        outcome: of the search.
    """

    settings: Settings
    chain: EffectChain
    outcome: Outcome

    @torch.no_grad()
    def render(self, audio: Tensor, sample_rate: int) -> Tensor:
        """Apply the settings to audio (C, T): (C or 2, T)."""
        wet: Tensor = self.chain(audio, sample_rate, self.settings)
        return wet


def match_chain(
    audio: AudioInput,
    reference: AudioInput | Sequence[AudioInput],
    chain: EffectChain,
    *,
    sample_rate: int | None = None,
    encoder: EffectEncoder | str | None = "default",
    seed: int = 0,
    **options: Any,
) -> ChainMatch:
    """Search the settings of a chain that bring a recording nearest to the style of a reference.

    By gradient where every effect has one and nothing is a choice, by CMA-ES elsewhere. The recording goes in as it
    is, and what comes out keeps its loudness.

    Args:
        audio: a path, or an array (samples,) or (channels, samples).
        reference: one or several.
        chain: the effects, all of them in use, with the ranges that are searched.
        sample_rate: Hz of arrays.
        encoder: in whose space distance is measured.
        seed: of all chance.
        options: of `InferenceTime`, without ``only``, ``track_lufs`` and ``reference_lufs``.

    Raises:
        ArgumentError: an argument is out of range, or the chain has nothing to set.
        AudioError: a recording cannot be used, or is silent.
    """
    if not isinstance(chain, EffectChain):
        raise ArgumentError(f"chain is {type(chain).__name__}: expected an EffectChain")
    tracks = TrackSet({"audio": audio}, sample_rate)
    references = References(reference, sample_rate=sample_rate)
    starts_s = tracks.windows(options.get("window_s", 5.0), WINDOWS)
    method = InferenceTime(None, encoder, **{**options, "reference_lufs": tracks.loudness_lufs["audio"]})
    space = ChainSpace(chain)
    plan = method.options.plan(space.without_gradient(), seed)
    windows, checks = (
        [tracks.read(begin, method.window_s, method.sample_rate) for begin in several]
        for several in (starts_s, method.check_starts(tracks, starts_s))
    )
    objective, weight = method.objective(references), method.options.weights.anchor
    search = MixSearch(space, windows, checks, objective, method.sample_rate, weight)
    starts = space.starts(method.options.starts, method.options.spread, seed)
    outcome = run_search(search, starts, plan, "searching settings")
    return ChainMatch(space.plain_settings_at(outcome.positions), chain, outcome)
