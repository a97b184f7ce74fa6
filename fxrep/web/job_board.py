"""Work that takes longer than a request: in line, with progress, and stopped when nobody wants it any more."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from fxrep.errors import FxrepError

logger = logging.getLogger(__name__)
State = Literal["queued", "running", "done", "failed", "cancelled"]
FINISHED: tuple[State, ...] = ("done", "failed", "cancelled")
_KEPT = 500


class CancelledError(Exception):
    """Raised inside a job that nobody wants any more."""


class BusyError(FxrepError):
    """Too much is waiting already."""


class Job:
    """One piece of work.

    Attributes:
        id: a name that cannot be guessed.
        kind: what it is, one word.
        state: where it is.
        progress: 0 to 1; None where it cannot be told.
        message: what is being done.
        result: plain values, when it is done.
        error: a sentence, when it failed.
    """

    def __init__(self, kind: str) -> None:
        self.id, self.kind = secrets.token_urlsafe(12), kind
        self.state: State = "queued"
        self.progress: float | None = None
        self.message, self.error = "waiting in line", ""
        self.result: Any = None
        self.finished_at = 0.0
        self.cleanups: list[Callable[[], None]] = []
        self._stopping = threading.Event()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopping.is_set()

    def check(self) -> None:
        """Raise `CancelledError` if the job was asked to stop; work calls this often."""
        if self.is_cancelled:
            raise CancelledError

    def report(self, message: str, progress: float | None = None) -> None:
        """Say what is being done, and stop if nobody wants it any more."""
        self.check()
        self.message = message
        self.progress = None if progress is None else min(1.0, max(0.0, progress))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "progress": 1.0 if self.state == "done" else self.progress,
            "message": self.message,
            "result": self.result,
            "error": self.error or None,
        }


Stage = tuple[str, Callable[[Job], Any]]
"""Name of a lane, and the work; what the last stage returns is the result of the job."""


class JobBoard:
    """All jobs, and lanes of threads that do them.

    Args:
        lanes: threads by the name of the lane.
        waiting: jobs that may be unfinished at once.
    """

    def __init__(self, lanes: Mapping[str, int], waiting: int) -> None:
        self._pools = {name: ThreadPoolExecutor(count, thread_name_prefix=name) for name, count in lanes.items()}
        self._waiting, self._lock, self._closed = waiting, threading.Lock(), False
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def submit(self, kind: str, stages: Sequence[Stage], cleanup: Callable[[], None] | None = None) -> Job:
        """Put a job in line.

        Args:
            kind: of the job.
            stages: done one after the other, each in its lane.
            cleanup: called once when the job has ended, however it did.

        Raises:
            BusyError: too many are waiting; `cleanup` was called.
        """
        job = Job(kind)
        job.cleanups = [] if cleanup is None else [cleanup]
        with self._lock:
            unfinished = sum(one.state not in FINISHED for one in self._jobs.values())
            refused = self._closed or unfinished >= self._waiting
            if not refused:
                self._jobs[job.id] = job
                self._forget()
        if refused:
            _clean_up(job)
            raise BusyError(f"{unfinished} jobs are waiting already: try again when some are done")
        self._pools[stages[0][0]].submit(self._run, job, list(stages))
        return job

    def get(self, job_id: str) -> Job | None:
        """A job by its id; None where it is not, or no longer, known."""
        return self._jobs.get(job_id)

    def cancel(self, job: Job) -> None:
        """Stop a job: at once where it waits, at its next check where it runs."""
        job._stopping.set()
        with self._lock:
            waits = job.state == "queued"
            if waits:
                self._end(job, "cancelled")
        if waits:
            _clean_up(job)

    def close(self) -> None:
        """Stop everything and wait for it."""
        with self._lock:
            self._closed = True
            unfinished = [job for job in self._jobs.values() if job.state not in FINISHED]
        for job in unfinished:
            self.cancel(job)
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)
        for job in unfinished:
            _clean_up(job)

    def _run(self, job: Job, stages: list[Stage]) -> None:
        with self._lock:
            if job.state in FINISHED:
                return
            job.state = "running"
        _, work = stages[0]
        try:
            job.check()
            result = work(job)
            if stages[1:]:
                self._wait_for_next(job, stages[1:])
                return
            job.result = result
            self._end(job, "done")
        except CancelledError:
            self._end(job, "cancelled")
        except FxrepError as error:
            self._end(job, "failed", str(error))
        except BaseException as error:
            # Between two stages of a server that closes, the next lane takes nothing.
            self._end(job, "cancelled" if self._closed else "failed", "this is a fault of the server: see its log")
            if not self._closed:
                logger.error("job %s failed", job.kind, exc_info=error)
        _clean_up(job)

    def _wait_for_next(self, job: Job, stages: list[Stage]) -> None:
        with self._lock:
            job.report("waiting in line", job.progress)
            job.state = "queued"  # so that it can be cancelled at once between two stages as well
        self._pools[stages[0][0]].submit(self._run, job, stages)

    def _end(self, job: Job, state: State, error: str = "") -> None:
        job.error, job.finished_at = error if state == "failed" else "", time.monotonic()
        job.message = {"done": "done", "cancelled": "cancelled"}.get(state, error)
        job.state = state

    def _forget(self) -> None:
        """Drop the oldest jobs that have ended; called under the lock."""
        spare = len(self._jobs) - _KEPT
        for job in [job for job in self._jobs.values() if job.state in FINISHED][: max(0, spare)]:
            del self._jobs[job.id]


def _clean_up(job: Job) -> None:
    while job.cleanups:
        job.cleanups.pop()()
