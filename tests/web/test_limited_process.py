"""What is risky runs apart, within limits, and is killed when it is over them or not wanted."""

from __future__ import annotations

import concurrent.futures
import importlib.util
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from fxrep.errors import AudioError
from fxrep.web.job_board import CancelledError
from fxrep.web.limited_process import CrashError, LimitedProcess, OverLimitError, run_limited
from fxrep.web.process_limits import ProcessLimits
from fxrep.web.process_pool import ProcessPool

# A process imports what it is to do by its name.
sys.path.insert(0, str(Path(__file__).parent))
processes = importlib.import_module("processes")

LIMITS = ProcessLimits(memory_bytes=256 << 20, cpu_s=1, wall_s=240, file_bytes=8 << 20)


def run(work, limits: ProcessLimits = LIMITS, report=lambda message, progress: None, **arguments):
    return run_limited(work, arguments, limits, report, "song.wav")


def test_an_answer_and_what_is_said_on_the_way_come_back() -> None:
    said = []
    assert run(processes.answer, report=lambda *told: said.append(told), a=1, b="ö") == {"a": 1, "b": "ö"}
    assert ("working", 0.25) in said


def test_an_error_comes_back_and_a_fault_tells_nothing() -> None:
    with pytest.raises(AudioError, match="it is no audio"):
        run(processes.refuse)
    with pytest.raises(AudioError) as caught:
        run(processes.fail)
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_memory_is_limited() -> None:
    with pytest.raises(OverLimitError, match="memory"):
        run(processes.eat_memory)


def test_processor_time_is_limited() -> None:
    with pytest.raises(OverLimitError, match="1 s of work"):
        run(processes.burn)


def test_real_time_is_limited() -> None:
    begin = time.monotonic()
    with pytest.raises(OverLimitError, match=r"longer than 0\.5 s"):
        run(processes.sleep, ProcessLimits(None, 10, 0.5))
    assert time.monotonic() - begin < 60


def test_files_are_limited(tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        run(processes.write_much, path=str(tmp_path / "much"))
    assert (tmp_path / "much").stat().st_size <= 8 << 20
    with pytest.raises(AudioError):
        run(processes.open_many)


@pytest.mark.parametrize("work", ["die", "leave", "shout", "infinite"])
def test_a_process_that_dies_or_says_nonsense_is_an_error(work: str) -> None:
    with pytest.raises((AudioError, OverLimitError)):
        run(getattr(processes, work))


def test_what_nobody_wants_is_killed_at_once(tmp_path: Path) -> None:
    begin = time.monotonic()

    def report(message: str, progress: float | None) -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            raise CancelledError

    with pytest.raises(CancelledError):
        run(processes.note_and_sleep, report=report, path=str(tmp_path / "pid"))
    assert time.monotonic() - begin < 60
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.fixture
def pool(tmp_path: Path):
    made = ProcessPool(processes.obey, most_idle=1)
    yield made
    made.close()


def ask(pool: ProcessPool, what: str, limits: ProcessLimits = LIMITS, **options) -> int:
    """Lets a process of the pool do something and say its number."""
    return pool.run({"what": what, **options}, limits, lambda message, progress: None, "song.wav")


def test_a_process_is_kept_for_the_next_piece_of_work(pool: ProcessPool) -> None:
    pool.warm_up(LIMITS)
    assert len(pool) == 1
    numbers = {ask(pool, "answer") for _ in range(5)}
    assert len(numbers) == 1 and len(pool) == 1 and os.getpid() not in numbers


@pytest.mark.parametrize("what", ["refuse", "fail", "burn", "eat_memory", "die", "leave", "shout", "infinite"])
def test_a_process_in_which_anything_went_wrong_is_replaced(pool: ProcessPool, what: str) -> None:
    first = ask(pool, "answer")
    with pytest.raises((AudioError, OverLimitError)):
        ask(pool, what)
    assert len(pool) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert ask(pool, "answer") != first


def test_limits_hold_for_every_piece_of_work_and_not_for_all_together(pool: ProcessPool) -> None:
    # Limits of 1 s: three pieces of 0.5 s are allowed, and from two times 1 s on another process goes on.
    numbers = [ask(pool, "work", seconds=0.5) for _ in range(6)]
    assert numbers[0] == numbers[1] and len(set(numbers)) >= 2
    with pytest.raises(OverLimitError, match="1 s of work"):
        ask(pool, "burn")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_a_process_that_has_grown_is_replaced(pool: ProcessPool) -> None:
    first = ask(pool, "keep_memory", size=64 << 20)
    assert ask(pool, "answer") != first


def test_what_dies_of_an_earlier_recording_is_tried_once_more(pool: ProcessPool, tmp_path: Path) -> None:
    first = ask(pool, "answer")
    again = ask(pool, "die_once", path=str(tmp_path / "died"))
    assert again != first and (tmp_path / "died").exists()
    with pytest.raises(CrashError):
        ask(pool, "die")


def test_a_process_that_was_killed_while_it_waited_is_replaced(pool: ProcessPool) -> None:
    first = ask(pool, "answer")
    os.kill(first, signal.SIGKILL)
    assert ask(pool, "answer") != first


def test_no_more_are_kept_than_wanted_and_none_after_the_end(pool: ProcessPool) -> None:
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        numbers = set(threads.map(lambda _: ask(pool, "work", seconds=0.3), range(3)))
    assert len(numbers) == 3 and len(pool) == 1
    pool.close()
    with pytest.raises(AudioError, match="the server ends"):
        ask(pool, "answer")
    until = time.monotonic() + 20
    while numbers and time.monotonic() < until:
        numbers = {number for number in numbers if Path(f"/proc/{number}").exists()}
    assert not numbers


def test_a_process_ends_with_the_one_that_asks() -> None:
    process = LimitedProcess(processes.obey, LIMITS, "song.wav")
    number = process.do({"what": "answer"}, LIMITS, lambda message, progress: None, "song.wav")
    process._connection.close()
    process._process.join(20)
    assert process._process.exitcode == 0 and number
    process._process.close()
