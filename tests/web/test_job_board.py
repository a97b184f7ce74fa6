"""Jobs run in line, can be stopped wherever they are, and leave nothing behind."""

from __future__ import annotations

import threading
import time

import pytest

from fxrep.errors import AudioError
from fxrep.web.job_board import FINISHED, BusyError, Job, JobBoard
from fxrep.web.shared_work import SharedWork


@pytest.fixture
def board():
    made = JobBoard({"first": 1, "second": 1}, waiting=3)
    yield made
    made.close()


def wait(job: Job) -> Job:
    until = time.monotonic() + 20
    while job.state not in FINISHED and time.monotonic() < until:
        time.sleep(0.005)
    return job


def until_stopped(job: Job) -> None:
    while True:
        job.report("working", 0.5)
        time.sleep(0.005)


def test_stages_run_in_their_lanes_one_after_the_other(board: JobBoard) -> None:
    threads: list[str] = []
    stages = [(lane, lambda job: threads.append(threading.current_thread().name)) for lane in ("first", "second")]
    job = wait(board.submit("work", [*stages, ("first", lambda job: {"found": 1})]))
    assert job.to_dict() | {"id": ""} == {
        "id": "", "kind": "work", "state": "done", "progress": 1.0, "message": "done", "result": {"found": 1},
        "error": None,
    }  # fmt: skip
    assert [name.partition("_")[0] for name in threads] == ["first", "second"]


def test_a_running_job_stops_where_it_reports(board: JobBoard) -> None:
    cleaned: list[int] = []
    job = board.submit("work", [("first", until_stopped)], lambda: cleaned.append(1))
    while job.state != "running":
        time.sleep(0.001)
    board.cancel(job)
    assert wait(job).state == "cancelled" and job.result is None
    board.cancel(job)
    time.sleep(0.02)
    assert cleaned == [1]


def test_a_waiting_job_never_begins(board: JobBoard) -> None:
    begun: list[int] = []
    running = board.submit("work", [("first", until_stopped)])
    waiting = board.submit("work", [("first", lambda job: begun.append(1))], lambda: begun.append(2))
    board.cancel(waiting)
    assert waiting.state == "cancelled"
    board.cancel(running)
    wait(running)
    assert wait(board.submit("work", [("first", lambda job: 5)])).result == 5
    assert begun == [2]


def test_a_job_that_waits_between_two_lanes_is_cancelled_at_once(board: JobBoard) -> None:
    cleaned, begun = threading.Event(), threading.Event()
    running = board.submit("work", [("second", until_stopped)])
    waiting = board.submit(
        "work", [("first", lambda job: job.report("decoding", 0.25)), ("second", lambda job: begun.set())], cleaned.set
    )
    until = time.monotonic() + 20
    while (waiting.message, waiting.state) != ("waiting in line", "queued") or waiting.progress != 0.25:
        assert time.monotonic() < until
        time.sleep(0.001)
    board.cancel(waiting)
    assert waiting.state == "cancelled" and cleaned.is_set() and running.state == "running"
    board.cancel(running)
    wait(running)
    assert wait(board.submit("work", [("second", lambda job: 5)])).result == 5
    assert not begun.is_set()


def test_errors_are_told_and_faults_are_not_told_apart(board: JobBoard, caplog: pytest.LogCaptureFixture) -> None:
    def fail(error: Exception):
        def work(job: Job) -> None:
            raise error

        return wait(board.submit("work", [("first", work)]))

    assert fail(AudioError("x is no audio: convert it")).error == "x is no audio: convert it"
    assert "secret" not in fail(ValueError("secret")).error
    assert "secret" in caplog.text


def test_too_many_are_refused_and_cleaned_up(board: JobBoard) -> None:
    jobs = [board.submit("work", [("first", until_stopped)]) for _ in range(3)]
    cleaned: list[int] = []
    with pytest.raises(BusyError, match="3 jobs are waiting"):
        board.submit("work", [("first", until_stopped)], lambda: cleaned.append(1))
    assert cleaned == [1]
    for job in jobs:
        board.cancel(job)


def test_closing_stops_everything() -> None:
    board = JobBoard({"lane": 1}, waiting=10)
    cleaned: list[int] = []
    jobs = [board.submit("work", [("lane", until_stopped)], lambda: cleaned.append(1)) for _ in range(4)]
    board.close()
    assert [job.state for job in jobs] == ["cancelled"] * 4 and len(cleaned) == 4
    with pytest.raises(BusyError):
        board.submit("work", [("lane", until_stopped)])


def test_what_several_ask_for_at_once_is_done_once() -> None:
    shared, calls, gate = SharedWork[int](), [], threading.Event()

    def work() -> int:
        calls.append(1)
        gate.wait(10)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(shared.do("key", work))) for _ in range(5)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    gate.set()
    for thread in threads:
        thread.join()
    assert found == [7] * 5 and len(calls) == 1
    assert shared.do("key", lambda: 8) == 8  # nothing is kept
    with pytest.raises(AudioError):
        shared.do("key", lambda: (_ for _ in ()).throw(AudioError("no")))
