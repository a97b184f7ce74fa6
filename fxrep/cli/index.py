"""`fxrep index`: build, extend, prune and describe a library of reference recordings."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxrep.cli.index_interruption import tell_what_is_left
from fxrep.cli.matching_options import (
    DEFAULT_BANDWIDTH,
    DEFAULT_LOUDNESS,
    BandwidthMatchOption,
    LoudnessMatchOption,
    load_matched,
    parse_matching,
)
from fxrep.cli.output import JsonOption, emit, report_failures
from fxrep.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from fxrep.retrieval import AddReport

app = typer.Typer(help="Build and change an index of reference recordings.", no_args_is_help=True)

IndexArgument = Annotated[Path, typer.Argument(metavar="LIB.fxindex", help="The index folder.")]
PathsArgument = Annotated[
    list[Path], typer.Argument(metavar="PATHS...", help="Audio files, folders of them, or files made by fxrep embed.")
]
MetadataOption = Annotated[
    Path | None,
    typer.Option(help='CSV file with a column "path" (relative to the file) and others to store with the songs.'),
]
LoudnessOption = Annotated[
    bool, typer.Option("--loudness", help="Measure loudness_lufs and loudness_range_lu of new files, to search by.")
]


@app.command()
def build(
    index: IndexArgument,
    paths: PathsArgument,
    model: Annotated[str, typer.Option(help="Name or folder of the encoder.")] = "default",
    metadata: MetadataOption = None,
    loudness: LoudnessOption = False,
    match_loudness: LoudnessMatchOption = DEFAULT_LOUDNESS,
    match_bandwidth: BandwidthMatchOption = DEFAULT_BANDWIDTH,
    force: Annotated[bool, typer.Option("--force", help="Replace an index that is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make an index of recordings; files that cannot be read are named and left out.

    The same call goes on where it was interrupted. With --force the old index stays until the new one is complete.

    Songs and queries are heard at one loudness and bandwidth, so that a song is found whatever file it comes in. Where
    all come from one place, at the level of their release, more is told apart with both options none.

    \b
    Example: fxrep index build library.fxindex songs/
    """
    from fxrep.retrieval import build_index

    matching = parse_matching(match_loudness, match_bandwidth)
    table = _read_metadata(metadata)
    local = Path(model)
    name = str(local.resolve()) if local.is_dir() else model
    with tell_what_is_left(index, force):
        encoder = load_matched(model, matching)
        report = build_index(index, paths, encoder, model=name, metadata=table, loudness=loudness, overwrite=force)
    _report_added(index, report, as_json)


@app.command()
def add(
    index: IndexArgument,
    paths: PathsArgument,
    model: Annotated[str | None, typer.Option(help="Encoder, if it cannot be found where it was.")] = None,
    metadata: MetadataOption = None,
    loudness: LoudnessOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add recordings; known files with the same content are skipped, changed ones embedded anew under their old id.

    \b
    Example: fxrep index add library.fxindex new-songs/ extra.wav
    """
    from encoders import load_encoder
    from fxrep.retrieval import AddReport, ReferenceIndex
    from fxrep.retrieval.embedding_file import is_embeddings

    table = _read_metadata(metadata)
    audio = [path for path in paths if not is_embeddings(path)]
    report = AddReport()
    with ReferenceIndex.open(index) as opened:
        if embedded := [path for path in paths if is_embeddings(path)]:
            report.extend(opened.add_embedding_files(embedded, metadata=table))
        if audio:
            opened.use(load_encoder(model or opened.model or "default"))
            report.extend(opened.add(audio, metadata=table, loudness=loudness))
    if report.failures and not (report.added or report.updated or report.unchanged):
        path_text, reason = report.failures[0]
        raise DataError(f"none of the files could be added; the first, {path_text}: {reason}")
    _report_added(index, report, as_json)


@app.command()
def remove(
    index: IndexArgument,
    songs: Annotated[list[str], typer.Argument(metavar="IDS|PATHS...", help="Ids, or paths of files and folders.")],
    as_json: JsonOption = False,
) -> None:
    """Remove songs by id or by path; the audio files stay.

    \b
    Example: fxrep index remove library.fxindex 12 songs/old/
    """
    from fxrep.retrieval import ReferenceIndex

    with ReferenceIndex.open(index) as opened:
        listing = [(entry["id"], Path(entry["path"])) for entry in opened.songs()]
        ids = sorted({song_id for text in songs for song_id in _matching(text, listing)})
        opened.remove(ids)
        left = len(opened)
    emit({"index": str(index), "removed": ids, "songs": left}, as_json, f"{index}: removed {len(ids)}, {left} left")


@app.command()
def info(
    index: IndexArgument,
    songs: Annotated[bool, typer.Option("--songs", help="List the songs with their ids.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Describe an index, after checking that its file is sound.

    \b
    Example: fxrep index info library.fxindex --songs
    """
    from fxrep.retrieval import ReferenceIndex
    from fxrep.retrieval.hits import format_position, format_table

    with ReferenceIndex.open(index) as opened:
        result: dict[str, Any] = opened.info()
        listing = opened.songs() if songs else []
    lines = [f"{key:16}{_shown(value)}" for key, value in result.items()]
    if songs:
        result["song_list"] = listing
        rows = [
            (
                str(entry["id"]),
                format_position(entry["duration_s"]),
                " ".join([entry["path"], *(f"{key}={value}" for key, value in entry["metadata"].items())]),
            )
            for entry in listing
        ]
        lines.append(format_table(("id", "length", "path"), rows))
    emit(result, as_json, "\n".join(lines))


@app.command("compact")
def compact_index(
    index: IndexArgument,
    lists: Annotated[
        bool | None,
        typer.Option("--lists/--exact", help="Make inverted lists, or do away with them; decided by size if left out."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Give back the space of removed and changed songs; make inverted lists where the library is large.

    Up to 200 000 windows every search compares all of them. Beyond, lists are made whose recall is measured and shown.

    \b
    Example: fxrep index compact library.fxindex
    """
    from fxrep.retrieval import ReferenceIndex

    with ReferenceIndex.open(index) as opened:
        report = opened.compact(lists=lists)
    text = f"{index}: {report.bytes_before / 1e6:.1f} MB before, {report.bytes_after / 1e6:.1f} MB now"
    if report.inverted:
        text += f"; {report.inverted['kind']}, recall@10 {report.inverted['recall_at_10']:.3f}"
    if report.damaged:
        text += f"; {len(report.damaged)} songs are damaged: fxrep index repair {index}"
    emit({"index": str(index), **asdict(report)}, as_json, text)


@app.command()
def repair(
    index: IndexArgument,
    model: Annotated[str | None, typer.Option(help="Encoder, if it cannot be found where it was.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Read all of an index, make again what is damaged, and embed songs anew whose vectors are lost.

    \b
    Example: fxrep index repair library.fxindex
    """
    from fxrep.retrieval import ReferenceIndex

    with ReferenceIndex.open(index) as opened:
        damaged = opened.damaged()
        if damaged:
            from encoders import load_encoder

            opened.use(load_encoder(model or opened.model or "default"))
        report = opened.repair()
        repaired = list(opened.repaired)
    report_failures(report.failures)
    result = {
        "index": str(index),
        "repaired": repaired,
        "damaged": [song["id"] for song in damaged],
        "embedded": report.updated,
        "failures": [{"path": path, "reason": reason} for path, reason in report.failures],
    }
    lines = [*repaired, f"{len(damaged)} songs were damaged, {len(report.updated)} embedded again"]
    emit(result, as_json, "\n".join(f"{index}: {line}" for line in lines))
    if report.failures:
        raise DataError(f"{len(report.failures)} songs of {index} stay damaged: bring their files back or remove them")


@app.command()
def upgrade(index: IndexArgument, as_json: JsonOption = False) -> None:
    """Convert an index that an earlier fxrep made; nothing is embedded again, ids stay.

    \b
    Example: fxrep index upgrade library.fxindex
    """
    from fxrep.retrieval import upgrade_index

    songs = upgrade_index(index)
    emit({"index": str(index), "songs": songs}, as_json, f"{index}: converted, {songs} songs")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {entry}" for key, entry in value.items())
    return ("; ".join(map(str, value)) or "none") if isinstance(value, list) else str(value)


def _matching(text: str, listing: list[tuple[int, Path]]) -> list[int]:
    if text.isascii() and text.isdigit():
        return [int(text)]
    wanted = Path(text).resolve()
    found = [song_id for song_id, path in listing if path == wanted or path.is_relative_to(wanted)]
    if not found:
        raise ArgumentError(f"{text} is not in the index: list what is with: fxrep index info --songs")
    return found


def _read_metadata(file: Path | None) -> dict[str, dict[str, Any]] | None:
    import csv

    if file is None:
        return None
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file} cannot be read as CSV ({error}): give a table with a column named path") from error
    if not rows or "path" not in rows[0]:
        raise DataError(f"{file} has no column named path: the first line must name the columns")
    return {
        str(file.parent / row["path"]): {key: value for key, value in row.items() if key and key != "path" and value}
        for row in rows
        if row["path"]
    }


def _report_added(index: Path, report: AddReport, as_json: bool) -> None:
    report_failures(report.failures)
    result: dict[str, Any] = {
        "index": str(index),
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "failures": [{"path": path, "reason": reason} for path, reason in report.failures],
    }
    updated = f"updated {len(report.updated)}, " if report.updated else ""
    counts = f"added {len(report.added)}, {updated}unchanged {len(report.unchanged)}, failed {len(report.failures)}"
    emit(result, as_json, f"{index}: {counts}")
