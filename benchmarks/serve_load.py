"""Many clients at a `fxrep serve` at once: searching, streaming, uploading and saving settings for some minutes.

    python benchmarks/serve_load.py --clients 50 --seconds 120

The server runs in a process of its own on loopback. Every client does one thing after the other, drawn by chance: a
search by a song, a stretch of a song by Range, an upload followed by a search with it, the list of songs, a waveform, a
console saved. Meanwhile one more process adds songs to the library and removes some. What counts: no answer but the
ones expected, bytes that are those of the file, every console that was acknowledged on disk with the number that was
sent, every song that was added found, and the peak memory of the server and its helpers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import torch

from encoders import load_encoder
from fxrep.audio import save_audio
from fxrep.effects.console import default_console
from fxrep.mixing import MixSession, TrackSet, neutral_session
from fxrep.retrieval import ReferenceIndex

RATE = 44100
PAUSE_S = 0.2


def noise(seed: int, seconds: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    spectrum = torch.fft.rfft(torch.randn(2, round(seconds * RATE), generator=generator))
    turn = torch.linspace(0.0, torch.pi, spectrum.shape[-1])
    pole = 0.95 * float(torch.rand((), generator=generator))
    return 0.05 * torch.fft.irfft(spectrum / (1.0 - pole * torch.exp(-1j * turn)), round(seconds * RATE))


def make_library(folder: Path, songs: int, seconds: float) -> Path:
    for number in range(songs):
        suffix = (".wav", ".flac", ".ogg", ".mp3")[number % 4]
        save_audio(folder / "music" / f"song {number:03d}{suffix}", noise(number, seconds), RATE)
    with ReferenceIndex.create(folder / "lib.fxindex", load_encoder("tiny"), model="tiny") as index:
        index.add([folder / "music"])
    return folder / "lib.fxindex"


def make_mix(folder: Path) -> Path:
    for number, name in enumerate(("bass", "vox")):
        save_audio(folder / f"tracks/{name}.wav", noise(900 + number, 4.0), RATE)
    neutral_session(TrackSet([folder / "tracks"]), default_console()).save(folder / "OUT/console.json")
    MixSession.load(folder / "OUT/console.json").render_to(folder / "OUT/mix.wav")
    return folder / "OUT"


class Memory(threading.Thread):
    """The peak of the resident memory of a group of processes, shared pages counted once (PSS where it is told)."""

    def __init__(self, group: int) -> None:
        super().__init__(daemon=True)
        self.group, self.samples, self.running = group, [], True
        self.main_peak_mb = 0.0

    def run(self) -> None:
        while self.running:
            total = 0.0
            for folder in Path("/proc").iterdir():
                if not folder.name.isdigit():
                    continue
                try:
                    if os.getpgid(int(folder.name)) == self.group:
                        text = (folder / "smaps_rollup").read_text()
                        total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) / 1024
                except (OSError, TypeError):
                    continue
            try:
                text = Path(f"/proc/{self.group}/status").read_text()
                self.main_peak_mb = int(re.search(r"^VmHWM:\s+(\d+)", text, re.MULTILINE)[1]) / 1024
            except (OSError, TypeError):
                break
            self.samples.append(total)
            time.sleep(1.0)


class Load:
    def __init__(self, url: str, index: Path, files: dict[int, Path], until: float) -> None:
        self.url, self.index, self.files, self.until = url, index, files, until
        self.times: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()
        self.saved: list[tuple[str, float]] = []
        self.bytes = 0
        self.mix = ""

    async def client(self, number: int) -> None:
        chance = random.Random(number)
        async with httpx2.AsyncClient(base_url=self.url, timeout=110) as http:
            while time.monotonic() < self.until:
                work = chance.choices(
                    [self.search, self.stream, self.upload, self.listing, self.waveform, self.save],
                    [35, 35, 10, 10, 7, 3],
                )[0]
                begin = time.monotonic()
                try:
                    await work(http, chance)
                except Exception as error:  # what is counted here is what must not happen
                    self.errors[f"{work.__name__}: {type(error).__name__}: {str(error)[:200]}"] += 1
                self.times[work.__name__].append(time.monotonic() - begin)
                await asyncio.sleep(chance.uniform(0, 2 * PAUSE_S))

    async def search(self, http: httpx2.AsyncClient, chance: random.Random) -> None:
        song = chance.choice(list(self.files))
        answer = await http.post("/api/searches", json={"like": [{"song": song}], "k": 10})
        assert answer.status_code == 200, answer.text
        hits = answer.json()["hits"]
        assert len(hits) == 10 and song not in [hit["song_id"] for hit in hits], hits

    async def stream(self, http: httpx2.AsyncClient, chance: random.Random) -> None:
        song, file = chance.choice(list(self.files.items()))
        size = file.stat().st_size
        start = chance.randrange(size)
        stop = min(size, start + chance.randrange(1, 1 << 20))
        answer = await http.get(f"/api/audio/songs/{song}", headers={"range": f"bytes={start}-{stop - 1}"})
        assert answer.status_code == 206, f"{answer.status_code} {answer.text[:200]}"
        with file.open("rb") as stored:
            stored.seek(start)
            assert answer.content == stored.read(stop - start), "other bytes than those of the file"
        self.bytes += stop - start

    async def upload(self, http: httpx2.AsyncClient, chance: random.Random) -> None:
        song, file = chance.choice(list(self.files.items()))
        answer = await http.post("/api/uploads", params={"name": file.name}, content=file.read_bytes())
        assert answer.status_code == 202, answer.text
        job = await self.finished(http, answer.json()["job"])
        assert job["state"] == "done", job
        upload = job["result"]["upload"]
        found = await http.post("/api/searches", json={"like": [{"upload": upload}], "k": 1})
        assert found.status_code == 200, found.text
        assert found.json()["hits"][0]["song_id"] == song, "an upload did not find itself"

    async def listing(self, http: httpx2.AsyncClient, chance: random.Random) -> None:
        answer = await http.get("/api/songs", params={"offset": chance.randrange(30), "limit": 20})
        assert answer.status_code == 200 and answer.json()["total"] >= len(self.files), answer.text

    async def waveform(self, http: httpx2.AsyncClient, chance: random.Random) -> None:
        answer = await http.get(f"/api/waveforms/songs/{chance.choice(list(self.files))}")
        assert answer.status_code == 200 and len(answer.json()["peaks"]) == 1200, answer.text[:200]

    async def save(self, http: httpx2.AsyncClient, chance: random.Random) -> None:
        gain = round(chance.uniform(-20, 5), 4)
        edits = [{"place": "track:vox", "path": "fader.gain_db", "value": gain}]
        answer = await http.post(f"/api/mixes/{self.mix}/console", json={"edits": edits})
        assert answer.status_code == 201, answer.text
        self.saved.append((answer.json()["path"], gain))

    async def finished(self, http: httpx2.AsyncClient, job: str) -> dict[str, Any]:
        while True:
            answer = await http.get(f"/api/jobs/{job}", params={"wait_s": 20})
            assert answer.status_code == 200, answer.text
            if answer.json()["state"] in ("done", "failed", "cancelled"):
                return answer.json()

    async def run(self, clients: int) -> None:
        async with httpx2.AsyncClient(base_url=self.url, timeout=60) as http:
            self.mix = (await http.get("/api/mixes")).json()[0]["id"]
        await asyncio.gather(*(self.client(number) for number in range(clients)))


def keep_writing(index: Path, until: float, added: list[int], removed: list[int]) -> None:
    """Another writer: a song every few seconds, every other one removed again."""
    number = 0
    with ReferenceIndex.open(index, load_encoder("tiny")) as writer:
        while time.monotonic() < until:
            file = index.parent / "music" / f"later {number:03d}.wav"
            save_audio(file, noise(5000 + number, 3.0), RATE)
            added += writer.add([file]).added
            if number % 2:
                writer.remove(added[-2])
                removed.append(added[-2])
            number += 1
            time.sleep(3.0)


def check_writes(load: Load, out: Path, added: list[int], removed: list[int]) -> list[str]:
    lost = [
        name
        for name, gain in load.saved
        if MixSession.load(out / name).settings.tracks["vox"]["fader"]["gain_db"] != gain
    ]
    if len({name for name, _ in load.saved}) != len(load.saved):
        lost.append("two consoles were acknowledged under one name")
    with httpx2.Client(base_url=load.url, timeout=60) as http:
        there = {song["id"] for song in http.get("/api/songs", params={"limit": 500}).json()["songs"]}
    expected = set(added) - set(removed)
    lost += [f"song {song} is not seen" for song in expected - there]
    return lost + [f"song {song} is still seen" for song in set(removed) & there]


def processor_seconds(group: int) -> tuple[float, float]:
    """Of the process that leads a group, and of all in it and those that they have seen end."""
    found: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if os.getpgid(int(folder.name)) == group:
                    fields = (folder / "stat").read_text().rpartition(")")[2].split()
                    found[int(folder.name)] = sum(map(int, fields[11:15]))
    ticks = os.sysconf("SC_CLK_TCK")
    return found[group] / ticks, sum(found.values()) / ticks


def quantiles(seconds: list[float]) -> dict[str, float]:
    return {
        "count": len(seconds),
        "median_ms": round(1e3 * statistics.median(seconds), 1),
        "p99_ms": round(1e3 * float(np.quantile(seconds, 0.99)), 1),
    }


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    index, out = make_library(folder, arguments.songs, arguments.song_s), make_mix(folder)
    with ReferenceIndex.open(index) as opened:
        files = {song["id"]: Path(song["path"]) for song in opened.songs()}
    command = [sys.executable, "-m", "fxrep", "serve", str(index), "--mix", str(out), "--port", "0", "--json"]
    command += ["--cache", str(folder / "cache"), "--cache-mb", str(arguments.cache_mb)]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    url = json.loads(server.stdout.readline())["url"]
    time.sleep(arguments.settle_s)
    memory = Memory(server.pid)
    memory.start()
    begin = time.monotonic()
    load = Load(url, index, files, begin + arguments.seconds)
    added: list[int] = []
    removed: list[int] = []
    writer = threading.Thread(target=keep_writing, args=(index, load.until, added, removed))
    writer.start()
    asyncio.run(load.run(arguments.clients))
    writer.join()
    lost = check_writes(load, out, added, removed)
    cache_mb = sum(file.stat().st_size for file in (folder / "cache").rglob("*") if file.is_file()) / 1e6
    memory.running = False
    server_cpu_s, all_cpu_s = processor_seconds(server.pid)
    os.killpg(server.pid, signal.SIGINT)
    _, errors = server.communicate(timeout=60)
    half = len(memory.samples) // 2
    return {
        "clients": arguments.clients,
        "seconds": round(time.monotonic() - begin, 1),
        "requests": {name: quantiles(seconds) for name, seconds in sorted(load.times.items())},
        "streamed_mb": round(load.bytes / 1e6, 1),
        "errors": dict(load.errors),
        "consoles_saved": len(load.saved),
        "songs_added": len(added),
        "songs_removed": len(removed),
        "lost_updates": lost,
        "server_peak_rss_mb": round(memory.main_peak_mb),
        "all_processes_peak_pss_mb": round(max(memory.samples)),
        "peak_pss_first_half_mb": round(max(memory.samples[:half])),
        "peak_pss_second_half_mb": round(max(memory.samples[half:])),
        "cache_mb": round(cache_mb, 1),
        "server_cpu_s": round(server_cpu_s, 1),
        "all_processes_cpu_s": round(all_cpu_s, 1),
        "exit_code": server.returncode,
        "server_said": errors.strip()[-500:],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--songs", type=int, default=60, help="of the library")
    parser.add_argument("--song-s", type=float, default=12.0, help="length of a song")
    parser.add_argument("--cache-mb", type=int, default=200)
    parser.add_argument("--settle-s", type=float, default=10.0, help="time for the server to load its encoder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fxrep-load-") as folder:
        result = measure(arguments, Path(folder))
    print(json.dumps(result, indent=2))
    sys.exit(bool(result["errors"] or result["lost_updates"] or result["exit_code"]))


if __name__ == "__main__":
    main()
