"""`fxrep search`: the recordings of an index whose effects sound most like a query."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fxrep.cli.output import JsonOption, emit
from fxrep.errors import ArgumentError


def run(
    index: Annotated[Path, typer.Argument(metavar="LIB.fxindex", help="The index to search.")],
    query: Annotated[Path, typer.Argument(metavar="QUERY", help="The recording to compare with.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many to find.")] = 10,
    start: Annotated[float, typer.Option(min=0, help="Compare from this second of the query on.")] = 0.0,
    duration: Annotated[float | None, typer.Option(min=0, help="Compare this many seconds of the query.")] = None,
    level: Annotated[
        str, typer.Option(help="window: the best match of a passage with a passage; song: whole with whole.")
    ] = "window",
    all_windows: Annotated[bool, typer.Option("--all-windows", help="Several positions per song.")] = False,
    where: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only songs with this metadata.")] = None,
    path_glob: Annotated[str | None, typer.Option("--path", help="Only songs whose path matches this pattern.")] = None,
    model: Annotated[str | None, typer.Option(help="Encoder to use; the one the index was built with if left out.")] = (
        None
    ),
    as_json: JsonOption = False,
) -> None:
    """Find the songs, and the places in them, whose effects are most like the query's.

    The query is cut into windows as the songs are; a song scores by its best pair of windows, so one alike passage is
    enough and a recording finds itself first. --level song compares the averages of whole recordings instead: better
    where the effects are the same throughout, blind to a part of a song.

    \b
    Example: fxrep search library.fxindex query.wav -k 5 --where genre=rock
    """
    from fxrep.audio import load_audio
    from fxrep.retrieval import ReferenceIndex, format_hits

    filters = parse_pairs(where or [], "--where")
    with ReferenceIndex.open(index) as listed:
        name = model or listed.model or "default"
    # After the index is known to be sound: the encoders take seconds to import.
    from encoders import load_encoder

    with ReferenceIndex.open(index, load_encoder(name)) as opened:
        options: dict[str, Any] = {
            "level": level,
            "all_windows": all_windows,
            "where": filters,
            "path_glob": path_glob,
        }
        if start or duration is not None:
            audio, rate = load_audio(query, start_s=start, duration_s=duration)
            hits = opened.search(audio, k, sample_rate=rate, **options)
        else:
            hits = opened.search(query, k, **options)
    emit({"query": str(query), "hits": [hit.to_dict() for hit in hits]}, as_json, format_hits(hits))


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
