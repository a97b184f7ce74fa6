"""Post damaged files to a real `fxrep serve` on loopback, as visitors do, and see that it answers and lives on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from .hunting import keep_finding
from .mutations import mutated
from .originals import make_originals

AT_ONCE = 4
ENDS_WITHIN_S = 180.0
"""From the first byte of a file to the end of its job: many times what decoding may take."""
GROWS_BY = 128 << 20
"""Bytes by which the server itself may grow; decoders are processes of their own, with limits of their own."""
ALL_TAKE = 1 << 30
"""Bytes that the server and its decoders may take beyond what they had before the first file, shared ones once."""
_ENDED = ("done", "failed", "cancelled")
_SONG_S = 3.0


@dataclass
class PostReport:
    """What became of the files.

    Attributes:
        outcomes: how many were ``done``, ``failed`` (decoded apart, and refused in one line) or ``refused`` at once.
        slowest_s: from sending a file to the end of its job.
        grown: bytes by which the server itself grew at most.
        all_grown: the same of the server with its decoders.
        findings: file name of each finding and one line about it.
    """

    outcomes: dict[str, int] = field(default_factory=dict)
    slowest_s: float = 0.0
    grown: int = 0
    all_grown: int = 0
    findings: list[tuple[str, str]] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many were posted."""
        return sum(self.outcomes.values())


class PageServer:
    """A server on a library of one song.

    Args:
        folder: for the library and temporary files.
    """

    def __init__(self, folder: Path) -> None:
        self.song = _library(folder)
        command = [sys.executable, "-m", "fxrep", "serve", str(folder / "lib.fxindex"), "--port", "0", "--json"]
        self.log = folder / "serve.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--cache", str(folder / "cache"), "--cache-mb", "100"],
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                cwd=Path(__file__).resolve().parents[2],
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start: {self.log.read_text()}")
        self.url = json.loads(line)["url"]

    def memory(self) -> tuple[int, int]:
        """Bytes that the server has had at most, and that it and its decoders have now, shared pages once."""
        group = [path for path in Path("/proc").glob("[0-9]*") if _group(path) == self.process.pid]
        shares = sum(_kilobytes(path / "smaps_rollup", "Pss:") for path in group)
        return _kilobytes(Path(f"/proc/{self.process.pid}/status"), "VmHWM:") << 10, shares << 10

    def stop(self) -> int:
        """Interrupt it, and return its exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait()
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()


def post_damaged(numbers: Iterable[int], seed: int, findings: Path) -> PostReport:
    """Post the damaged files of some numbers; what goes wrong is written to a folder with what is known of it.

    Args:
        numbers: of the files of `seed`.
        seed: what the damage is drawn from.
        findings: folder for files that reproduce.
    """
    report = PostReport()
    with tempfile.TemporaryDirectory() as name, _serving(Path(name), report) as server:
        originals = make_originals(Path(name))
        with httpx2.Client(base_url=server.url, timeout=ENDS_WITHIN_S) as client:
            fault = _sound_upload(client, server.song)  # loads everything
            before = server.memory()

            def post(number: int) -> tuple[int, str, str | None, float]:
                _, suffix, data = mutated(originals, seed, number)
                started = time.monotonic()
                try:
                    outcome, found = _post(client, f"damaged.{suffix}", data)
                except Exception as error:  # whatever it is, no answer is what must not happen
                    outcome, found = "refused", f"no answer: {type(error).__name__}: {error}"
                return number, outcome, found, time.monotonic() - started

            with ThreadPoolExecutor(AT_ONCE) as threads:
                for number, outcome, found, seconds in threads.map(post, numbers):
                    _note(report, server, before, outcome, seconds)
                    if found is not None:
                        keep_finding(report.findings, findings, originals, seed, number, [_finding(found)])
            for text in (fault, _sound_upload(client, server.song)):
                if text is not None:
                    report.findings.append(("the sound song", text))
    if report.grown > GROWS_BY or report.all_grown > ALL_TAKE:
        grown = f"grew by {report.grown >> 20} MB, with its decoders by {report.all_grown >> 20} MB"
        report.findings.append(("the server", grown))
    return report


@contextmanager
def _serving(folder: Path, report: PostReport) -> Iterator[PageServer]:
    """A server that must live, be stopped by an interrupt, complain of nothing and leave nothing."""
    server = PageServer(folder)
    try:
        yield server
    finally:
        lived, code = server.process.poll() is None, server.stop()
        said = server.log.read_text().strip()
        if not lived or code != 0 or "Traceback" in said:
            report.findings.append(("the server", f"ended with {code}, alive before: {lived}: {said[-500:]}"))
        elif any((folder / "cache").iterdir()):
            report.findings.append(("the server", "left temporary files"))


def _post(client: httpx2.Client, name: str, data: bytes) -> tuple[str, str | None]:
    """What became of a file, and what is wrong with that."""
    answer = client.post("/api/uploads", params={"name": name}, content=data)
    if answer.status_code != 202:
        fits = 400 <= answer.status_code < 500
        return "refused", None if fits and _is_line(answer.json()["error"]) else f"{answer.status_code} {answer.text}"
    job = _ended(client, answer.json()["job"])
    if job is None:
        return "failed", f"hang: no end after {ENDS_WITHIN_S:g} s"
    if job["state"] == "done":
        return "done", None
    told = job["error"]
    fits = job["state"] == "failed" and _is_line(told) and told.startswith(name) and "fault of the server" not in told
    return "failed", None if fits else f"{job['state']}: {told!r}"


def _ended(client: httpx2.Client, job_id: str) -> dict[str, Any] | None:
    until = time.monotonic() + ENDS_WITHIN_S
    while time.monotonic() < until:
        job: dict[str, Any] = client.get(f"/api/jobs/{job_id}", params={"wait_s": 20}).json()
        if job["state"] in _ENDED:
            return job
    return None


def _sound_upload(client: httpx2.Client, song: bytes) -> str | None:
    """Whether a song of the library, sent as it is, finds itself; what is wrong if not."""
    answer = client.post("/api/uploads", params={"name": "song.wav"}, content=song)
    job = _ended(client, answer.json()["job"]) if answer.status_code == 202 else None
    if job is None or job["state"] != "done":
        return f"a sound song was not taken: {answer.text} {job}"
    found = client.post("/api/searches", json={"like": [{"upload": job["result"]["upload"]}], "k": 1})
    score = found.json()["hits"][0]["score"] if found.status_code == 200 else 0.0
    return None if score > 0.999 else f"a sound song did not find itself: {found.text}"


def _note(report: PostReport, server: PageServer, before: tuple[int, int], outcome: str, seconds: float) -> None:
    report.outcomes[outcome] = report.outcomes.get(outcome, 0) + 1
    report.slowest_s = max(report.slowest_s, seconds)
    if report.files % AT_ONCE == 0:
        grown, all_grown = (now - then for now, then in zip(server.memory(), before, strict=True))
        report.grown, report.all_grown = max(report.grown, grown), max(report.all_grown, all_grown)


def _finding(text: str) -> dict[str, str]:
    return {"way": "posted", "kind": text.partition(":")[0], "detail": text}


def _is_line(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip()) and "\n" not in text


def _library(folder: Path) -> bytes:
    """Make a library of one song of noise; returns its file."""
    import torch

    from encoders import load_encoder
    from fxrep.audio import save_audio
    from fxrep.retrieval import ReferenceIndex

    noise = torch.rand(2, round(_SONG_S * 44100), generator=torch.Generator().manual_seed(0)) - 0.5
    save_audio(folder / "song.wav", 0.2 * noise, 44100)
    with ReferenceIndex.create(folder / "lib.fxindex", load_encoder("tiny"), model="tiny") as index:
        index.add([folder / "song.wav"])
    return (folder / "song.wav").read_bytes()


def _group(path: Path) -> int:
    try:
        return os.getpgid(int(path.name))
    except OSError:
        return -1


def _kilobytes(file: Path, name: str) -> int:
    try:
        return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith(name))
    except (OSError, StopIteration):
        return 0
