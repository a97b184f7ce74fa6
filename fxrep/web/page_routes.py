"""Routes to the two pages."""

from __future__ import annotations

import secrets
from pathlib import Path

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from fxrep.web.guard import content_policy
from fxrep.web.library import UnknownError

router = APIRouter()
STATIC = Path(__file__).parent / "static"
"""Pages, scripts and styles."""
_PLACE = "{{nonce}}"


@router.get("/")
async def index() -> Response:
    """Map, search and listening."""
    return await _page("index.html")


@router.get("/mix")
async def mix() -> Response:
    """The console."""
    return await _page("mix.html")


async def _page(name: str) -> Response:
    """A page with a fresh value that lets its scripts make styles."""
    try:
        text = await run_in_threadpool((STATIC / name).read_text, encoding="utf-8")
    except OSError:
        raise UnknownError(f"this installation lacks the page {name}: install fxrep again") from None
    nonce = secrets.token_urlsafe(16)
    headers = {"content-security-policy": content_policy(nonce), "cache-control": "no-store"}
    return HTMLResponse(text.replace(_PLACE, nonce), headers=headers)
