"""Fitting the linear model to songs whose gains are known."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fxrep
from automix.classical.card import write_card
from automix.classical.features import FEATURES, describe_tracks, measure_track
from automix.classical.linear_model import LinearModel, center_by_song, fit_ridge, leave_one_song_out
from automix.classical.mixer import FILE, RATE, WINDOW_S
from encoders.training.songs import SongDataset
from fxrep.data.manifest import Manifest, joint_provenance, read_manifest
from fxrep.errors import ArgumentError, DataError
from fxrep.files import atomic_folder
from fxrep.mixing.session import TRACK_LUFS
from fxrep.progress import track_progress

Array = NDArray[np.float64]

RIDGES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Penalties to choose from, by the error of songs that are left out."""

MAX_TRACKS = 32


def fit_classical(
    manifests: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    train_split: str | None = "train",
    test_split: str | None = "test",
    passages: int = 4,
    seed: int = 0,
) -> dict[str, Any]:
    """Fit the gains of songs to the features of their tracks, and write model and model card.

    Args:
        manifests: of songs whose stems lie at the levels of their mix; songs with a mix on file beside their stems are
            left out, as their gains are not known.
        output: folder to write ``model.json`` and ``README.md`` to; what is there is replaced.
        train_split: songs that are fitted to.
        test_split: songs that are only measured; None: none.
        passages: of five seconds that are drawn, on average of each song.
        seed: of the drawing.

    Returns:
        What was measured, as it stands in the card.

    Raises:
        ArgumentError: `passages` is out of range.
        DataError: there are no such songs.
        OutputError: the folder cannot be written.
    """
    if isinstance(passages, bool) or not isinstance(passages, int) or passages < 1:
        raise ArgumentError(f"passages is {passages!r}: expected 1 or more of each song")
    read = [stems_without_mix(read_manifest(Path(one))) for one in manifests]
    features, gains, songs = collect_songs(read, train_split, passages, seed)
    errors = {ridge: _error(gains, songs, leave_one_song_out(features, gains, songs, ridge)) for ridge in RIDGES}
    ridge = min(errors, key=lambda one: errors[one]["rms_db"])
    scale, weights = fit_ridge(features, gains, songs, ridge)
    limit = float(np.abs(center_by_song(gains, songs)).max())
    about: dict[str, Any] = {
        "fxrep": fxrep.__version__,
        "licence": "Apache-2.0",
        "songs": len(set(songs)),
        "tracks": len(songs),
        "split": train_split,
        "passages": passages,
        "seed": seed,
        "data": joint_provenance([one.filter(split=train_split) if train_split else one for one in read]),
        "left_out": {"model": errors[ridge], "equal_loudness": _error(gains, songs, np.zeros(len(songs)))},
        "by_ridge_rms_db": {f"{one:g}": errors[one]["rms_db"] for one in RIDGES},
    }
    model = LinearModel(list(FEATURES), scale.tolist(), weights.tolist(), ridge, limit, about)
    if test_split is not None:
        about["test"] = _measure(model, *collect_songs(read, test_split, passages, seed + 1)) | {"split": test_split}
    with atomic_folder(output) as draft:
        model.save(draft / FILE)
        write_card(draft, model)
    return about


def collect_songs(
    manifests: Sequence[Manifest], split: str | None, passages: int, seed: int
) -> tuple[Array, Array, list[str]]:
    """Measure tracks of songs with known gains.

    Args:
        manifests: of the stems, without mixes.
        split: which of them.
        passages: of each song, on average.
        seed: of the drawing.

    Returns:
        Features (R, D), gains in dB (R,) from equally loud tracks to those of the song, and the song of each row: of
        songs of which two tracks or more were heard.

    Raises:
        DataError: there are none.
    """
    dataset = SongDataset(manifests, split, "own_mix", 1, WINDOW_S, 2, MAX_TRACKS, TRACK_LUFS, RATE, seed=seed)
    dataset.length = passages * len(dataset.songs)
    rows = [row for manifest in manifests for row in manifest.rows]
    measured: dict[int, list[Array]] = defaultdict(list)
    gain_of: dict[int, float] = {}
    for index in track_progress(range(len(dataset)), "passages", len(dataset)):
        item = dataset[index]
        for number, track, gain in zip(item["stem"].tolist(), item["tracks"], item["gain_db"].tolist(), strict=True):
            if number >= 0 and (row := measure_track(track, RATE)) is not None:
                measured[number].append(row)
                gain_of[number] = gain
    song_of = {number: f"{rows[number].dataset}/{rows[number].song}" for number in measured}
    counts = Counter(song_of.values())
    kept = sorted(number for number in measured if counts[song_of[number]] > 1)
    if not kept:
        raise DataError(f"no song in split {split or 'all'!r} has two tracks that sound together")
    described = describe_tracks(
        np.stack([np.mean(measured[number], axis=0) for number in kept]), [rows[number].instrument for number in kept]
    )
    return described, np.array([gain_of[number] for number in kept]), [song_of[number] for number in kept]


def stems_without_mix(manifest: Manifest) -> Manifest:
    """Return the stems of songs without a mix on file: their sum is the mix, and their gains are known."""
    mixed = {(row.dataset, row.song) for row in manifest.rows if row.kind == "mix"}
    rows = [row for row in manifest.rows if row.kind == "stem" and (row.dataset, row.song) not in mixed]
    return dataclasses.replace(manifest, rows=rows)


def _measure(model: LinearModel, features: Array, gains: Array, songs: Sequence[str]) -> dict[str, Any]:
    names, found = np.asarray(songs), np.zeros(len(gains))
    for song in set(songs):
        found[names == song] = model.predict(features[names == song])
    return {
        "songs": len(set(songs)),
        "tracks": len(songs),
        "model": _error(gains, songs, found),
        "equal_loudness": _error(gains, songs, np.zeros(len(songs))),
    }


def _error(gains: Array, songs: Sequence[str], found: Array) -> dict[str, float]:
    """Difference to the gains, both relative to their song's mean, over all tracks."""
    apart = center_by_song(gains - found, songs)
    return {
        "rms_db": round(float(np.sqrt(np.square(apart).mean())), 3),
        "mean_db": round(float(np.abs(apart).mean()), 3),
    }
