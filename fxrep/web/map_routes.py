"""Routes to the map."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from fxrep.visualization.library_map import CLUSTER
from fxrep.web.answers import JsonAnswer, job_answer, site_of
from fxrep.web.site import WebSite

router = APIRouter(prefix="/api/map")
Site = Annotated[WebSite, Depends(site_of)]
Level = Literal["song", "window"]


@router.get("")
async def draw(site: Site, level: Level = "song", color: Annotated[str, Query(max_length=200)] = CLUSTER) -> JsonAnswer:
    """The map, or the job that makes it."""
    found = await site.search_thread(site.maps.draw, level, color)
    return JsonAnswer(found) if found is not None else job_answer(site.maps.make(level))


@router.post("")
async def make(site: Site, level: Level = "song") -> JsonAnswer:
    """Make the map again, with all that has come since."""
    return job_answer(site.maps.make(level))


@router.post("/measurements")
async def measure(site: Site, level: Level = "song") -> JsonAnswer:
    """Measure what is not measured yet, to colour by it."""
    return job_answer(site.maps.measure(level))
