"""What a training refuses before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from automix.dmc.controls import LEVEL
from automix.dmc.embedding_encoder import EmbeddingTrackEncoder
from automix.dmc.model import DifferentiableMixingConsole
from automix.dmc.transformation import check_reach
from fxrep.effects.console import MixingConsole
from fxrep.errors import ArgumentError


def check_controls(model: DifferentiableMixingConsole, mixing: MixingConsole, weights: Mapping[str, float]) -> None:
    """Refuse losses of settings that a model does not set, and settings that a proxy was not trained on.

    Raises:
        ArgumentError: which, and what to do.
    """
    names = [one.name for one in model.controls.tracks]
    if weights["gain"] and LEVEL not in model.controls.paths:
        raise ArgumentError(f"gain_weight: the console {model.console.name} has no {LEVEL}; set it to 0")
    if weights["curve"] and not any(name.startswith("parametric_eq.") for name in names):
        raise ArgumentError("curve_weight: this model sets no equaliser of the tracks; set it to 0")
    lowest: dict[str, float] = {}
    highest: dict[str, float] = {}
    for one in (*model.controls.tracks, *model.controls.shared):
        path = ".".join(one.path.keys[-2:])
        ends = [one.path.parameter.denormalize(end) for end in (one.low, one.high)]
        lowest[path] = min(lowest.get(path, ends[0]), ends[0])
        highest[path] = max(highest.get(path, ends[1]), ends[1])
    check_reach(mixing, lowest, highest)


def check_data(model: DifferentiableMixingConsole, data: Any) -> None:
    """Refuse a data module at another rate or level, too short, or without the mixes of its songs.

    Raises:
        ArgumentError: what does not fit, with both values.
    """
    for name, own in (("sample_rate", model.sample_rate), ("track_lufs", model.track_lufs)):
        if (given := getattr(data, name, own)) != own:
            raise ArgumentError(f"the data has {name} {given:g} and the model {own:g}: set both alike")
    drawing = getattr(data, "drawing", {})
    samples = round(drawing.get("segment_s", 1e9) * model.sample_rate)
    if samples < model.encoder.shortest:
        shortest_s = model.encoder.shortest / model.sample_rate
        raise ArgumentError(f"segment_s={drawing['segment_s']:g} is too short: this model needs {shortest_s:.2f} s")
    if drawing.get("reference", "own_mix") != "own_mix":
        raise ArgumentError(f"reference is {drawing['reference']}: automatic mixing learns from own_mix")


def embedding_encoder(model: DifferentiableMixingConsole) -> nn.Module:
    """Return the effect encoder that the embedding loss measures with.

    Raises:
        ArgumentError: the model has none.
    """
    if not isinstance(model.encoder, EmbeddingTrackEncoder):
        raise ArgumentError("embedding_weight needs an EmbeddingTrackEncoder: its effect encoder is what measures")
    return model.encoder.encoder
