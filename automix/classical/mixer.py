"""The mixer that sets faders by a linear model of the tracks' features."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automix.classical.features import FEATURES, SOUND_FEATURES, describe_tracks, measure_track
from automix.classical.linear_model import LinearModel
from automix.instruments import name_instruments
from automix.methods import Explained
from fxrep.effects.console import default_console
from fxrep.effects.level import FADER_TABLE
from fxrep.errors import CheckpointError
from fxrep.mixing.session import TRACK_LUFS
from fxrep.mixing.tracks import TrackSet

PRETRAINED = Path(__file__).parents[1] / "pretrained"
DEFAULT = "classical"
FILE = "model.json"
RATE = 44100
WINDOW_S = 5.0

# What does less than this to a gain is not worth a word, and no more than three reasons are given.
_WORTH_DB, _REASONS = 0.3, 3


class ClassicalMixer:
    """Sets the fader of every track to what a linear model makes of its features beside those of the other tracks.

    After Scott and Kim (2011), who learn mixing weights by multiple linear regression. Only levels: the songs that it
    was fitted to are known by their gains.

    Args:
        model: a name that ships, a folder, or the file ``model.json`` that ``fxrep fit classical`` wrote.
        instruments: by track, for those that are not to be guessed from their names.

    Attributes:
        console: the project's own.
        track_lufs: LUFS of every track before the console.
        window_s: seconds that are listened to at once, as many as when it was fitted.

    Raises:
        CheckpointError: there is no such model, or it is damaged.
    """

    def __init__(self, model: str | os.PathLike[str] = "default", instruments: Mapping[str, str] | None = None) -> None:
        self.model = load_model(model)
        self.instruments = instruments
        self.console = default_console()
        self.track_lufs = TRACK_LUFS
        self.window_s = WINDOW_S

    def estimate(self, tracks: TrackSet, start_s: Sequence[float], seed: int = 0) -> Explained:
        """Return settings with the faders set, and for each track what counted most. Nothing is drawn.

        Raises:
            ArgumentError: an instrument is unknown, or said of no track.
            AudioError: a track cannot be read.
        """
        kinds = name_instruments(tracks.names, self.instruments)
        measured = measure_song(tracks, start_s)
        settings = self.console.default_settings(tracks.names)
        heard = list(measured)
        said = [
            "Gains are relative to tracks that are equally loud; each reason is the difference to the other tracks."
        ]
        if heard:
            features = describe_tracks(np.stack([measured[name] for name in heard]), [kinds[name] for name in heard])
            parts, gains = self.model.contributions(features), self.model.predict(features)
            for name, gain, part in zip(heard, gains.tolist(), parts, strict=True):
                level = min(max(gain, FADER_TABLE[0].minimum), FADER_TABLE[0].maximum)
                settings.tracks[name]["fader"]["gain_db"] = level
                said.append(f"{name}, {kinds[name]}: {level:+.1f} dB{_reasons(part)}.")
        said += [
            f"{name} is silent where was listened, and stays as it is." for name in tracks.names if name not in heard
        ]
        return Explained(settings, said)


def measure_song(tracks: TrackSet, start_s: Sequence[float]) -> dict[str, NDArray[np.float64]]:
    """Return the mean features of each track over windows of five seconds, of those that sound there."""
    rows: dict[str, list[NDArray[np.float64]]] = {}
    for start in start_s:
        audio = tracks.read(start, WINDOW_S, RATE)[0]
        for name, one in zip(tracks.names, audio, strict=True):
            if (row := measure_track(one, RATE)) is not None:
                rows.setdefault(name, []).append(row)
    return {name: np.mean(rows[name], axis=0) for name in tracks.names if name in rows}


def list_models() -> list[str]:
    """Return the names of the models that ship."""
    return sorted(path.parent.name for path in PRETRAINED.glob(f"*/{FILE}"))


def load_model(name_or_path: str | os.PathLike[str]) -> LinearModel:
    """Open a model by name, folder or file.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    text = os.fspath(name_or_path)
    shipped = PRETRAINED / (DEFAULT if text == "default" else text) / FILE
    if re.fullmatch(r"[\w.-]+", text) and shipped.is_file():
        return LinearModel.load(shipped, FEATURES)
    path = Path(text) / FILE if Path(text).is_dir() else Path(text)
    if not path.is_file():
        names = ", ".join(list_models()) or "none in this installation"
        raise CheckpointError(
            f"there is no classical mixer {text!r}: neither a file, a folder, nor one that ships ({names}); "
            "fxrep fit classical makes one"
        )
    return LinearModel.load(path, FEATURES)


def _reasons(part: NDArray[np.float64]) -> str:
    """The columns that did most, with the instrument as one: that a track is not a piano counts as well."""
    sound = dict(zip(SOUND_FEATURES, part[: len(SOUND_FEATURES)].tolist(), strict=True))
    effects = {**sound, "instrument": float(part[len(SOUND_FEATURES) :].sum())}
    most = sorted(effects, key=lambda name: -abs(effects[name]))[:_REASONS]
    listed = [f"{name} {effects[name]:+.1f} dB" for name in most if abs(effects[name]) >= _WORTH_DB]
    return f": {', '.join(listed)}" if listed else ""
