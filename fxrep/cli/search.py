"""`fxrep search`: the recordings of an index whose effects sound most like a query."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fxrep.cli.output import JsonOption, emit
from fxrep.errors import ArgumentError


def run(
    index: Annotated[Path, typer.Argument(metavar="LIB.fxindex", help="The index to search.")],
    query: Annotated[
        list[str], typer.Argument(metavar="QUERY...", help="Recordings to compare with, or ids of songs in the index.")
    ],
    k: Annotated[int, typer.Option("-k", min=1, help="How many to find.")] = 10,
    start: Annotated[float, typer.Option(min=0, help="Compare from this second of the query on.")] = 0.0,
    duration: Annotated[float | None, typer.Option(min=0, help="Compare this many seconds of the query.")] = None,
    stem: Annotated[
        str | None, typer.Option(metavar="NAME|CLIP", help="Compare this instrument inside the query.")
    ] = None,
    unlike: Annotated[
        list[str] | None, typer.Option(metavar="FILE|ID", help="What the hits should not be like.")
    ] = None,
    level: Annotated[
        str, typer.Option(help="window: the best match of a passage with a passage; song: whole with whole.")
    ] = "window",
    all_windows: Annotated[bool, typer.Option("--all-windows", help="Several positions per song.")] = False,
    why: Annotated[
        bool, typer.Option("--why", help="Tell in what each hit is like the query and in what not.")
    ] = False,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Only songs with this metadata; a range is KEY=LOW..HIGH."),
    ] = None,
    path_glob: Annotated[str | None, typer.Option("--path", help="Only songs whose path matches this pattern.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Only songs below this folder.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Compare everything, however large the index is.")] = False,
    model: Annotated[str | None, typer.Option(help="Encoder to use; the one the index was built with if left out.")] = (
        None
    ),
    as_json: JsonOption = False,
) -> None:
    """Find the songs, and the places in them, whose effects are most like the query's.

    The query is cut into windows as the songs are; a song scores by its best pair of windows, so one alike passage is
    enough and a recording finds itself first. --level song compares the averages of whole recordings instead: better
    where the effects are the same throughout, blind to a part of a song. Of several queries the mean is looked for.

    \b
    Example: fxrep search library.fxindex query.wav -k 5 --where genre=rock --where tempo=90..110 --why
    """
    from fxrep.retrieval import ReferenceIndex, format_hits
    from fxrep.retrieval.embedding_table import check_level
    from fxrep.retrieval.filters import parse_condition

    filters = {key: parse_condition(value) for key, value in parse_pairs(where or [], "--where").items()}
    asked, others = [_parse_query(text) for text in query], [_parse_query(text) for text in unlike or []]
    with ReferenceIndex.open(index) as opened:
        # After the index is known to be sound, and only for sound: the encoders take seconds to import.
        if stem is not None or any(isinstance(one, Path) for one in [*asked, *others]):
            from encoders import load_encoder

            opened.use(load_encoder(model or opened.model or "default"))
        hits = opened.search(
            asked[0] if len(asked) == 1 else asked,
            k,
            start_s=start,
            duration_s=duration,
            stem=None if stem is None else Path(stem) if Path(stem).suffix else stem,
            unlike=others or None,
            level=check_level(level),
            all_windows=all_windows,
            where=filters,
            path_glob=path_glob,
            folder=folder,
            exact=exact or None,
        )
    result: list[dict[str, Any]] = [hit.to_dict() for hit in hits]
    for entry, hit in zip(result, hits if why else [], strict=False):
        entry["explanation"] = hit.explanation.to_dict()
    shown = query[0] if len(query) == 1 else query
    emit({"query": shown, "hits": result}, as_json, "" if as_json else format_hits(hits, explained=why))


def _parse_query(text: str) -> Path | int:
    """A number is an id, unless a file is called so."""
    is_id = text.isascii() and text.isdigit() and not Path(text).exists()
    return int(text) if is_id else Path(text)


def parse_pairs(pairs: list[str], option: str) -> dict[str, str]:
    """``KEY=VALUE`` texts as a dictionary.

    Raises:
        ArgumentError: a text has no ``=`` or no key.
    """
    parsed: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise ArgumentError(f"{option} {pair} is not understood: give KEY=VALUE, for example genre=rock")
        parsed[key] = value
    return parsed
