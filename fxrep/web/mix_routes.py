"""Routes to mixes: their consoles, curves, renders and saved settings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from fxrep.web.answers import JsonAnswer, job_answer
from fxrep.web.mix_folders import CONSOLE
from fxrep.web.mixes import CurveRequest, EditRequest
from fxrep.web.served_site import Site

router = APIRouter(prefix="/api/mixes")


@router.get("")
async def mixes(site: Site) -> JsonAnswer:
    """All mixes."""
    found = await site.search_thread(site.mixes.list)
    return JsonAnswer([{**mix, "error": mix["error"] and site.names.text(mix["error"])} for mix in found])


@router.get("/{mix_id}")
async def mix(site: Site, mix_id: str, console: Annotated[str, Query(max_length=100)] = CONSOLE) -> JsonAnswer:
    """One mix with its console."""
    return JsonAnswer(await site.search_thread(site.mixes.describe, mix_id, console))


@router.post("/{mix_id}/curves")
async def curves(site: Site, mix_id: str, request: CurveRequest) -> JsonAnswer:
    """Curves of equalisers and compressors."""
    return JsonAnswer(await site.search_thread(site.mixes.curves, mix_id, request))


@router.post("/{mix_id}/renders")
async def render(site: Site, mix_id: str, request: EditRequest) -> JsonAnswer:
    """Render with changes."""
    return job_answer(await site.search_thread(site.mixes.render, mix_id, request))


@router.post("/{mix_id}/console")
async def save(site: Site, mix_id: str, request: EditRequest) -> JsonAnswer:
    """Keep changed settings in a new file."""
    return JsonAnswer(await site.search_thread(site.mixes.save, mix_id, request), 201)
