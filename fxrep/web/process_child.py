"""What runs in a process of its own: one piece of work after the other, asked for and answered in JSON.

A process that a malicious file has taken over cannot make the one that reads its answers unpickle anything.
"""

from __future__ import annotations

import gc
import json
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from fxrep.errors import FxrepError
from fxrep.web.process_limits import ProcessLimits, address_space, allow_cpu, restrict_process

Work = Callable[..., Any]


def serve_work(connection: Connection, work: Work, limits: ProcessLimits, lifetime_cpu_s: float) -> None:
    """Work until the connection is closed.

    Args:
        connection: brings ``{"arguments", "cpu_s"}``; takes ``{"message", "progress"}`` on the way, and at the end
            ``{"result"}`` or ``{"error", "limit"}``, with ``cpu_s`` that were used so far and ``grown``, the bytes of
            address space beyond those at the beginning.
        work: takes the arguments and ``report``, returns plain values.
        limits: see `ProcessLimits`.
        lifetime_cpu_s: processor time for everything.
    """
    gc.freeze()  # what was loaded before stays: looking through it again would cost more than most recordings do
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts the server stops this too, but quietly
    restrict_process(limits, lifetime_cpu_s)
    begin_s, begin_bytes = time.process_time(), address_space()
    with suppress(EOFError, OSError):  # nobody asks any more
        while True:
            request = json.loads(connection.recv_bytes())
            allow_cpu(request["cpu_s"])
            answer = _attempt(connection, work, request["arguments"])
            used = {"cpu_s": time.process_time() - begin_s, "grown": address_space() - begin_bytes}
            _tell(connection, {**answer, **used})


def _attempt(connection: Connection, work: Work, arguments: dict[str, Any]) -> dict[str, Any]:
    def report(message: str, progress: float | None) -> None:
        _tell(connection, {"message": message, "progress": progress})

    try:
        answer = {"result": work(**arguments, report=report)}
        json.dumps(answer, allow_nan=False)
        return answer
    except MemoryError:
        return {"error": "it needs more memory than an upload may: give a shorter or another recording", "limit": True}
    except FxrepError as error:
        return {"error": str(error)}
    except Exception as error:
        return {"error": f"it cannot be read ({type(error).__name__}): export it again, or leave it out"}


def _tell(connection: Connection, message: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(message, allow_nan=False).encode())
