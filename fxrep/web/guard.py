"""What every request passes and every answer carries: checks of who asks, limits, and headers that keep pages apart."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fxrep.web.access import COOKIE, host_is_allowed, is_loopback, origin_is_own, token_is_shown, tokens_match
from fxrep.web.config import WebConfig

UPLOAD_PATH = "/api/uploads"
_ARRIVES_WITHIN_S = 30.0
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def content_policy(nonce: str | None = None) -> str:
    """The Content-Security-Policy: nothing from elsewhere, no script and no style inside a page.

    Args:
        nonce: of one response, which a style made by a vendored script may carry.
    """
    style = "style-src 'self'" + (f" 'nonce-{nonce}'" if nonce else "")
    return (
        f"default-src 'self'; {style}; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class Guard:
    """The outermost layer of the application.

    Args:
        app: what answers.
        config: host, token and limits.
    """

    def __init__(self, app: ASGIApp, config: WebConfig) -> None:
        self.app, self.config = app, config
        self.names = frozenset(name.lower() for name in config.hosts)
        self.loopback = is_loopback(config.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no web sockets here

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        answer = self._refusal(scope, headers)
        if answer is not None:
            await answer(scope, receive, send_with_headers)
        elif scope["path"] == UPLOAD_PATH:
            await self.app(scope, receive, send_with_headers)
        else:
            await self.app(scope, _limited(receive, self.config.limits.json_bytes), send_with_headers)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> Response | None:
        """What is answered to somebody who must not ask; None for all others."""
        if not host_is_allowed(headers.get("host"), self.names, loopback=self.loopback):
            return _error(403, "this server is not called so: open the address that fxrep serve printed")
        if not origin_is_own(headers, scope["method"], scope["path"]):
            return _error(403, "requests from other pages are refused: open the address that fxrep serve printed")
        token = self.config.token
        if token is None or token_is_shown(headers, token):
            return self._without_token(scope) if token is not None else None
        given = _query(scope).get("token", [""])[0]
        if scope["path"] == "/" and scope["method"] == "GET" and given and tokens_match(given, token):
            return self._without_token(scope, token)
        return _error(401, "a token is needed: open the address, with its token, that fxrep serve printed")

    def _without_token(self, scope: Scope, token: str | None = None) -> Response | None:
        """Lead away from an address with the token in it, which would stay in the history, to one with a cookie."""
        query = _query(scope)
        if scope["path"] != "/" or "token" not in query:
            return None
        rest = urlencode([(name, value) for name, values in query.items() if name != "token" for value in values])
        answer = RedirectResponse("/" + (f"?{rest}" if rest else ""), status_code=303)
        if token is not None:
            answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
        return answer


def _query(scope: Scope) -> dict[str, list[str]]:
    """The query of a request; nothing where it has too many parts to be meant."""
    try:
        return parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return {}


def _error(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status_code=status)


def _add_headers(headers: MutableHeaders, path: str) -> None:
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("content-security-policy", content_policy())
    headers.setdefault("cache-control", "no-store" if path.startswith("/api/") else "no-cache")


def _limited(receive: Receive, most: int) -> Receive:
    """Requests that are no uploads are small and arrive at once."""
    left = [most]

    async def limited() -> Message:
        try:
            message = await (asyncio.wait_for(receive(), _ARRIVES_WITHIN_S) if left[0] >= 0 else receive())
        except asyncio.TimeoutError:
            raise HTTPException(408, "the request did not arrive in time: send it again") from None
        if message["type"] == "http.request":
            left[0] -= len(message.get("body", b""))
            if left[0] < 0:
                raise HTTPException(413, f"the request is longer than {most} bytes: ask for less at once")
            if not message.get("more_body"):
                left[0] = -1  # what follows is only the news that the visitor has gone
        return message

    return limited
