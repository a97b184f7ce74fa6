"""What a linear read-out finds in an embedding: which effects, how they are set, and the content it should not hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from encoders.evaluation.probe_clips import ClipSource, Origin, embed_rendered
from encoders.evaluation.probe_protocol import ProbeProtocol
from encoders.evaluation.systems import System
from fxrep.data.manifest import Manifest
from fxrep.data.segments import UNKNOWN_INSTRUMENT
from fxrep.effects import EffectChain, Settings
from fxrep.effects.chain_settings import entry_label
from fxrep.metrics import bootstrap_statistic
from fxrep.metrics.probes import (
    Array,
    area_under_curve,
    balanced_accuracy,
    r_squared,
    ridge_predictions,
    spearman,
)

FEWEST_CLIPS = 10
"""A setting, an instrument or a song with fewer clips than this, to fit on or to test on, is left out."""

RESAMPLES = 200


@dataclass(frozen=True)
class Labelled:
    """Clips with their settings, embedded: `embeddings` (N, D) per system."""

    origins: list[Origin]
    settings: list[Settings]
    embeddings: dict[str, Tensor]


def probe_readouts(
    systems: Mapping[str, System], manifest: Manifest, protocol: ProbeProtocol
) -> dict[str, dict[str, Any]]:
    """Read-outs fitted on the songs of one split and measured on those of the other.

    Returns:
        Per system ``effects``, ``settings`` and ``leakage``, see `docs/evaluation.md`.
    """
    fit, test = (
        _draw_labelled(systems, manifest, split, protocol, number)
        for number, split in enumerate((protocol.fit_split, protocol.split))
    )
    assert isinstance(protocol.chain, EffectChain)
    found = {}
    for name in systems:
        vectors = (fit.embeddings[name].double().numpy(), test.embeddings[name].double().numpy())
        found[name] = {
            "effects": _read_effects(protocol.chain, fit.settings, test.settings, *vectors),
            "settings": _read_settings(protocol.chain, fit.settings, test.settings, *vectors),
            "leakage": {
                "instrument": _read_instruments(fit.origins, test.origins, *vectors),
                "song": _read_songs(test.origins, vectors[1]),
            },
        }
    return found


def _draw_labelled(
    systems: Mapping[str, System], manifest: Manifest, split: str | None, protocol: ProbeProtocol, number: int
) -> Labelled:
    assert isinstance(protocol.chain, EffectChain)
    rng = np.random.default_rng([protocol.seed, 10 + number])
    generator = torch.Generator().manual_seed(protocol.seed * 1000 + 10 + number)
    clips = ClipSource(manifest, split, protocol).draw(rng, protocol.clips)
    settings = protocol.chain.sample_batch(generator, len(clips))
    embeddings = embed_rendered(systems, [clip.audio for clip in clips], settings, protocol, f"clips of {split}")
    return Labelled([clip.origin for clip in clips], settings, embeddings)


def _read_effects(
    chain: EffectChain, fit_settings: Sequence[Settings], test_settings: Sequence[Settings], fit: Array, test: Array
) -> dict[str, Any]:
    labels = list(chain.processors)
    before, truth = (
        np.array([[any(entry_label(entry) == label for entry in one) for label in labels] for one in settings])
        for settings in (fit_settings, test_settings)
    )
    # An effect that is always or never there cannot be asked for.
    asked = [place for place in range(len(labels)) if 0 < before[:, place].sum() < len(before)]
    asked = [place for place in asked if 0 < truth[:, place].sum() < len(truth)]
    if not asked:
        return {"auc": 0.5, "auc_interval": (0.5, 0.5), "by_effect": {}}
    scores = ridge_predictions(fit, before[:, asked].astype(np.float64), test)
    present = truth[:, asked]

    def mean_area(chosen: NDArray[np.int64]) -> float:
        areas = [area_under_curve(present[chosen, k], scores[chosen, k]) for k in range(len(asked))]
        return float(np.mean(areas))

    everyone = np.arange(len(test))
    return {
        "auc": mean_area(everyone),
        "auc_interval": _interval(mean_area, len(test)),
        "by_effect": {labels[place]: area_under_curve(present[:, k], scores[:, k]) for k, place in enumerate(asked)},
    }


def _read_settings(
    chain: EffectChain, fit_settings: Sequence[Settings], test_settings: Sequence[Settings], fit: Array, test: Array
) -> dict[str, Any]:
    """Each setting from the clips that have its effect, in positions of its own scale; every effect counts alike."""
    before, truth = _positions(chain, fit_settings), _positions(chain, test_settings)
    read: dict[str, tuple[NDArray[np.int64], Array, Array]] = {}
    for name in before:
        known, asked = ~np.isnan(before[name]), ~np.isnan(truth[name])
        if min(known.sum(), asked.sum()) < FEWEST_CLIPS or np.ptp(before[name][known]) < 1e-9:
            continue
        predicted = ridge_predictions(fit[known], before[name][known, None], test[asked])[:, 0]
        read[name] = (np.flatnonzero(asked), truth[name][asked], predicted)
    by_setting = {
        name: {"r2": r_squared(of, by), "spearman": spearman(of, by), "clips": len(of)}
        for name, (_, of, by) in read.items()
    }

    def mean_of(score: Callable[[Array, Array], float]) -> Callable[[NDArray[np.int64]], float]:
        def statistic(chosen: NDArray[np.int64]) -> float:
            times = np.bincount(chosen, minlength=len(test))
            scores: dict[str, list[float]] = {}
            for name, (where, of, by) in read.items():
                if times[where].any():
                    one = score(of.repeat(times[where]), by.repeat(times[where]))
                    scores.setdefault(name.split(".")[0], []).append(one)
            return float(np.mean([float(np.mean(some)) for some in scores.values()] or [0.0]))

        return statistic

    return {
        "r2": mean_of(r_squared)(np.arange(len(test))),
        "r2_interval": _interval(mean_of(r_squared), len(test)),
        "spearman": mean_of(spearman)(np.arange(len(test))),
        "spearman_interval": _interval(mean_of(spearman), len(test)),
        "by_setting": by_setting,
    }


def _positions(chain: EffectChain, settings: Sequence[Settings]) -> dict[str, Array]:
    """Per setting ``label.name`` its position in [0, 1] on every clip (N,), NaN where its effect is not active."""
    found: dict[str, Array] = {}
    for label, processor in chain.processors.items():
        for parameter in processor.parameter_table:
            column = np.full(len(settings), np.nan)
            for place, entries in enumerate(settings):
                values = [entry["settings"].get(parameter.name) for entry in entries if entry_label(entry) == label]
                if values and values[0] is not None:
                    column[place] = parameter.normalize(float(values[0]))
            found[f"{label}.{parameter.name}"] = column
    return found


def _read_instruments(fit_origins: list[Origin], test_origins: list[Origin], fit: Array, test: Array) -> dict[str, Any]:
    """Instrument of clips of other songs; tracks of unknown instrument are left out."""
    names = [
        name
        for name in sorted({one.instrument for one in fit_origins} - {UNKNOWN_INSTRUMENT})
        if min(sum(one.instrument == name for one in origins) for origins in (fit_origins, test_origins))
        >= FEWEST_CLIPS // 2
    ]
    known, asked = (
        np.array([one.instrument in names for one in origins], dtype=bool) for origins in (fit_origins, test_origins)
    )
    before, truth = (
        np.array([names.index(one.instrument) for one in origins if one.instrument in names], dtype=np.int64)
        for origins in (fit_origins, test_origins)
    )
    return _classify(fit[known], before, test[asked], truth, len(names))


def _read_songs(origins: list[Origin], vectors: Array) -> dict[str, Any]:
    """Song of half of its clips, told by the other half, and the other way round."""
    names = sorted({one.song for one in origins})
    songs = np.array([names.index(one.song) for one in origins], dtype=np.int64)
    # Every second clip of each song.
    seen: dict[int, int] = {}
    half = np.zeros(len(songs), dtype=bool)
    for place, song in enumerate(songs.tolist()):
        seen[song] = seen.get(song, 0) + 1
        half[place] = seen[song] % 2 == 0
    kept = np.isin(songs, [song for song, count in seen.items() if count >= 2])
    first, second = np.flatnonzero(kept & half), np.flatnonzero(kept & ~half)
    truth = np.concatenate([songs[second], songs[first]])
    predicted = np.concatenate(
        [_predict(vectors[a], songs[a], vectors[b]) for a, b in ((first, second), (second, first))]
    )
    return _accuracy(truth, predicted, len(np.unique(truth)))


def _classify(
    fit: Array, before: NDArray[np.int64], test: Array, truth: NDArray[np.int64], n_classes: int
) -> dict[str, Any]:
    if n_classes < 2:
        return _accuracy(truth, truth, n_classes)
    return _accuracy(truth, _predict(fit, before, test), n_classes)


def _predict(fit: Array, before: NDArray[np.int64], test: Array) -> NDArray[np.int64]:
    """The class whose indicator ridge regression predicts highest."""
    classes = np.unique(before)
    if len(before) < 3 or len(classes) < 2:
        return np.full(len(test), classes[0] if len(classes) else 0)
    scores = ridge_predictions(fit, (before[:, None] == classes).astype(np.float64), test)
    found: NDArray[np.int64] = classes[scores.argmax(1)]
    return found


def _accuracy(truth: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int) -> dict[str, Any]:
    """Balanced accuracy with its interval; not a number where there is nothing to tell apart."""
    if n_classes < 2:
        return {"accuracy": None, "accuracy_interval": None, "chance": None, "classes": n_classes}
    return {
        "accuracy": balanced_accuracy(truth, predicted),
        "accuracy_interval": _interval(lambda chosen: balanced_accuracy(truth[chosen], predicted[chosen]), len(truth)),
        "chance": 1.0 / n_classes,
        "classes": n_classes,
    }


def _interval(statistic: Callable[[NDArray[np.int64]], float], size: int) -> tuple[float, float]:
    return bootstrap_statistic(lambda rows: np.array([statistic(row) for row in rows]), size, resamples=RESAMPLES)
