"""Doing something risky in a process of its own, with limits, that is killed when it is over them or not wanted.

The process is forked off a small server process that has loaded everything beforehand (the ``forkserver`` of
`multiprocessing`), so that it starts in milliseconds.
"""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.forkserver as forkserver
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import wait
from typing import Any

from fxrep.errors import AudioError, FxrepError
from fxrep.web.process_child import Work, serve_work
from fxrep.web.process_limits import ProcessLimits

_POLL_S = 0.1
_LONGEST_ANSWER = 4 << 20
_LIFETIME = 2.0
"""A process may use this many times the processor time of the first piece of work."""
Report = Callable[[str, "float | None"], None]
"""Says what is being done and how far it is; raises where it is to stop."""


class OverLimitError(FxrepError):
    """A process was stopped because it needed more than it may."""


class MemoryLimitError(OverLimitError):
    """A process found no more memory."""


class CrashError(AudioError):
    """A process died of what it was given."""


def prepare_processes(modules: Sequence[str]) -> None:
    """Start the server process, which loads modules, and do not wait for it; call it on the main thread.

    An interrupt from a terminal reaches it too, in the middle of loading: it is started deaf to that, and ends with the
    process that started it.
    """
    if _method() != "forkserver":
        return
    forkserver.set_forkserver_preload(["__main__", "fxrep.web.process_child", *modules])
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


def run_limited(work: Work, arguments: Mapping[str, Any], limits: ProcessLimits, report: Report, name: str) -> Any:
    """Call a function in a process of its own, which ends with it; see `LimitedProcess.do`."""
    process = LimitedProcess(work, limits, name)
    try:
        return process.do(arguments, limits, report, name)
    finally:
        process.close()


class LimitedProcess:
    """A process that does one piece of work after the other; for one thread at a time.

    Args:
        work: of a module; takes the arguments and ``report``, returns plain values.
        limits: memory and files, and the times of the first piece of work.
        name: how messages call what is worked on first.

    Attributes:
        done: pieces of work that went well.
        is_sound: whether all went well: a decoder that has met a broken file is not asked again.

    Raises:
        AudioError: it cannot be started.
    """

    def __init__(self, work: Work, limits: ProcessLimits, name: str) -> None:
        self.limits, self.done, self.is_sound = limits, 0, True
        self._lifetime_cpu_s, self._used_cpu_s, self._grown = _LIFETIME * limits.cpu_s + 1, 0.0, 0
        context: Any = multiprocessing.get_context(_method())
        self._connection, other = context.Pipe()
        target = (other, work, limits, self._lifetime_cpu_s)
        self._process = context.Process(target=serve_work, args=target, daemon=True)
        try:
            self._process.start()
        except (OSError, EOFError) as error:
            self._connection.close()
            raise AudioError(f"{name} cannot be decoded now ({type(error).__name__}): try again") from error
        finally:
            other.close()

    def can_do(self, limits: ProcessLimits) -> bool:
        """Whether there is room for a piece of work with these limits."""
        in_time = self._used_cpu_s + limits.cpu_s < self._lifetime_cpu_s
        in_space = limits.memory_bytes is None or self._grown < limits.memory_bytes / 8
        return self.is_sound and self.limits.kind == limits.kind and in_time and in_space and self._process.is_alive()

    def do(self, arguments: Mapping[str, Any], limits: ProcessLimits, report: Report, name: str) -> Any:
        """Let it work.

        Args:
            arguments: plain values.
            limits: see `ProcessLimits`.
            report: is called with what the work reports, and at least ten times a second with the last of it; when it
                raises, the process is good for nothing but `close`.
            name: how messages call what is worked on.

        Returns:
            What the work returned.

        Raises:
            OverLimitError: it needed more time, or, as `MemoryLimitError`, more memory.
            CrashError: it died.
            AudioError: what the work raised.
        """
        self.is_sound = False  # until it has answered
        try:
            self._connection.send_bytes(json.dumps({"arguments": dict(arguments), "cpu_s": limits.cpu_s}).encode())
        except OSError:
            raise self._death(limits, name) from None
        answer = self._follow(limits, report, name)
        if "error" in answer:
            raise (MemoryLimitError if answer.get("limit") else AudioError)(str(answer["error"]))
        self._used_cpu_s, self._grown = float(answer["cpu_s"]), int(answer["grown"])
        self.done, self.is_sound = self.done + 1, True
        return answer["result"]

    def close(self) -> None:
        """End it, whatever it does."""
        self._connection.close()
        self._process.kill()
        self._process.join()
        self._process.close()

    def _follow(self, limits: ProcessLimits, report: Report, name: str) -> dict[str, Any]:
        """Wait for the answer, and pass on what is told on the way."""
        deadline = time.monotonic() + limits.wall_s
        last: tuple[str, float | None] = ("starting", None)
        while True:
            report(*last)
            ready = wait([self._connection, self._process.sentinel], timeout=_POLL_S)
            if self._connection in ready:
                try:
                    message: dict[str, Any] = json.loads(self._connection.recv_bytes(_LONGEST_ANSWER))
                except (EOFError, ConnectionError):
                    raise self._death(limits, name) from None
                except (OSError, ValueError):  # longer than an answer may be, or no JSON
                    raise _crash(name) from None
                if "result" in message or "error" in message:
                    return message
                last = (str(message.get("message", "")), message.get("progress"))
            elif self._process.sentinel in ready:
                raise self._death(limits, name)
            if time.monotonic() > deadline:
                raise OverLimitError(
                    f"{name} took longer than {limits.wall_s:g} s: give a shorter or another recording"
                )

    def _death(self, limits: ProcessLimits, name: str) -> FxrepError:
        self._process.join(5)
        text = f"{name} needed more than {limits.cpu_s:g} s of work, or too much memory: give a shorter recording"
        if self._process.exitcode == -getattr(signal, "SIGXCPU", signal.SIGTERM):
            return OverLimitError(text)
        if self._process.exitcode == -getattr(
            signal, "SIGKILL", signal.SIGTERM
        ):  # by the system, which was out of memory
            return MemoryLimitError(text)
        return _crash(name)


def _crash(name: str) -> CrashError:
    return CrashError(f"{name} made its decoder fail: export it again, or leave it out")


def _method() -> str:
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
