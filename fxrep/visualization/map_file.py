"""The map of an index on disk: `map-song.safetensors` or `map-window.safetensors` in the folder of the index.

It holds the vectors that the map was fitted to and where they lie, which is all that placing others takes, and every
point of the index. Nothing in it belongs to the index: without it the index is complete, and a map that is damaged is
made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fxrep.errors import ReferenceIndexError
from fxrep.retrieval.database import Level
from fxrep.visualization.array_file import DamagedArraysError, read_arrays, write_arrays
from fxrep.visualization.clusters import Cluster
from fxrep.visualization.placed_points import PlacedPoints
from fxrep.visualization.placing import LinearPlacing, NeighbourPlacing, Placing
from fxrep.visualization.projection import Projection

FORMAT_VERSION = 1


@dataclass(frozen=True)
class StoredMap:
    """A map as it is kept.

    Attributes:
        level: whether points are songs or windows.
        fingerprint: of the encoder of the index.
        generation: of the index whose points these are.
        seed: the map was made with.
        projection: the fitted map.
        landmark_clusters: clusters of its landmarks, int32 ``(L,)``.
        clusters: what they are.
        points: of the index.
        checksum: of the file that it was read from or written to; empty where it was neither.
    """

    level: Level
    fingerprint: str
    generation: int
    seed: int
    projection: Projection
    landmark_clusters: np.ndarray
    clusters: tuple[Cluster, ...]
    points: PlacedPoints
    checksum: str = ""


def map_file(folder: Path, level: Level) -> Path:
    """Where the map of an index is kept."""
    return folder / f"map-{level}.safetensors"


def make_command(folder: Path, level: Level, *, again: bool = False) -> str:
    """The command that makes a map."""
    return f"fxrep map {folder} -o map.html --level {level}" + (" --again" if again else "")


def write_map(folder: Path, stored: StoredMap) -> str:
    """Keep a map with its index, in place of any other, and return the checksum of the file.

    Raises:
        OutputError: the folder cannot be written.
    """
    placing = stored.projection.placing
    arrays = {f"point.{name}": array for name, array in stored.points.arrays().items()}
    arrays["point.fitted"] = stored.points.fitted.astype(np.uint8)
    arrays |= {
        "landmark.vectors": stored.projection.landmarks,
        "landmark.positions": stored.projection.positions,
        "landmark.cluster": stored.landmark_clusters,
    }
    numbers: dict[str, Any] = {"extent": placing.extent}
    if isinstance(placing, LinearPlacing):
        arrays |= {"linear.centre": placing.centre, "linear.axes": placing.axes, "linear.middle": placing.middle}
    else:
        numbers |= {"a": placing.a, "b": placing.b}
    description = {
        "format": "fxrep map",
        "format_version": FORMAT_VERSION,
        "level": stored.level,
        "fingerprint": stored.fingerprint,
        "generation": stored.generation,
        "seed": stored.seed,
        "placing": numbers,
        "clusters": [cluster.to_dict() for cluster in stored.clusters],
    }
    return write_arrays(map_file(folder, stored.level), arrays, description)


def read_map(folder: Path, level: Level, fingerprint: str) -> StoredMap:
    """The map of an index.

    Raises:
        ReferenceIndexError: there is none, it is damaged, or of an index of another model.
    """
    file = map_file(folder, level)
    command = make_command(folder, level, again=True)
    try:
        arrays, said, checksum = read_arrays(file)
    except FileNotFoundError:
        raise ReferenceIndexError(
            f"{folder} has no map of its {level}s yet: make it with: {make_command(folder, level)}"
        ) from None
    except DamagedArraysError as error:
        raise ReferenceIndexError(f"{file} is damaged ({error}): make it again with: {command}") from error
    if said.get("format_version") != FORMAT_VERSION or said.get("level") != level:
        raise ReferenceIndexError(f"{file} is of another version of fxrep: make it again with: {command}")
    if said["fingerprint"] != fingerprint:
        raise ReferenceIndexError(
            f"{file} was made with model {said['fingerprint'][:16]}, but {folder} with {fingerprint[:16]}: make it "
            f"again with: {command}"
        )
    points = {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith("point.")}
    points["fitted"] = points["fitted"].astype(bool)
    return StoredMap(
        level=level,
        fingerprint=fingerprint,
        generation=int(said["generation"]),
        seed=int(said["seed"]),
        projection=Projection(arrays["landmark.vectors"], arrays["landmark.positions"], _placing(arrays, said)),
        landmark_clusters=arrays["landmark.cluster"],
        clusters=tuple(Cluster.from_dict(values) for values in said["clusters"]),
        points=PlacedPoints(**points),
        checksum=checksum,
    )


def _placing(arrays: dict[str, np.ndarray], said: dict[str, Any]) -> Placing:
    numbers = said["placing"]
    if "linear.axes" in arrays:
        return LinearPlacing(arrays["linear.centre"], arrays["linear.axes"], arrays["linear.middle"], numbers["extent"])
    return NeighbourPlacing(**numbers)
