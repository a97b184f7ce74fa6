"""Who may ask: the name the server is called by, the page a request comes from, and the token."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection, Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

COOKIE = "fxrep_token"
_PAGES = ("/", "/mix")


def is_loopback(host: str) -> bool:
    """Whether an address to listen at is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_is_allowed(header: str | None, names: Collection[str], *, loopback: bool) -> bool:
    """Whether a Host header is one that a visitor of this server sends.

    A foreign page can make its own name resolve to this machine, but it cannot make a browser send another name than
    its own; so IP addresses and known names are allowed, and on loopback only the addresses of that.

    Args:
        header: value of ``Host``.
        names: allowed besides, in lower case.
        loopback: whether the server listens on loopback only.
    """
    name = _host_name(header)
    if name is None:
        return False
    if name == "localhost" or name in names:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not loopback


def origin_is_own(headers: Mapping[str, str], method: str, path: str) -> bool:
    """Whether a request comes from a page of this server, from an address that was typed, or from no browser at all.

    Browsers send Origin with everything that changes something, and Sec-Fetch-Site with everything. A link on a foreign
    page may lead to the pages of this one, to nothing else.

    Args:
        headers: of the request, names in lower case.
        method: of the request.
        path: of the request.
    """
    origin = headers.get("origin")
    if origin is not None:
        try:
            parts = urlsplit(origin)
            own = parts.scheme in ("http", "https") and parts.netloc.lower() == headers.get("host", "").lower()
        except ValueError:
            own = False
        if not own:
            return False
    site = headers.get("sec-fetch-site", "none").lower()
    if site in ("same-origin", "none"):
        return True
    followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return method in ("GET", "HEAD") and path in _PAGES and followed


def token_is_shown(headers: Mapping[str, str], token: str) -> bool:
    """Whether a request carries the token, as the cookie of the page or as ``Authorization: Bearer``."""
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and tokens_match(given.strip(), token):
        return True
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return False
    return cookie is not None and tokens_match(cookie.value, token)


def tokens_match(given: str, token: str) -> bool:
    """Compare in a time that tells nothing."""
    return hmac.compare_digest(given.encode(errors="replace"), token.encode())


def _host_name(header: str | None) -> str | None:
    """Name or address without port, in lower case; None for what is neither."""
    if not header or any(sign in header for sign in "/@\\ \t,?#"):
        return None
    try:
        parts = urlsplit(f"//{header}")
        parts.port  # noqa: B018  # raises for a port that is none
        return parts.hostname
    except ValueError:
        return None
