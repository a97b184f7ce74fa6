"""Processes with limits that are kept for the next piece of work, since starting one costs more than most work does."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from fxrep.errors import AudioError
from fxrep.web.limited_process import CrashError, LimitedProcess, MemoryLimitError, Report
from fxrep.web.process_child import Work
from fxrep.web.process_limits import ProcessLimits


class ProcessPool:
    """As many processes as are asked for at once, of which a few stay; for any number of threads.

    A process serves one piece of work at a time. It is replaced after anything that did not go well, when it has grown,
    and when it has worked for as long as it may.

    Args:
        work: see `LimitedProcess`.
        most_idle: processes that are kept while nobody needs them.
    """

    def __init__(self, work: Work, most_idle: int) -> None:
        self.work, self.most_idle = work, most_idle
        self._idle: list[LimitedProcess] = []
        self._lock, self._closed = threading.Lock(), False

    def __len__(self) -> int:
        return len(self._idle)

    def warm_up(self, limits: ProcessLimits) -> None:
        """Start a process ahead of the first piece of work."""
        self._give_back(LimitedProcess(self.work, limits, "nothing"))

    def run(self, arguments: Mapping[str, Any], limits: ProcessLimits, report: Report, name: str) -> Any:
        """Let a process work, see `LimitedProcess.do`.

        What crashes in a process that has worked before, or finds too little memory there, is given to a new one before
        it is blamed.
        """
        process = self._take(limits, name)
        try:
            return process.do(arguments, limits, report, name)
        except (CrashError, MemoryLimitError):
            if not process.done:
                raise
        finally:
            self._give_back(process)
        process = LimitedProcess(self.work, limits, name)
        try:
            return process.do(arguments, limits, report, name)
        finally:
            self._give_back(process)

    def close(self) -> None:
        """End all processes that wait; those that work end with their work."""
        with self._lock:
            self._closed, idle = True, self._idle
            self._idle = []
        for process in idle:
            process.close()

    def _take(self, limits: ProcessLimits, name: str) -> LimitedProcess:
        with self._lock:
            if self._closed:
                raise AudioError(f"{name} cannot be decoded now: the server ends")
            process = self._idle.pop() if self._idle else None
        if process is not None and not process.can_do(limits):
            process.close()
            process = None
        return process or LimitedProcess(self.work, limits, name)

    def _give_back(self, process: LimitedProcess) -> None:
        with self._lock:
            kept = process.is_sound and not self._closed and len(self._idle) < self.most_idle
            if kept:
                self._idle.append(process)
        if not kept:
            process.close()
