"""Sending an opened file, or the range of it that was asked for, in pieces."""

from __future__ import annotations

from email.utils import formatdate

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fxrep.web.byte_ranges import UnsatisfiableRangeError, parse_range
from fxrep.web.opened_file import OpenedFile

PIECE = 1 << 18


class OpenedFileResponse(Response):
    """A file with Range, If-Range and If-None-Match; it is closed when it was sent or the visitor has gone.

    Args:
        file: what to send.
        media_type: of it.
    """

    def __init__(self, file: OpenedFile, media_type: str) -> None:
        super().__init__(status_code=200)
        self.file, self.kind = file, media_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            status, headers, start, stop = self._plan(scope)
            await send({"type": "http.response.start", "status": status, "headers": headers})
            if scope["method"] == "HEAD" or stop <= start:
                await send({"type": "http.response.body", "body": b""})
                return
            async with anyio.create_task_group() as group:
                group.start_soon(_until_gone, receive, group.cancel_scope)
                await self._send(send, start, stop)
                group.cancel_scope.cancel()
        finally:
            self.file.close()

    async def _send(self, send: Send, start: int, stop: int) -> None:
        while start < stop:
            piece = await anyio.to_thread.run_sync(self.file.read, start, min(PIECE, stop - start))
            start += len(piece)
            # A file that became shorter ends here: the connection is closed, and the visitor knows that it is cut off.
            more = start < stop and bool(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            if not piece:
                return

    def _plan(self, scope: Scope) -> tuple[int, list[tuple[bytes, bytes]], int, int]:
        """Status, headers, first byte and the one behind the last."""
        asked = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        size, tag = self.file.size, f'"{self.file.stamp}"'
        headers = {
            "accept-ranges": "bytes",
            "etag": tag,
            "last-modified": formatdate(self.file.mtime_ns // 1_000_000_000, usegmt=True),
            "cache-control": "private, no-cache",
        }
        if tag in asked.get("if-none-match", ""):
            return 304, _encoded(headers), 0, 0
        wanted = asked.get("range") if asked.get("if-range", tag) == tag else None
        try:
            part = parse_range(wanted, size)
        except UnsatisfiableRangeError as error:
            return 416, _encoded({**headers, "content-range": str(error), "content-length": "0"}), 0, 0
        start, stop = part or (0, size)
        headers |= {"content-type": self.kind, "content-length": str(stop - start)}
        if part is None:
            return 200, _encoded(headers), start, stop
        return 206, _encoded({**headers, "content-range": f"bytes {start}-{stop - 1}/{size}"}), start, stop


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
