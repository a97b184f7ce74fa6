"""The style of a mix in numbers: features, loudness and an embedding, before and after, beside the references."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fxrep.audio import SILENCE_DB, iter_blocks
from fxrep.errors import ArgumentError, AudioError
from fxrep.metrics.cosine import embedding_distance
from fxrep.metrics.track_features import mix_features
from fxrep.mixing.recordings import Recordings, WindowEncoder

MEASURED_RATE = 44100
WINDOW_S = 10.0
WINDOWS = 6
# All are measured at one loudness: that of the mix stands apart.
_LOUDNESS = "loudness: integrated (LUFS)"


@dataclass(frozen=True)
class Style:
    """What was measured of one mix, or of all references together, at -16 LUFS.

    Attributes:
        features: as `fxrep.metrics.track_features.mix_features` names them, means over windows; NaN where there is
            nothing to measure.
        embedding: (D,) of unit length, or None without an encoder.
    """

    features: dict[str, float]
    embedding: torch.Tensor | None


def measure_style(
    recordings: Recordings, encoder: WindowEncoder | None, start_s: Sequence[float] | None = None
) -> Style:
    """Measure recordings in windows of ten seconds.

    Args:
        recordings: one mix, or references with weights.
        encoder: what embeds them; None: features alone.
        start_s: where the windows lie, so that two mixes of one song are heard at the same places; None: where the
            recordings sound.
    """
    windows, shares = recordings.windows(WINDOW_S, WINDOWS, MEASURED_RATE, start_s)
    rows: list[tuple[dict[str, float], float]] = []
    for window, share in zip(windows, shares.tolist(), strict=True):
        try:
            rows.append((mix_features(window.numpy(), MEASURED_RATE), share))
        except AudioError:  # A window in which nothing sounds, since the faders are down there.
            continue
    names = list(rows[0][0]) if rows else []
    features = {name: _mean([(row[name], share) for row, share in rows]) for name in names if name != _LOUDNESS}
    embedding = None if encoder is None else recordings.embedding(encoder, start_s=_fitting(recordings, start_s))
    return Style(features, embedding)


def _fitting(recordings: Recordings, start_s: Sequence[float] | None) -> list[float] | None:
    return None if start_s is None else [start for start in start_s if start < min(recordings.duration_s)]


def _mean(values: Sequence[tuple[float, float]]) -> float:
    known = [(value, share) for value, share in values if math.isfinite(value)]
    total = sum(share for _, share in known)
    return sum(value * share for value, share in known) / total if total else math.nan


def compare_styles(before: Style | None, after: Style | None, reference: Style | None) -> dict[str, Any]:
    """Return plain values for JSON: ``features`` by name and ``embedding_distance``, each before and after.

    Args:
        before: of the mix in which all tracks are equally loud; None: it is silent.
        after: of the mix; None: it is silent.
        reference: of the references; None: there are none.
    """
    styles = {"before": before, "after": after, "reference": reference}
    names = next((list(style.features) for style in styles.values() if style is not None and style.features), [])
    features = {
        name: {key: _plain(style.features.get(name)) if style else None for key, style in styles.items()}
        for name in names
    }
    distances = {key: _distance(styles[key], reference) for key in ("before", "after")}
    nearer = [nearer_after(row) for row in features.values()]
    known = [one for one in nearer if one is not None]
    return {
        "features": features,
        "features_nearer": {"after": sum(known), "of": len(known)} if reference is not None else None,
        "embedding_distance": distances,
    }


SHOWN_DIGITS = 2
"""Of features behind the point: what differs by less has not changed."""


def nearer_after(row: Mapping[str, float | None], digits: int = SHOWN_DIGITS) -> bool | None:
    """Return whether a feature is nearer to the reference after than before.

    Args:
        row: its value ``before``, ``after`` and of the ``reference``.
        digits: behind the point, of values as they are shown.

    Returns:
        None where one of them is unknown, or the feature is shown as it was.
    """
    before, after, reference = (row[key] for key in ("before", "after", "reference"))
    if before is None or after is None or reference is None or round(before, digits) == round(after, digits):
        return None
    return abs(after - reference) < abs(before - reference)


def _distance(style: Style | None, reference: Style | None) -> float | None:
    if style is None or reference is None or style.embedding is None or reference.embedding is None:
        return None
    return float(embedding_distance(style.embedding, reference.embedding))


def measure_levels(path: Path) -> dict[str, float | None]:
    """Return the ``lufs`` and the ``peak_dbfs`` of a file, in constant memory; None for silence."""
    peak = max((float(block.abs().max()) for block in iter_blocks(path, 5.0)), default=0.0)
    if peak <= 10.0 ** (SILENCE_DB / 20.0):
        return {"lufs": None, "peak_dbfs": None}
    try:
        lufs = Recordings([path]).loudness_lufs[0]
    except AudioError:  # Too short or too soft to be measured.
        return {"lufs": None, "peak_dbfs": 20.0 * math.log10(peak)}
    return {"lufs": lufs, "peak_dbfs": 20.0 * math.log10(peak)}


def find_encoder(encoder: WindowEncoder | str | None) -> WindowEncoder | None:
    """Return an encoder, or the one that has a name or lies in a folder.

    Raises:
        ArgumentError: it is none.
        CheckpointError: there is none of that name.
    """
    if isinstance(encoder, str):
        # Encoders stand above this package: they are asked for only when one is wanted by name.
        found: WindowEncoder = importlib.import_module("encoders").load_encoder(encoder)
        return found
    if encoder is not None and not (callable(encoder) and hasattr(encoder, "window_s")):
        raise ArgumentError(f"encoder is a {type(encoder).__name__}: give an EffectEncoder, its name, or None")
    return encoder


def _plain(value: float | np.floating | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
