"""How much Fx-normalisation shrinks what differs between tracks of one instrument: a table of `normalization.py`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import published_normalization as published
import torch
from numpy.typing import NDArray

from fxrep.audio import load_audio
from fxrep.errors import FxrepError
from fxrep.metrics import mix_features
from fxrep.normalization import FxNormalizer
from fxrep.normalization.fitting import FitTrack

Array = NDArray[np.float64]
Rows = dict[str, list[tuple[dict[str, float], ...]]]

FEWEST_TRACKS = 4
"""An instrument with fewer tracks has no variance worth averaging."""

SEARCH_DB = 5.0
"""Steps of the published search for a threshold, here: at its own half decibel, one track can take minutes."""


def published_targets(tracks: list[FitTrack], seconds: float) -> dict[str, published.Targets]:
    """The averages of the published way, over as much of every track as the table hears."""
    measured: dict[str, list[published.Targets]] = {}
    for track in tracks:
        try:
            audio, rate = load_audio(track.audio, duration_s=seconds, channels=2)
        except FxrepError:
            continue
        if rate == published.RATE and audio.shape[1] > published.RATE and float(audio.abs().max()) > 0.003:
            measured.setdefault(track.instrument, []).append(
                published.measure(audio.double().numpy(), track.instrument)
            )
    return {instrument: published.average(rows) for instrument, rows in measured.items()}


def compare_features(
    heard: Iterator[tuple[FitTrack, torch.Tensor, int]], normalizer: FxNormalizer, targets: dict[str, published.Targets]
) -> None:
    """Print the deviation of every feature: as given, after our steps, after the published ones."""
    rows: Rows = {}
    for track, audio, rate in heard:
        if rate != published.RATE or track.instrument not in targets:
            continue
        ours = normalizer(audio, rate, track.instrument).numpy()
        theirs = published.normalize(
            audio.double().numpy(), targets[track.instrument], track.instrument, step_db=SEARCH_DB
        )
        row = tuple(mix_features(version, rate) for version in (audio.numpy(), ours, theirs))
        rows.setdefault(track.instrument, []).append(row)
    rows = {name: versions for name, versions in rows.items() if len(versions) >= FEWEST_TRACKS}
    counted = ", ".join(f"{name} {len(versions)}" for name, versions in rows.items())
    print(f"Standard deviation between tracks of one instrument ({counted}); ratio of variances to before.\n")
    print("| feature | before | after | published | variance after | published |\n|---|---|---|---|---|---|")
    for name in next(iter(rows.values()))[0][0]:
        before, ours_left, theirs_left = _variances(rows, name)
        deviations = " | ".join(f"{value**0.5:.3g}" for value in (before, ours_left, theirs_left))
        print(f"| {name} | {deviations} | {ours_left / before:.2f} | {theirs_left / before:.2f} |")


def _variances(rows: Rows, name: str) -> Array:
    """The variance within instruments of one feature in every version, (3,)."""
    parts = [np.array([[version[name] for version in row] for row in group]) for group in rows.values()]
    centred = np.concatenate([part - np.nanmean(part, axis=0) for part in parts])
    return np.asarray(np.nanmean(centred**2, axis=0))
