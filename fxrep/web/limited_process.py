"""Doing something risky in a process of its own, with limits, that is killed when it is over them or not wanted.

The work is forked off a small server process that has loaded everything beforehand (the ``forkserver`` of
`multiprocessing`), so a start takes milliseconds. What comes back is JSON and nothing else: a process that a malicious
file has taken over cannot make this one unpickle anything.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import multiprocessing.forkserver as forkserver
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from fxrep.errors import AudioError, FxrepError

resource: Any
try:
    import resource
except ImportError:  # Windows: the time limit alone remains.
    resource = None

_POLL_S = 0.1
_LONGEST_ANSWER = 4 << 20
Report = Callable[[str, "float | None"], None]
"""Says what is being done and how far it is; raises where it is to stop."""


@dataclass(frozen=True)
class ProcessLimits:
    """What a process may use.

    Attributes:
        memory_bytes: beyond what it has when it begins; None for no limit.
        cpu_s: processor time.
        wall_s: real time.
        file_bytes: size of a file that it writes.
        open_files: at once; None for no limit.
    """

    memory_bytes: int | None = 768 << 20
    cpu_s: float = 60.0
    wall_s: float = 120.0
    file_bytes: int = 2 << 30
    open_files: int | None = 64


class OverLimitError(FxrepError):
    """A process was stopped because it needed more than it may."""


def prepare_processes(modules: Sequence[str]) -> None:
    """Start the server process, which loads modules, and do not wait for it; call it on the main thread.

    An interrupt from a terminal reaches it too, in the middle of loading: it is started deaf to that, and ends with the
    process that started it.
    """
    if _method() != "forkserver":
        return
    forkserver.set_forkserver_preload(["__main__", *modules])
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


def wait_for_processes() -> None:
    """Wait until processes start in no time."""
    with suppress(FxrepError):
        run_limited(_nothing, {}, ProcessLimits(memory_bytes=None), lambda message, progress: None, "nothing")


def _nothing(report: Report) -> None:
    return None


def run_limited(
    work: Callable[..., Any], arguments: Mapping[str, Any], limits: ProcessLimits, report: Report, name: str
) -> Any:
    """Call a function in a process of its own.

    Args:
        work: of a module; takes the arguments and ``report``, returns plain values.
        arguments: plain values.
        limits: see `ProcessLimits`.
        report: is called with what the work reports, and at least ten times a second with the last of it; when it
            raises, the process is killed.
        name: how messages call what is worked on.

    Returns:
        What `work` returned.

    Raises:
        OverLimitError: it needed more time or memory.
        AudioError: what `work` raised, or it died.
    """
    context: Any = multiprocessing.get_context(_method())
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sending, work, dict(arguments), limits), daemon=True)
    try:
        process.start()
    except (OSError, EOFError) as error:
        receiving.close()
        raise AudioError(f"{name} cannot be decoded now ({type(error).__name__}): try again") from error
    finally:
        sending.close()
    try:
        return _follow(process, receiving, limits, report, name)
    finally:
        receiving.close()
        process.kill()
        process.join()
        process.close()


def _method() -> str:
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def _follow(process: Any, receiving: Connection, limits: ProcessLimits, report: Report, name: str) -> Any:
    deadline = time.monotonic() + limits.wall_s
    last: tuple[str, float | None] = ("starting", None)
    while True:
        report(*last)
        ready = wait([receiving, process.sentinel], timeout=_POLL_S)
        if receiving in ready:
            try:
                message = json.loads(receiving.recv_bytes(_LONGEST_ANSWER))
            except (EOFError, OSError, ValueError):
                raise _death(process, limits, name) from None
            if "result" in message:
                return message["result"]
            if "error" in message:
                raise (OverLimitError if message.get("limit") else AudioError)(str(message["error"]))
            last = (str(message.get("message", "")), message.get("progress"))
        elif process.sentinel in ready:
            raise _death(process, limits, name)
        if time.monotonic() > deadline:
            raise OverLimitError(f"{name} took longer than {limits.wall_s:g} s: give a shorter or another recording")


def _death(process: Any, limits: ProcessLimits, name: str) -> FxrepError:
    process.join(5)
    killed_for_time = [-signal.SIGKILL, -getattr(signal, "SIGXCPU", signal.SIGKILL)]
    if process.exitcode in killed_for_time:
        return OverLimitError(
            f"{name} needed more than {limits.cpu_s:g} s of work, or too much memory: give a shorter recording"
        )
    return AudioError(f"{name} made its decoder fail: export it again, or leave it out")


def _child(sending: Connection, work: Callable[..., Any], arguments: dict[str, Any], limits: ProcessLimits) -> None:
    """Runs in the process."""
    gc.freeze()  # what was loaded before stays: looking through it again would cost more than most recordings do
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts the server stops this too, but quietly

    def tell(message: dict[str, Any]) -> None:
        sending.send_bytes(json.dumps(message, allow_nan=False).encode())

    def report(message: str, progress: float | None) -> None:
        tell({"message": message, "progress": progress})

    try:
        _restrict(limits)
        tell({"result": work(**arguments, report=report)})
    except MemoryError:
        tell({"error": "it needs more memory than an upload may: give a shorter or another recording", "limit": True})
    except FxrepError as error:
        tell({"error": str(error)})
    except Exception as error:
        tell({"error": f"it cannot be read ({type(error).__name__}): export it again, or leave it out"})


def _restrict(limits: ProcessLimits) -> None:
    if resource is None:
        return
    os.nice(5)  # answering comes first
    cpu = max(1, round(limits.cpu_s + time.process_time()))
    wanted = {"RLIMIT_CPU": (cpu, cpu + 1), "RLIMIT_FSIZE": (limits.file_bytes,) * 2, "RLIMIT_CORE": (0, 0)}
    if limits.open_files is not None:
        wanted["RLIMIT_NOFILE"] = (limits.open_files,) * 2
    if limits.memory_bytes is not None and sys.platform == "linux":
        most = _address_space() + limits.memory_bytes
        wanted["RLIMIT_AS"] = (most, most)
    for key, (soft, hard) in wanted.items():
        _, allowed = resource.getrlimit(getattr(resource, key))
        if allowed != resource.RLIM_INFINITY:
            soft, hard = min(soft, allowed), min(hard, allowed)
        resource.setrlimit(getattr(resource, key), (soft, hard))


def _address_space() -> int:
    """Bytes of address space that this process has."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
