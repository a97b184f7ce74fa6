"""What is risky runs apart, within limits, and is killed when it is over them or not wanted."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path

import pytest

from fxrep.errors import AudioError
from fxrep.web.job_board import CancelledError
from fxrep.web.limited_process import OverLimitError, ProcessLimits, run_limited

# A process imports what it is to do by its name.
sys.path.insert(0, str(Path(__file__).parent))
processes = importlib.import_module("processes")

LIMITS = ProcessLimits(memory_bytes=256 << 20, cpu_s=1, wall_s=20, file_bytes=8 << 20)


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
    begin = time.monotonic()
    with pytest.raises(OverLimitError, match="1 s of work"):
        run(processes.burn)
    assert time.monotonic() - begin < 20


def test_real_time_is_limited() -> None:
    begin = time.monotonic()
    with pytest.raises(OverLimitError, match=r"longer than 0\.5 s"):
        run(processes.sleep, ProcessLimits(None, 10, 0.5))
    assert time.monotonic() - begin < 10


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
    assert time.monotonic() - begin < 20
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
