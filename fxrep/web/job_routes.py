"""Routes to long work: how far it is, and to stop it."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Query

from fxrep.web.answers import JsonAnswer
from fxrep.web.job_board import FINISHED, Job
from fxrep.web.library import UnknownError
from fxrep.web.served_site import Site
from fxrep.web.site import WebSite

router = APIRouter(prefix="/api/jobs")
_POLL_S = 0.05


@router.get("/{job_id}")
async def job(site: Site, job_id: str, wait_s: Annotated[float, Query(ge=0, le=25)] = 0.0) -> JsonAnswer:
    """How far a job is; with `wait_s` the answer comes when it has ended, or after that time."""
    found = _get(site, job_id)
    await wait_for(site, found, time.monotonic() + wait_s)
    return JsonAnswer(_shown(site, found))


@router.delete("/{job_id}")
async def cancel(site: Site, job_id: str) -> JsonAnswer:
    """Stop a job; one that has ended stays as it is."""
    found = _get(site, job_id)
    site.board.cancel(found)
    return JsonAnswer(_shown(site, found))


async def wait_for(site: WebSite, found: Job, until: float) -> None:
    """Wait until a job has ended, or until a moment of `time.monotonic`."""
    while found.state not in FINISHED and time.monotonic() < until and not site.closed:
        await asyncio.sleep(_POLL_S)


def _shown(site: WebSite, found: Job) -> dict[str, Any]:
    values = found.to_dict()
    texts = {name: values[name] and site.names.text(values[name]) for name in ("message", "error")}
    return {**values, **texts}


def _get(site: WebSite, job_id: str) -> Job:
    found = site.board.get(job_id)
    if found is None:
        raise UnknownError("this job is no longer known: start it again")
    return found
