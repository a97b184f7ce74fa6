"""Mixing in the style of a reference by searching the settings of a console directly."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from encoders import EffectEncoder, load_encoder
from fxrep.effects.console import ConsoleSettings, MixingConsole, default_console
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing.recordings import REFERENCE_LUFS
from fxrep.mixing.session import TRACK_LUFS
from fxrep.mixing.setting_groups import check_groups
from fxrep.mixing.tracks import TrackSet
from style_transfer.inference_time.console_space import ConsoleSpace
from style_transfer.inference_time.mix_search import MixSearch
from style_transfer.inference_time.objective import StyleObjective
from style_transfer.inference_time.options import SearchOptions
from style_transfer.inference_time.outcome import Outcome, run_search
from style_transfer.references import References

REFERENCE_WINDOWS = 6
"""Windows of each reference that its style is measured on."""

CHECK_WINDOWS = 2
"""Windows of the tracks that decide which settings are best; none of them is searched on, if there is room."""


@dataclass(frozen=True)
class Estimate:
    """Settings and how they were found.

    Attributes:
        settings: of the console.
        outcome: of the search.
        before: loudness, production style and distance of embeddings, unweighted, at the start; on the windows that
            decide.
        after: the same at the answer.
    """

    settings: ConsoleSettings
    outcome: Outcome
    before: dict[str, float]
    after: dict[str, float]


class InferenceTime:
    """A console method that trains nothing: it minimises the distance from the reference for the song at hand.

    By gradient where all effects of the console have one, by CMA-ES elsewhere. Memory does not depend on the length of
    the song: a few windows are read, and the console is rendered on one of them at a time.

    Args:
        console: that is set; None: the project's console.
        encoder: in whose space distance is measured: an effect encoder, its name or folder; None: none.
        only: groups of settings that may move, keys of `fxrep.mixing.setting_groups.SETTING_GROUPS`; None: all.
        track_lufs: what the tracks are brought to before the console.
        reference_lufs: what the references are brought to, and the mix with them.
        window_s: seconds of the windows.
        sample_rate: Hz at which windows are rendered and compared.
        options: how to search, see `SearchOptions`: ``steps``, ``starts``, ``search``, …

    Raises:
        ArgumentError: an argument is out of range.
        CheckpointError: there is no such encoder.
    """

    def __init__(
        self,
        console: MixingConsole | None = None,
        encoder: EffectEncoder | str | None = "default",
        *,
        only: str | Sequence[str] | None = None,
        track_lufs: float = TRACK_LUFS,
        reference_lufs: float = REFERENCE_LUFS,
        window_s: float = 5.0,
        sample_rate: int = 44100,
        **options: Any,
    ) -> None:
        self.options = SearchOptions.named(options)
        self.console = default_console() if console is None else console
        if not isinstance(self.console, MixingConsole):
            raise ArgumentError(f"console is {type(console).__name__}: expected a MixingConsole, or None")
        for name, value in {"track_lufs": track_lufs, "reference_lufs": reference_lufs}.items():
            if not is_number(value) or not -70.0 < value < 20.0:
                raise ArgumentError(f"{name} is {value!r}: expected a loudness in LUFS, for example -24")
        if not is_number(window_s) or not 0.5 <= window_s <= 60.0:
            raise ArgumentError(f"window_s is {window_s!r}: expected 0.5 to 60 seconds")
        if isinstance(sample_rate, bool) or not isinstance(sample_rate, int) or not 8000 <= sample_rate <= 192000:
            raise ArgumentError(f"sample_rate is {sample_rate!r}: expected 8000 to 192000 Hz")
        self.only = None if only is None else check_groups(only)
        self.track_lufs, self.reference_lufs = float(track_lufs), float(reference_lufs)
        self.window_s, self.sample_rate = float(window_s), sample_rate
        self.encoder = frozen_encoder(encoder)

    def estimate(
        self,
        tracks: TrackSet,
        references: References,
        start_s: Sequence[float] | None = None,
        seed: int = 0,
        start: ConsoleSettings | None = None,
    ) -> ConsoleSettings:
        """Return the settings that `search` finds."""
        return self.search(tracks, references, start_s, seed, start).settings

    def search(
        self,
        tracks: TrackSet,
        references: References,
        start_s: Sequence[float] | None = None,
        seed: int = 0,
        start: ConsoleSettings | None = None,
    ) -> Estimate:
        """Search the settings of a mix.

        The same arguments give the same settings, unless there is a time limit; tracks in another order give the same
        settings to each. Ctrl-C ends the search with the best settings so far.

        Args:
            tracks: of the song. A track that does not sound in any window stays at its start.
            references: in whose style.
            start_s: where the windows begin that are searched on, in seconds; None: four where tracks sound. What is
                best is decided on other windows between the first and the last of them.
            seed: of random starts and of CMA-ES.
            start: settings to start from and to stay near, such as a controller's answer; None: neutral.

        Raises:
            ArgumentError: an argument does not fit.
            AudioError: all tracks are silent in the windows, or a file cannot be read.
        """
        starts_s = tracks.windows(self.window_s, 4) if start_s is None else _check_starts(start_s)
        gains = tracks.input_gain_db(self.track_lufs)
        windows, checks = (
            [tracks.read(begin, self.window_s, self.sample_rate, gains) for begin in several]
            for several in (starts_s, self.check_starts(tracks, starts_s))
        )
        silent = _silent_tracks(tracks.names, [*windows, *checks])
        space = ConsoleSpace(self.console, tracks.names, start, self.only, silent)
        plan = self.options.plan(space.without_gradient(), seed)
        order = [tracks.names.index(name) for name in space.tracks]
        search = MixSearch(
            space,
            [window[:, order] for window in windows],
            [window[:, order] for window in checks],
            self.objective(references),
            self.sample_rate,
            self.options.weights.anchor,
        )
        starts = space.starts(self.options.starts, self.options.spread, seed)
        outcome = run_search(search, starts, plan, "searching settings")
        before, after = (search.parts(one) for one in (space.base, outcome.positions))
        return Estimate(space.settings_at(outcome.positions), outcome, before, after)

    def objective(self, references: References) -> StyleObjective:
        """How far mixes are from the references."""
        windows, shares = references.windows(self.window_s, REFERENCE_WINDOWS, self.sample_rate)
        levelled = windows * 10.0 ** ((self.reference_lufs - REFERENCE_LUFS) / 20.0)
        return StyleObjective(self.encoder, levelled, shares, self.sample_rate, self.options.weights)

    def check_starts(self, tracks: TrackSet, start_s: Sequence[float]) -> list[float]:
        """Windows within the same part of the song that overlap with those searched on as little as half."""
        low, high = min(start_s), max(start_s)
        if high - low < self.window_s:
            return list(start_s)
        others = [
            begin
            for begin in tracks.windows(self.window_s, 3 * len(start_s) + CHECK_WINDOWS)
            if low <= begin <= high and all(abs(begin - one) >= self.window_s / 2.0 for one in start_s)
        ]
        return others[:: max(1, len(others) // CHECK_WINDOWS)][:CHECK_WINDOWS] or list(start_s)


def frozen_encoder(encoder: EffectEncoder | str | None) -> EffectEncoder | None:
    """An encoder that nothing is learnt by, loaded if it is a name.

    Raises:
        ArgumentError: it is something else.
        CheckpointError: there is none of that name.
    """
    if encoder is None:
        return None
    # A copy: that of the caller may go on learning, and keeps its mode.
    found = copy.deepcopy(encoder) if isinstance(encoder, torch.nn.Module) else load_encoder(encoder)
    if not isinstance(found, EffectEncoder):
        raise ArgumentError(f"encoder is {type(encoder).__name__}: expected an EffectEncoder, its name or folder")
    return found.requires_grad_(False).eval()


def _check_starts(start_s: Sequence[float]) -> list[float]:
    starts = list(start_s)
    if not starts or not all(is_number(one) and 0.0 <= one < math.inf for one in starts):
        raise ArgumentError(f"start_s is {start_s!r:.80}: expected one or more times in seconds from 0")
    return starts


def _silent_tracks(names: Sequence[str], windows: Sequence[Tensor]) -> list[str]:
    sounds = torch.stack([window.abs().amax((0, 2, 3)) > 0.0 for window in windows]).any(0)
    if not bool(sounds.any()):
        raise AudioError("all tracks are silent in the windows that are listened to: choose other start_s")
    return [name for name, one in zip(names, sounds.tolist(), strict=True) if not one]
