"""Listening at an address, and serving until it is interrupted."""

from __future__ import annotations

import errno
import secrets
import socket

import uvicorn

from fxrep.errors import OutputError
from fxrep.web.app import create_app
from fxrep.web.config import WebConfig
from fxrep.web.site import WebSite

_BACKLOG = 512
_GRACE_S = 2
_KEEP_ALIVE_S = 30
_HEADER_BYTES = 1 << 16
_CONNECTIONS = 1000


def listen(host: str, port: int) -> socket.socket:
    """Take an address before anything else is done.

    Raises:
        OutputError: it is taken, not allowed, or not of this machine; the message says what to do.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise OutputError(f"cannot listen at {host}: {error.strerror or error}: give an address with --host") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise OutputError(_advice(host, port, error)) from None
    return listener


def _advice(host: str, port: int, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: give another with --port, or 0 for a free one"
    if number == errno.EACCES:
        return f"port {port} of {host} is for administrators: give one above 1023 with --port"
    return (
        f"cannot listen at {host}:{port}: {getattr(error, 'strerror', None) or error}: give others with --host, --port"
    )


def run_server(site: WebSite, listener: socket.socket) -> None:
    """Serve until the process is interrupted or terminated; then everything is closed and deleted.

    Raises:
        KeyboardInterrupt: it was interrupted, after all was closed.
    """
    config = uvicorn.Config(
        create_app(site),
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        http="h11",
        ws="none",
        lifespan="on",
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


def made_up_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


def shown_address(listener: socket.socket, config: WebConfig) -> str:
    """The address to open, with the token if there is one."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = _own_address()
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/" + (f"?token={config.token}" if config.token is not None else "")


def _own_address() -> str:
    """The address that other machines most likely reach this one at."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation: nothing is sent
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
