"""Damaged files never crash, hang or fill the memory; and whatever did would be noticed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fxrep.errors import AudioError

from .hunting import hunt
from .mutations import mutated
from .originals import make_originals

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in /proc")


def test_500_damaged_files_are_read_or_refused(tmp_path):
    # 20 000 in a night: python -m tests.fuzz.nightly
    report = hunt(range(500), 0, tmp_path / "findings")
    assert report.files == 500 and report.findings == []


def test_30_damaged_files_are_posted_and_the_server_lives_on(tmp_path):
    # Hundreds in a night: python -m tests.fuzz.nightly
    posting = pytest.importorskip("tests.fuzz.posting", exc_type=ImportError)
    report = posting.post_damaged(range(30), 0, tmp_path / "findings")
    assert report.files == 30 and report.findings == []
    assert {"done", "failed"} <= set(report.outcomes)


def test_a_server_that_answers_badly_is_noticed(tmp_path, monkeypatch):
    posting = pytest.importorskip("tests.fuzz.posting", exc_type=ImportError)

    class Answer:
        def __init__(self, status_code, **values):
            self.status_code, self.values, self.text = status_code, values, str(values)

        def json(self):
            return self.values

    class Client:
        def __init__(self, posted, job):
            self.posted, self.job = posted, job

        def post(self, *_, **__):
            return self.posted

        def get(self, *_, **__):
            return self.job

    def outcome(posted, job=None):
        return posting._post(Client(posted, job), "damaged.wav", b"")

    monkeypatch.setattr(posting, "ENDS_WITHIN_S", 0.01)
    accepted = Answer(202, job="x")
    assert outcome(Answer(422, error="it is empty")) == ("refused", None)
    assert outcome(Answer(500, error="a fault"))[1] is not None
    assert outcome(Answer(422, error="two\nlines"))[1] is not None
    assert outcome(accepted, Answer(200, state="done", error=None)) == ("done", None)
    assert outcome(accepted, Answer(200, state="failed", error="damaged.wav: no audio")) == ("failed", None)
    for error in ("damaged.wav\nno audio", "no audio", "damaged.wav: this is a fault of the server: see its log", None):
        assert outcome(accepted, Answer(200, state="failed", error=error))[1] is not None
    assert "hang" in str(outcome(accepted, Answer(200, state="running", error=None))[1])


def test_a_seed_means_the_same_files(tmp_path):
    first, second = make_originals(tmp_path), make_originals(tmp_path)
    assert first == second and len({original.suffix for original in first}) >= 6
    names = [[mutated(originals, 3, number) for number in range(40)] for originals in (first, second)]
    assert names[0] == names[1]
    assert len({data for _, _, data in names[0]}) > 30


# In place of the process that reads: it answers two files, then does what no reader should.
_BAD_READER = """
import json, os, signal, sys, time
print("ready", flush=True)
for line in sys.stdin:
    number = json.loads(line)["number"]
    if number == 2: os.kill(os.getpid(), signal.SIGSEGV)
    if number == 4: time.sleep(60)
    found = [{"way": "embed", "kind": "exception", "detail": "KeyError: 'x'"}] if number == 5 else []
    print(json.dumps({"findings": found, "cpu_s": number}), flush=True)
"""


def test_crashes_and_hangs_are_found_and_kept(tmp_path):
    report = hunt(range(7), 9, tmp_path, command=[sys.executable, "-c", _BAD_READER], wall_limit_s=1.0)
    assert report.files == 7 and report.restarts == 2
    kinds = [line for _, line in report.findings]
    assert kinds == ["any: crash: SIGSEGV: ", "any: hang: no answer after 1 s: ", "embed: exception: KeyError: 'x'"]
    for name, _ in report.findings:
        text = (tmp_path / f"{name}.txt").read_text()
        assert (tmp_path / name).is_file() and f"--file {tmp_path / name}" in text


def test_memory_time_and_exceptions_are_measured(tmp_path, monkeypatch):
    from . import reading

    monkeypatch.setattr(reading, "CPU_LIMIT_S", 3.0)

    def slow(_: Path) -> None:
        until = time.process_time() + 3.1
        while time.process_time() < until:
            pass

    def refused(_: Path) -> None:
        raise AudioError("one line")

    def in_two_lines(_: Path) -> None:
        raise AudioError("one line\nand another")

    ways = {
        "greedy": lambda _: np.ones((300 << 20) // 8),
        "slow": slow,
        "wrong": lambda _: {}["no key"],
        "refused": refused,
        "in two lines": in_two_lines,
    }
    found = [(finding["way"], finding["kind"]) for finding in reading.examine(tmp_path, ways)]
    assert found == [("greedy", "memory"), ("slow", "slow"), ("wrong", "exception"), ("in two lines", "message")]
