"""What is done with a damaged file, in a process of its own: read, measured and embedded in every way there is.

`python -m tests.fuzz.reading` takes lines of JSON, `{"number": n}` or `{"file": path}`, and answers each with one line.
It dies where a decoder does; whoever asks starts another.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from encoders import load_encoder
from fxrep.audio import audio_info, iter_blocks, load_audio
from fxrep.errors import FxrepError
from fxrep.retrieval.song_facts import read_facts
from fxrep.web.decoding import decode_recording

from .mutations import mutated
from .originals import make_originals

CPU_LIMIT_S = 5.0
"""Of one way to read one file; the files are of half a second and at most 100 kB."""
MEMORY_LIMIT = 256 << 20
"""Bytes that the process may grow by while it reads one file."""
_HARD_LIMIT = 2 << 30

Reading = Callable[[Path], Any]


def _load(path: Path) -> None:
    audio, rate = load_audio(path)
    if audio.shape[0] not in (1, 2) or audio.shape[1] < 1 or rate < 1 or not torch.isfinite(audio).all():
        raise AssertionError(f"load_audio gave {tuple(audio.shape)} at {rate} Hz, or values that are not finite")


def _blocks(path: Path) -> None:
    for block in iter_blocks(path, 0.1, target_rate=44100, channels=2):
        if not torch.isfinite(block).all():
            raise AssertionError("iter_blocks gave values that are not finite")


def _upload(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        decode_recording(str(path), folder, 600.0, lambda message, progress: None)


def readings() -> dict[str, Reading]:
    """Every way in which a file comes into the library, by name."""
    encoder = load_encoder("tiny")

    def embed(path: Path) -> None:
        vectors = encoder.embed_windows(path)[1]
        if not torch.isfinite(vectors).all():
            raise AssertionError("the embedding is not finite")

    return {
        "audio_info": audio_info,
        "load_audio": _load,
        "an excerpt": lambda path: load_audio(path, start_s=0.21, duration_s=0.1, sample_rate=44100, channels=2),
        "iter_blocks": _blocks,
        "facts": lambda path: read_facts(path, loudness=True),
        "embed": embed,
        "upload": _upload,
    }


def examine(path: Path, ways: dict[str, Reading]) -> list[dict[str, str]]:
    """Read one file in every way; returns what should not have happened."""
    findings = []
    for name, way in ways.items():
        before, started = _peak_from_here(), time.process_time()
        fault = _attempt(way, path)
        seconds, grown = time.process_time() - started, _peak() - before
        if fault is None and seconds > CPU_LIMIT_S:
            fault = ("slow", f"took {seconds:.1f} s of the processor")
        if fault is None and grown > MEMORY_LIMIT:
            fault = ("memory", f"took {grown >> 20} MB")
        if fault is not None:
            findings.append({"way": name, "kind": fault[0], "detail": fault[1]})
    return findings


def _attempt(way: Reading, path: Path) -> tuple[str, str] | None:
    try:
        way(path)
    except FxrepError as error:
        text = str(error)
        if "\n" in text or not text.strip():
            return "message", f"not one line: {text!r}"
    except BaseException:
        return "exception", traceback.format_exc()
    return None


def _peak_from_here() -> int:
    """Bytes in memory; from now on `_peak` tells the most there were since."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(text.split(f"{name}:")[1].split()[0]) * 1024


def _limit_memory() -> None:
    # Beyond it an allocation fails inside the library, where on another machine it would have succeeded.
    size = _status("VmSize")
    if size:
        resource.setrlimit(resource.RLIMIT_AS, (size + _HARD_LIMIT, size + _HARD_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    answers = os.dup(1)
    os.dup2(2, 1)  # what a decoder in C prints is no answer
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals, ways = make_originals(folder), readings()
        for original in originals:
            (folder / f"warm.{original.suffix}").write_bytes(original.data)
            examine(folder / f"warm.{original.suffix}", ways)
        _limit_memory()
        os.write(answers, b"ready\n")
        for line in sys.stdin:
            question = json.loads(line)
            if "file" in question:
                path = Path(question["file"])
            else:
                _, suffix, data = mutated(originals, seed, question["number"])
                path = folder / f"damaged.{suffix}"
                path.write_bytes(data)
            answer = {"findings": examine(path, ways), "cpu_s": time.process_time()}
            os.write(answers, (json.dumps(answer) + "\n").encode())


if __name__ == "__main__":
    main()
