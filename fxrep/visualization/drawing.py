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
from fxrep.visualization.drawn_points import DrawnPoints, Listening, draw_library, draw_table
from fxrep.visualization.library_map import LARGEST_SEED, LibraryMap
from fxrep.visualization.page import MOST_CLIPS, write_page
from fxrep.visualization.static_map import write_picture

SUFFIXES = (".html", ".png", ".parquet")
LISTENING: tuple[Listening, ...] = ("all", "some", "none")


@dataclass(frozen=True)
class MapReport:
    """What `draw_map` wrote.

    Attributes:
        output: the file.
        points: what was drawn.
        clips: how many points can be heard.
        size_bytes: of the file.
        failures: (path, reason) of recordings that could not be read for a clip or measured.
    """

    output: Path
    points: DrawnPoints
    clips: int
    size_bytes: int
    failures: list[tuple[str, str]] = field(default_factory=list)


def draw_map(
    source: str | os.PathLike[str] | EmbeddingTable | ReferenceIndex,
    output: str | os.PathLike[str],
    *,
    level: Level | None = None,
    color: str = "cluster",
    seed: int | None = None,
    again: bool = False,
    listening: Listening = "some",
    title: str | None = None,
    dark: bool = False,
    audio: bool = True,
    clip_s: float = 4.0,
    most_clips: int = MOST_CLIPS,
) -> MapReport:
    """Draw recordings so that those with alike effects lie close together.

    The map of an index is kept with it (see `LibraryMap`): drawn again, it is the same map with what is new on it.

    Args:
        source: an index, its folder, a Parquet file (or folder) of `fxrep embed`, or a table.
        output: ``.html`` (one page that works offline and plays what is clicked), ``.png``, or ``.parquet``.
        level: one point per song or per window; songs for an index, what it holds for a table.
        color: ``"cluster"``, a metadata key, a tag or fact, or an audio feature, which is then measured.
        seed: of the projection; the same seed gives the same map. None for that of the map that is kept, else 0;
            another seed makes the map again.
        again: make the map again though one is kept.
        listening: ``"all"`` measures the audio features of every point, to colour by, ``"some"`` of as many as it takes
            to name the clusters, ``"none"`` of none.
        title: stands above the map; the source's name if left out.
        dark: a picture is light on dark; a page follows its reader's system.
        audio: put clips into the page, about 65 kB each at four seconds.
        clip_s: their length in seconds.
        most_clips: at most so many clips, of points drawn evenly.

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
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise ArgumentError(f"seed is {seed}: give 0 to {LARGEST_SEED}")
    points = _points(source, level, color, seed, again, check_listening(listening))
    name = title or (Path(source).stem if isinstance(source, str | os.PathLike) else "Map")
    clips = 0
    failures = list(points.failures)
    with atomic_file(target) as temporary:
        if target.suffix == ".png":
            write_picture(points, temporary, name, dark=dark)
        elif target.suffix == ".parquet":
            write_coordinates(points, temporary)
        else:
            clips, unread = write_page(points, temporary, name, clip_s if audio else None, most_clips)
            failures += [failure for failure in unread if failure not in failures]
    return MapReport(target, points, clips, target.stat().st_size, failures)


def check_listening(listening: str) -> Listening:
    """`listening` if it is one of the three that exist.

    Raises:
        ArgumentError: it is another word.
    """
    for known in LISTENING:
        if listening == known:
            return known
    raise ArgumentError(f"listening is {listening!r}: choose among {', '.join(LISTENING)}")


def _points(
    source: str | os.PathLike[str] | EmbeddingTable | ReferenceIndex,
    level: Level | None,
    color: str,
    seed: int | None,
    again: bool,
    listening: Listening,
) -> DrawnPoints:
    wanted = None if level is None else check_level(level)
    if isinstance(source, ReferenceIndex):
        return draw_library(_library_map(source, wanted or "song", seed, again, listening), color, listening)
    if not isinstance(source, EmbeddingTable):
        if Path(source, "index.sqlite").exists() or Path(source).suffix == ".fxindex":
            with ReferenceIndex.open(source) as index:
                return draw_library(_library_map(index, wanted or "song", seed, again, listening), color, listening)
        source = read_embeddings(source)
    if wanted == "window" and source.level == "song":
        raise ArgumentError("the embeddings are of whole songs: embed again with --windows, or draw level song")
    return draw_table(source.songs() if wanted == "song" else source, color, seed or 0, listening)


def _library_map(
    index: ReferenceIndex, level: Level, seed: int | None, again: bool, listening: Listening
) -> LibraryMap:
    if not again:
        kept = LibraryMap.open_or_make(index, level, seed or 0, measure=listening != "none")
        if seed is None or kept.stored.seed == seed:
            return kept
    return LibraryMap.make(index, level, seed or 0, measure=listening != "none")
