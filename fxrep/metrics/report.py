"""One mix beside another: audio features, loudness and the distance an encoder hears between them."""

from __future__ import annotations

import importlib
import math
from typing import Any, Protocol

import torch

from fxrep.audio import AudioInput, read_audio
from fxrep.errors import ArgumentError, AudioError
from fxrep.metrics.cosine import embedding_distance
from fxrep.metrics.track_features import mix_features

REPORT_RATE = 44100
"""Hz at which both mixes are measured: features of spectra depend on it."""


class Embedder(Protocol):
    """Anything that embeds a recording: `encoders.EffectEncoder`, or one of your own."""

    def embed(self, audio: AudioInput, sample_rate: int | None = None) -> torch.Tensor:
        """One vector ``(D,)`` of a whole recording."""


def mix_report(
    estimate: AudioInput,
    reference: AudioInput,
    sample_rate: int | None = None,
    *,
    reference_rate: int | None = None,
    encoder: Embedder | str | None = "default",
) -> dict[str, Any]:
    """Measure a mix and the one it should be like; they need not be of the same song, nor equally long.

    Args:
        estimate: a path, or an array (samples,) or (channels, samples); half a second or more.
        reference: the same.
        sample_rate: Hz of arrays.
        reference_rate: Hz of a reference that is an array; None for `sample_rate`.
        encoder: what embeds both; a name or folder for `fxrep.load_encoder`; None for features alone.

    Returns:
        ``features``: for each of `mix_features` by name its ``estimate``, its ``reference`` and the ``difference``,
        None where there is nothing to measure; loudness among them. ``embedding_distance``: `embedding_distance` of the
        two, None without an encoder. Plain values, for JSON.

    Raises:
        AudioError: a recording cannot be used, is too short or silent; the message says which.
        ArgumentError: an array without a sample rate, or an encoder that is none.
        CheckpointError: there is no such encoder.
    """
    rates = (sample_rate, sample_rate if reference_rate is None else reference_rate)
    recordings = [
        _read(audio, rate, name)
        for audio, rate, name in zip((estimate, reference), rates, ("estimate", "reference"), strict=True)
    ]
    described = [_features(audio, name) for audio, name in zip(recordings, ("estimate", "reference"), strict=True)]
    features = {name: _beside(described[0][name], described[1][name]) for name in described[0]}
    distance = None
    if encoder is not None:
        embed = _find_encoder(encoder).embed
        distance = float(embedding_distance(*(embed(audio, REPORT_RATE) for audio in recordings)))
    return {"features": features, "embedding_distance": distance}


def _read(audio: AudioInput, sample_rate: int | None, name: str) -> torch.Tensor:
    try:
        return read_audio(audio, sample_rate, target_rate=REPORT_RATE, channels=2)
    except (AudioError, ArgumentError) as error:
        raise type(error)(f"{name}: {error}") from error


def _features(audio: torch.Tensor, name: str) -> dict[str, float]:
    try:
        return mix_features(audio.numpy(), REPORT_RATE)
    except AudioError as error:
        raise AudioError(f"{name}: {error}") from error


def _beside(estimate: float, reference: float) -> dict[str, float | None]:
    values = {"estimate": estimate, "reference": reference, "difference": estimate - reference}
    return {key: value if math.isfinite(value) else None for key, value in values.items()}


def _find_encoder(encoder: Embedder | str) -> Embedder:
    if not isinstance(encoder, str):
        if not callable(getattr(encoder, "embed", None)):
            raise ArgumentError(f"encoder is a {type(encoder).__name__}: give one with embed(), its name, or None")
        return encoder
    # Encoders stand above this package: as `fxrep.load_encoder` does, ask for them only when one is wanted by name.
    found: Embedder = importlib.import_module("encoders").load_encoder(encoder)
    return found
