"""Routes that tell what is in the library."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from fxrep.errors import ArgumentError
from fxrep.web.answers import JsonAnswer
from fxrep.web.served_site import Site

router = APIRouter(prefix="/api")
_MOST_IDS = 500


@router.get("/library")
async def library(site: Site) -> JsonAnswer:
    """What is served."""
    return JsonAnswer(await site.search_thread(site.describe))


@router.get("/songs")
async def songs(
    site: Site,
    offset: Annotated[int, Query(ge=0, le=1 << 40)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    text: Annotated[str, Query(max_length=200)] = "",
    ids: Annotated[str | None, Query(max_length=8000)] = None,
) -> JsonAnswer:
    """Songs by text, or by their ids."""
    if ids is not None:
        return JsonAnswer(await site.search_thread(site.library.songs_by_id, _ids(ids)))
    return JsonAnswer(await site.search_thread(site.library.songs, text, offset, limit))


@router.get("/songs/{song_id}")
async def song(site: Site, song_id: int) -> JsonAnswer:
    """One song."""
    found = await site.search_thread(site.library.song, song_id)
    return JsonAnswer(site.library.shown(found))


def _ids(text: str) -> list[int]:
    parts = [part for part in text.split(",") if part]
    if len(parts) > _MOST_IDS or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        raise ArgumentError(f"ids is {text!r:.60}: give at most {_MOST_IDS} numbers with commas, as 1,2,3")
    return [int(part) for part in parts]
