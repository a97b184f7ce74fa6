"""How answers look: JSON that any text survives, and errors of one sentence without paths of this machine."""

from __future__ import annotations

import json
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fxrep.errors import ArgumentError, AudioError, DataError, FxrepError, OutputError, ReferenceIndexError
from fxrep.web.job_board import BusyError, Job
from fxrep.web.library import UnknownError
from fxrep.web.limited_process import OverLimitError
from fxrep.web.opened_file import NotServedError
from fxrep.web.served_site import site_of
from fxrep.web.uploads import TooLargeError, TooSlowError

logger = logging.getLogger(__name__)
_STATUS: tuple[tuple[type[FxrepError], int], ...] = (
    (UnknownError, 404),
    (NotServedError, 404),
    (TooLargeError, 413),
    (TooSlowError, 408),
    (BusyError, 429),
    (ArgumentError, 400),
    (AudioError, 422),
    (OverLimitError, 422),
    (DataError, 422),
    (ReferenceIndexError, 503),
    (OutputError, 507),
)


class JsonAnswer(Response):
    """Plain values as JSON in ASCII: names of files need not be text, and what is escaped is never markup."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(content, status_code, headers)

    def render(self, content: Any) -> bytes:
        """The bytes that are sent."""
        text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").encode("ascii")


def job_answer(job: Job) -> JsonAnswer:
    """202 with the name of a job."""
    return JsonAnswer({"job": job.id}, 202, {"location": f"/api/jobs/{job.id}"})


def add_error_answers(app: FastAPI) -> None:
    """Let every error be answered with one sentence."""

    @app.exception_handler(FxrepError)
    async def refuse(request: Request, error: FxrepError) -> Response:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        headers = {"retry-after": "2"} if status in (429, 503) else None
        return JsonAnswer({"error": site_of(request).names.text(str(error))}, status, headers)

    @app.exception_handler(RequestValidationError)
    async def refuse_arguments(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
        return JsonAnswer({"error": f"{where}: {str(first['msg']).lower()}: correct the request"}, 400)

    @app.exception_handler(HTTPException)
    async def refuse_request(request: Request, error: HTTPException) -> Response:
        texts = {404: "there is nothing here: check the address", 405: "this cannot be done here: check the method"}
        given = str(error.detail)
        text = texts.get(error.status_code, given) if given in ("Not Found", "Method Not Allowed") else given
        return JsonAnswer({"error": text}, error.status_code, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def admit(request: Request, error: Exception) -> Response:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return JsonAnswer({"error": "this is a fault of the server: see its log"}, 500)
