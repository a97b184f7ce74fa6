"""The average features of a dataset as a small file: JSON to read, npz to keep small; both hold the same numbers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fxrep.errors import ArgumentError, DataError
from fxrep.files import atomic_file
from fxrep.normalization.step import Feature

_FORMAT = "fxrep normalization statistics"
_VERSION = 1


@dataclass(frozen=True)
class InstrumentStatistics:
    """The averages of one instrument.

    Attributes:
        tracks: how many tracks were averaged.
        duration_s: of those tracks.
        features: by the name of the step; a step without an entry had nothing to measure and is passed over.
    """

    tracks: int
    duration_s: float
    features: Mapping[str, Feature]


@dataclass(frozen=True)
class Statistics:
    """Everything a normaliser knows.

    Attributes:
        steps: names and options, in the order applied (see `describe_steps`).
        instruments: averages by canonical instrument name.
        provenance: what was averaged: datasets, songs, splits, licences, version. Has no influence.
    """

    steps: list[dict[str, Any]]
    instruments: Mapping[str, InstrumentStatistics]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers."""
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "provenance": dict(self.provenance),
            "steps": self.steps,
            "instruments": {
                name: {
                    "tracks": entry.tracks,
                    "duration_s": entry.duration_s,
                    "features": {step: feature.tolist() for step, feature in sorted(entry.features.items())},
                }
                for name, entry in sorted(self.instruments.items())
            },
        }


def save_statistics(path: str | os.PathLike[str], statistics: Statistics) -> None:
    """Write statistics as .json or .npz, whole or not at all.

    Raises:
        ArgumentError: another suffix.
        OutputError: the file cannot be written.
    """
    suffix = _suffix(path)
    content = statistics.to_json()
    with atomic_file(path) as temporary:
        if suffix == ".json":
            temporary.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
            return
        arrays: dict[str, Any] = {}
        for name, entry in content["instruments"].items():
            arrays |= {f"{name}/{step}": np.asarray(values) for step, values in entry.pop("features").items()}
        with temporary.open("wb") as file:
            np.savez_compressed(file, about=np.asarray(json.dumps(content, ensure_ascii=False)), **arrays)


def load_statistics(path: str | os.PathLike[str]) -> Statistics:
    """Read what `save_statistics` wrote.

    Raises:
        ArgumentError: another suffix.
        DataError: missing, damaged, of another kind or version.
    """
    suffix, source = _suffix(path), Path(path)
    if not source.is_file():
        raise DataError(f"there are no statistics at {source}: fit them with fxrep data normalize --fit")
    try:
        content = json.loads(source.read_text(encoding="utf-8")) if suffix == ".json" else _read_npz(source)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(f"{source} cannot be read as statistics ({error}): fit them again") from error
    return statistics_from_json(content, source)


def statistics_from_json(content: object, source: str | os.PathLike[str]) -> Statistics:
    """Return statistics of what `Statistics.to_json` gave.

    Args:
        content: plain lists and numbers.
        source: how the message calls it.

    Raises:
        DataError: it is something else, of another version, or damaged.
    """
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise DataError(f"{source} does not hold normalisation statistics: fit some with fxrep data normalize --fit")
    if content.get("version") != _VERSION:
        raise DataError(f"{source} holds statistics of version {content.get('version')}, this library reads {_VERSION}")
    try:
        return _from_json(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{source} is damaged ({type(error).__name__}: {error}): fit the statistics again") from error


def _from_json(content: dict[str, Any]) -> Statistics:
    instruments = {}
    for name, entry in content["instruments"].items():
        features = {step: np.asarray(values, dtype=np.float64) for step, values in entry["features"].items()}
        if any(feature.ndim != 1 or not np.isfinite(feature).all() for feature in features.values()):
            raise ValueError(f"a feature of {name} is not a list of finite numbers")
        instruments[name] = InstrumentStatistics(int(entry["tracks"]), float(entry["duration_s"]), features)
    return Statistics(list(content["steps"]), instruments, dict(content["provenance"]))


def _read_npz(source: Path) -> dict[str, Any]:
    from zipfile import BadZipFile

    try:
        with np.load(source, allow_pickle=False) as archive:
            content: dict[str, Any] = json.loads(str(archive["about"]))
            for entry in content["instruments"].values():
                entry["features"] = {}
            for key in archive.files:
                if key != "about":
                    name, step = key.rsplit("/", 1)
                    content["instruments"][name]["features"][step] = archive[key]
    except (BadZipFile, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error
    return content


def _suffix(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in (".json", ".npz"):
        raise ArgumentError(f"statistics are saved as .json or .npz, not as {Path(path).name}")
    return suffix
