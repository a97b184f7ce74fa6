"""Routes to search: uploads, searches and their explanations."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from fxrep.errors import AudioError
from fxrep.web.answers import JsonAnswer, job_answer
from fxrep.web.job_board import Job
from fxrep.web.searches import SearchRequest
from fxrep.web.served_site import Site

router = APIRouter(prefix="/api")


@router.post("/uploads")
async def upload(
    site: Site, request: Request, name: Annotated[str, Query(max_length=1000)] = "recording"
) -> JsonAnswer:
    """Take a recording; the body is the file."""
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None
    try:
        return job_answer(await site.uploads.receive(name, announced, request.stream()))
    except ClientDisconnect:
        raise AudioError("the upload was broken off: send it again") from None


@router.post("/searches")
async def search(site: Site, wanted: SearchRequest) -> JsonAnswer:
    """Search, at once or, where something must be listened to first, as a job."""
    if not wanted.needs_listening:
        return JsonAnswer(await site.search_thread(site.searches.run, wanted))

    def work(job: Job) -> object:
        job.report("searching")
        return site.searches.run(wanted)

    return job_answer(site.board.submit("search", [("search", work)]))


@router.get("/searches/{search_id}/hits/{rank}/explanation")
async def explanation(site: Site, search_id: str, rank: int) -> Response:
    """Why a hit was found."""
    return JsonAnswer(await site.listen_thread(site.searches.explain, search_id, rank))
