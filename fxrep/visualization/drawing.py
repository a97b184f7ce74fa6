"""From an index or a table of embeddings to a file: picture, page or coordinates."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from fxrep.errors import ArgumentError
from fxrep.files import atomic_file
from fxrep.retrieval import EmbeddingTable, ReferenceIndex, read_embeddings
from fxrep.retrieval.database import Level
from fxrep.retrieval.embedding_table import check_level
from fxrep.table_kinds import MAP, check_replaceable
from fxrep.visualization.coordinates import write_coordinates
from fxrep.visualization.map_points import MapPoints, place_points
from fxrep.visualization.page import write_page
from fxrep.visualization.static_map import write_picture

SUFFIXES = (".html", ".png", ".parquet")
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class MapReport:
    """What `draw_map` wrote.

    Attributes:
        output: the file.
        points: what was drawn.
        clips: how many points can be heard.
        size_bytes: of the file.
        failures: (path, reason) of recordings that could not be read for a clip.
    """

    output: Path
    points: MapPoints
    clips: int
    size_bytes: int
    failures: list[tuple[str, str]] = field(default_factory=list)


def draw_map(
    source: str | os.PathLike[str] | EmbeddingTable | ReferenceIndex,
    output: str | os.PathLike[str],
    *,
    level: Level | None = None,
    color: str = "cluster",
    seed: int = 0,
    title: str | None = None,
    audio: bool = True,
    clip_s: float = 4.0,
) -> MapReport:
    """Draw recordings so that those with alike effects lie close together.

    Args:
        source: an index, its folder, a Parquet file (or folder) of `fxrep embed`, or a table.
        output: ``.html`` (one page that works offline and plays what is clicked), ``.png``, or ``.parquet``.
        level: one point per song or per window; songs for an index, what it holds for a table.
        color: ``"cluster"``, or a metadata key.
        seed: of the projection and the clusters; the same seed gives the same map.
        title: stands above the map; the source's name if left out.
        audio: put clips into the page, about 65 kB each at four seconds.
        clip_s: their length in seconds.

    Raises:
        ArgumentError: the output's suffix, the level, the colour, the clip length or the seed is not possible.
        DataError: the source holds nothing, or cannot be read.
        ReferenceIndexError: the index cannot be read.
        OutputError: the output cannot be written, or is a table and not of a map.
    """
    target = Path(output)
    if target.suffix not in SUFFIXES:
        raise ArgumentError(f"{target}: give an output that ends in {', '.join(SUFFIXES)}")
    if target.suffix == ".parquet":
        check_replaceable(target, MAP)
    if not 0.1 <= clip_s <= 60:
        raise ArgumentError(f"clips of {clip_s} s are not possible: choose 0.1 to 60 seconds")
    if not 0 <= seed <= LARGEST_SEED:
        raise ArgumentError(f"seed is {seed}: give 0 to {LARGEST_SEED}")
    table = _table(source, level)
    points = place_points(table, color=color, seed=seed)
    name = title or (Path(source).stem if isinstance(source, str | os.PathLike) else "Map")
    clips = 0
    failures: list[tuple[str, str]] = []
    with atomic_file(target) as temporary:
        if target.suffix == ".png":
            write_picture(points, temporary, name)
        elif target.suffix == ".parquet":
            write_coordinates(points, temporary)
        else:
            clips, failures = write_page(points, temporary, name, clip_s if audio else None)
    return MapReport(target, points, clips, target.stat().st_size, failures)


def _table(source: str | os.PathLike[str] | EmbeddingTable | ReferenceIndex, level: Level | None) -> EmbeddingTable:
    wanted = None if level is None else check_level(level)
    if isinstance(source, ReferenceIndex):
        return source.embeddings(wanted or "song")
    if not isinstance(source, EmbeddingTable):
        if Path(source, "index.sqlite").exists() or Path(source).suffix == ".fxindex":
            with ReferenceIndex.open(source) as index:
                return index.embeddings(wanted or "song")
        source = read_embeddings(source)
    if wanted == "window" and source.level == "song":
        raise ArgumentError("the embeddings are of whole songs: embed again with --windows, or draw level song")
    return source.songs() if wanted == "song" else source
