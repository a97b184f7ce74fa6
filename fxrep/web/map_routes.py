"""Routes to the map."""

from __future__ import annotations

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from fxrep.visualization.library_map import CLUSTER
from fxrep.web.answers import JsonAnswer, job_answer
from fxrep.web.job_routes import wait_for
from fxrep.web.served_site import Site

router = APIRouter(prefix="/api/map")
Level = Literal["song", "window"]
_GRACE_S = 0.5
"""What takes no longer is answered at once and not by a job."""


@router.get("")
async def draw(site: Site, level: Level = "song", color: Annotated[str, Query(max_length=200)] = CLUSTER) -> JsonAnswer:
    """The map, or the job that opens or makes it."""
    until = time.monotonic() + _GRACE_S
    while True:
        found = await site.search_thread(site.maps.draw, level, color)
        if found is not None:
            return JsonAnswer(found)
        job = site.maps.prepare(level)
        await wait_for(site, job, until)
        if job.state != "done" or time.monotonic() > until:
            return job_answer(job)


@router.post("")
async def make(site: Site, level: Level = "song") -> JsonAnswer:
    """Make the map again, with all that has come since."""
    return job_answer(site.maps.make(level))


@router.post("/measurements")
async def measure(site: Site, level: Level = "song") -> JsonAnswer:
    """Measure what is not measured yet, to colour by it."""
    return job_answer(site.maps.measure(level))
