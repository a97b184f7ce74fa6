"""Processor time of decoding an upload in a process that is kept, and in a new one for each.

    python benchmarks/decoder_processes.py

All processes are counted: the server that forks, and those that decode. Each round decodes the same recording a dozen
times one way and then the other.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fxrep.audio import save_audio
from fxrep.web.decoding import decode_recording
from fxrep.web.limited_process import prepare_processes, run_limited
from fxrep.web.process_limits import ProcessLimits
from fxrep.web.process_pool import ProcessPool

SECONDS, RATE, TIMES, ROUNDS = 12.0, 44100, 12, 3


def processor_seconds() -> float:
    """Of all processes of this session, and of those that they have seen end."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getsid(int(folder.name)) == os.getsid(0):
                ticks += sum(map(int, (folder / "stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(work: Callable[[], object]) -> float:
    begin = processor_seconds()
    for _ in range(TIMES):
        work()
    return (processor_seconds() - begin) / TIMES


def main() -> None:
    import torch

    prepare_processes(["fxrep.web.decoding", "fxrep.web.decoder_start", "fxrep.cli.main"])
    limits, pool = ProcessLimits(), ProcessPool(decode_recording, most_idle=1)
    with tempfile.TemporaryDirectory() as name:
        song = Path(name) / "song.wav"
        noise = torch.rand(2, round(SECONDS * RATE), generator=torch.Generator().manual_seed(0)) - 0.5
        save_audio(song, 0.2 * noise, RATE)
        arguments = {"source": str(song), "folder": name, "longest_s": 60.0}
        ways: dict[str, Callable[[], object]] = {
            "kept": lambda: pool.run(arguments, limits, lambda message, progress: None, "song"),
            "new": lambda: run_limited(decode_recording, arguments, limits, lambda message, progress: None, "song"),
        }
        for work in ways.values():
            work()
        found = {way: [measure(work) for _ in range(ROUNDS)] for way, work in ways.items()}
        pool.close()
    for way, seconds in found.items():
        sys.stdout.write(f"{way}: {statistics.median(seconds):.3f} s of the processor for {SECONDS:g} s of stereo\n")


if __name__ == "__main__":
    main()
