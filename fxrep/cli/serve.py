"""`fxrep serve`: a local page for a reference library."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fxrep.cli.output import JsonOption, emit


def run(
    index: Annotated[Path, typer.Argument(metavar="LIB.fxindex", help="The library.")],
    mix: Annotated[
        list[Path] | None,
        typer.Option(metavar="OUT/", help="A folder of fxrep transfer or fxrep mix, or one that holds several."),
    ] = None,
    reference: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Compare mixes with it that do not say what theirs was.")
    ] = None,
    folder: Annotated[
        list[Path] | None, typer.Option(metavar="FOLDER", help="Songs that lie here may be played too.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; beyond this machine a token is needed.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="To listen at; 0 takes a free one.")] = 8765,
    token: Annotated[
        str | None, typer.Option(help="What visitors must show; made up where it is needed and not given.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="A name that this machine is called by, besides addresses.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where temporary files go.")] = None,
    cache_mb: Annotated[int, typer.Option(min=100, help="Disk space for them.")] = 2048,
    upload_mb: Annotated[int, typer.Option(min=1, help="Largest upload.")] = 200,
    model: Annotated[str | None, typer.Option(help="Encoder, if it cannot be found where it was.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a library in the browser: map, search by dropping a file, listening side by side, the mixing console.

    The page is for this machine unless --host says otherwise; then only visitors with the token in the printed address
    are let in. Only songs of the library are ever read. Ctrl-C ends it.

    \b
    Example: fxrep serve library.fxindex --mix OUT/
    """
    from fxrep.errors import require

    for module in ("fastapi", "uvicorn"):
        require(module, "web")
    from fxrep.web.access import is_loopback
    from fxrep.web.config import WebConfig, WebLimits
    from fxrep.web.running import listen, made_up_token, run_server, shown_address
    from fxrep.web.site import WebSite

    config = WebConfig(
        index=index,
        mixes=tuple(mix or ()),
        folders=tuple(folder or ()),
        references=tuple(reference or ()),
        model=model,
        host=host,
        port=port,
        token=token if token is not None or is_loopback(host) else made_up_token(),
        hosts=tuple(name or ()),
        cache=cache,
        limits=WebLimits(upload_bytes=upload_mb * 1_000_000, cache_bytes=cache_mb * 1_000_000),
    )
    with listen(host, port) as listener, WebSite(config) as site:
        address = shown_address(listener, config)
        state = site.library.state()
        emit(
            {"url": address, "songs": state.songs, "mixes": site.describe()["mixes"]},
            as_json,
            f"{index}: {state.songs} songs at {address} (Ctrl-C ends it)",
        )
        sys.stdout.flush()  # who reads the address from a pipe does not wait for the end
        try:
            run_server(site, listener)
        except KeyboardInterrupt:
            return  # the usual end
