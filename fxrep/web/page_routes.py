"""Routes to the two pages: one frame, and what each has in it."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from fxrep.web.guard import content_policy
from fxrep.web.library import UnknownError

router = APIRouter()
STATIC = Path(__file__).parent / "static"
"""Scripts and styles."""
PAGES = Path(__file__).parent / "pages"
_FRAME = "page.html"
_TITLES = {"library": "fxrep", "mix": "Mix · fxrep"}
_STYLES = {
    "library": ("tokens", "base", "transport", "library", "results"),
    "mix": ("tokens", "base", "transport", "console", "editors"),
}


@router.get("/")
async def library() -> Response:
    """Map, search and listening."""
    return await _page("library")


@router.get("/mix")
async def mix() -> Response:
    """The console."""
    return await _page("mix")


async def _page(name: str) -> Response:
    """A page with a fresh value that lets its scripts make styles."""
    try:
        frame, body = await run_in_threadpool(
            lambda: [(PAGES / one).read_text("utf-8") for one in (_FRAME, f"{name}.html")]
        )
    except OSError:
        raise UnknownError(f"this installation lacks the page {name}: install fxrep again") from None
    nonce = secrets.token_urlsafe(16)
    headers = {"content-security-policy": content_policy(nonce), "cache-control": "no-store"}
    return HTMLResponse(_filled(frame, name, body, nonce), headers=headers)


def _filled(frame: str, name: str, body: str, nonce: str) -> str:
    styles = [f'  <link rel="stylesheet" href="/static/{style}.css">' for style in _STYLES[name]]
    parts = {"name": name, "title": _TITLES[name], "styles": "\n".join(styles), "body": body.rstrip(), "nonce": nonce}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], frame)
