"""Give damaged files to a process that reads them, start another where it dies or hangs, and keep what went wrong."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from .mutations import mutated
from .originals import Original, make_originals

WALL_LIMIT_S = 60.0
"""Without an answer for so long the reader is killed: many times what it may take of the processor."""
_START_LIMIT_S = 180.0


class Answer(TypedDict):
    """What became of a file: findings (way, kind, detail), and the seconds of the processor used so far."""

    findings: list[dict[str, str]]
    cpu_s: float


@dataclass
class HuntReport:
    """What a hunt found.

    Attributes:
        files: damaged files that were read.
        cpu_s: of the processes that read them, without their start.
        restarts: how often a process died or was killed.
        findings: file name of each finding and one line about it.
    """

    files: int = 0
    cpu_s: float = 0.0
    restarts: int = 0
    findings: list[tuple[str, str]] = field(default_factory=list)


class Reader:
    """The process that reads.

    Args:
        command: what to run; None for `tests.fuzz.reading` with `seed`.
        wall_limit_s: seconds to wait for an answer.
    """

    def __init__(self, seed: int, *, command: Sequence[str] | None = None, wall_limit_s: float = WALL_LIMIT_S) -> None:
        words = [sys.executable, "-m", "tests.fuzz.reading", "--seed", str(seed)]
        root = Path(__file__).resolve().parents[2]
        self._process = subprocess.Popen(
            command or words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=root
        )
        self._wall_limit_s = wall_limit_s
        if self._line(_START_LIMIT_S) != b"ready\n":
            self.stop()
            raise RuntimeError("the process that reads did not start: run python -m tests.fuzz.reading to see why")

    def ask(self, question: dict[str, object]) -> Answer | str:
        """The answer; or why there is none: the process has ended then."""
        assert self._process.stdin is not None
        self._process.stdin.write((json.dumps(question) + "\n").encode())
        self._process.stdin.flush()
        started = time.monotonic()
        line = self._line(self._wall_limit_s)
        if line.endswith(b"\n"):
            answer: Answer = json.loads(line)
            return answer
        if time.monotonic() - started >= self._wall_limit_s:
            self.stop()
            return f"hang: no answer after {self._wall_limit_s:g} s"
        code = self._process.wait()
        return f"crash: {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _line(self, limit_s: float) -> bytes:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], limit_s)[0]:
            return b""
        return self._process.stdout.readline()


def hunt(
    numbers: Iterable[int],
    seed: int,
    findings: Path,
    *,
    command: Sequence[str] | None = None,
    wall_limit_s: float = WALL_LIMIT_S,
    cpu_budget_s: float = float("inf"),
) -> HuntReport:
    """Read the damaged files of some numbers; what goes wrong is written to a folder with what is known of it.

    Args:
        numbers: of the files of `seed`.
        seed: what the damage is drawn from.
        findings: folder for files that reproduce.
        command: another process that reads.
        wall_limit_s: seconds to wait for an answer.
        cpu_budget_s: begin no file when so much was used.
    """
    report, reader = HuntReport(), Reader(seed, command=command, wall_limit_s=wall_limit_s)
    with tempfile.TemporaryDirectory() as name:
        originals = make_originals(Path(name))
    # What starting took is no cost of a file.
    before: float | None = None
    try:
        for number in numbers:
            if report.cpu_s >= cpu_budget_s:
                break
            answer = reader.ask({"number": number})
            report.files += 1
            if isinstance(answer, str):
                reader.stop()
                reader = Reader(seed, command=command, wall_limit_s=wall_limit_s)
                report.restarts += 1
                keep_finding(
                    report.findings, findings, originals, seed, number, [{"way": "any", "kind": answer, "detail": ""}]
                )
                before = None
                continue
            now = answer["cpu_s"]
            report.cpu_s += 0.0 if before is None else now - before
            before = now
            if answer["findings"]:
                keep_finding(report.findings, findings, originals, seed, number, answer["findings"])
    finally:
        reader.stop()
    return report


def keep_finding(
    findings: list[tuple[str, str]],
    folder: Path,
    originals: Sequence[Original],
    seed: int,
    number: int,
    found: Sequence[dict[str, str]],
) -> None:
    """Write a file that something went wrong with, what is known of it, and how to read it again."""
    description, suffix, data = mutated(originals, seed, number)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"seed-{seed}-number-{number}.{suffix}"
    file.write_bytes(data)
    lines = [f"{finding['way']}: {finding['kind']}\n{finding['detail']}" for finding in found]
    text = f"{description}\nagain with: python -m tests.fuzz.nightly --file {file}\n\n" + "\n".join(lines)
    file.with_name(file.name + ".txt").write_text(text, encoding="utf-8")
    for finding in found:
        last = finding["detail"].strip().splitlines()[-1:] or [""]
        findings.append((file.name, f"{finding['way']}: {finding['kind']}: {last[0]}"))
