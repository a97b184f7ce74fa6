"""Work for a process of its own that behaves badly."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from fxrep.errors import AudioError
from fxrep.web.limited_process import Report


def answer(report: Report, **arguments: Any) -> Any:
    report("working", 0.25)
    return arguments


def refuse(report: Report) -> None:
    raise AudioError("it is no audio")


def fail(report: Report) -> None:
    raise RuntimeError("secret")


def eat_memory(report: Report) -> int:
    kept = [bytearray(16 << 20) for _ in range(1000)]
    return len(kept)


def burn(report: Report) -> None:
    while True:
        pass


def sleep(report: Report) -> None:
    time.sleep(60)


def note_and_sleep(report: Report, path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def die(report: Report) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(report: Report) -> None:
    os._exit(0)


def write_much(report: Report, path: str) -> int:
    with Path(path).open("wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
    return 64


def shout(report: Report) -> str:
    return "x" * (8 << 20)


def infinite(report: Report) -> float:
    return float("inf")


def open_many(report: Report) -> int:
    return len([Path(sys.executable).open("rb") for _ in range(500)])


_kept: list[bytearray] = []


def obey(report: Report, what: str, seconds: float = 0.0, size: int = 0, path: str = "") -> Any:
    """Does one of these things, and returns the number of the process."""
    if what == "work":
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass
    elif what == "keep_memory":
        _kept.append(bytearray(size))
    elif what == "die_once":
        if not Path(path).exists():
            Path(path).touch()
            die(report)
    elif what != "answer":
        return globals()[what](report)
    return os.getpid()


def watch_decoding(report: Report, source: str) -> dict[str, Any]:
    """Decodes a file; what was compiled beforehand and threads afterwards."""
    from fxrep.audio import k_weighted_energy
    from fxrep.web.decoding import decode_recording

    kernel: Any = vars(sys.modules[k_weighted_energy.__module__])["_filter_and_sum"]
    compiled = len(kernel.signatures)
    found = decode_recording(source, None, 3600.0, report)
    return {
        "compiled": [compiled, len(kernel.signatures)],
        "threads": len(list(Path("/proc/self/task").iterdir())),
        **found,
    }
