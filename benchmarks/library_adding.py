"""What adding songs to a library costs: `python benchmarks/library_adding.py MIXES --songs 40`.

Ogg Opus files of four minutes are made of the finished mixes in MIXES/manifest.csv, each of them in another order, and
added by a process that is killed by SIGKILL in the middle; then by another, with the same call, until all are there.
Printed: songs a minute of wall clock and of the processor, the most memory the second process had, and what the kill
cost: files that the second process had to embed again, and the time until it began the first that was missing.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import shutil
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

from encoders import load_encoder
from fxrep.audio import load_audio
from fxrep.retrieval import Matching, ReferenceIndex, match_encoder

RATE, MINUTES = 48000, 4


def make_songs(mixes: Path, folder: Path, count: int) -> list[Path]:
    """Four minutes each: the coded packets of mixes, one after the other, in another order in each song."""
    with (mixes / "manifest.csv").open(encoding="utf-8", newline="") as file:
        parts = [mixes / row["path"] for row in csv.DictReader(file) if row["kind"] == "mix"]
    folder.mkdir(parents=True, exist_ok=True)
    songs = [folder / f"{number:04d}.opus" for number in range(count)]
    if all(song.exists() for song in songs):
        return songs
    coded = [_code(part, folder / "part.opus") for part in parts]
    for number, song in enumerate(songs):
        order = np.random.default_rng(number).permutation(len(coded))
        packets = [packet for part in order for packet in coded[part]][: MINUTES * 60 * 50]
        _write(song, folder / "part.opus", packets)
    (folder / "part.opus").unlink()
    return songs


def _code(source: Path, target: Path) -> list[bytes]:
    """The packets, 20 ms each, of a mix as Ogg Opus; written to `target` on the way."""
    audio = load_audio(source, sample_rate=RATE, channels=2)[0].clamp(-1, 1).numpy()
    with av.open(str(target), "w", format="ogg") as stream:
        track = stream.add_stream("libopus", rate=RATE, options={"compression_level": "0"})
        track.bit_rate, track.layout = 96000, "stereo"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = RATE, 0
        for piece in (*av.AudioResampler(format=track.format, layout="stereo", rate=RATE).resample(frame), None):
            stream.mux(track.encode(piece))
    with av.open(str(target)) as stream:
        return [bytes(packet) for packet in stream.demux(stream.streams.audio[0]) if packet.size][:-1]


def _write(target: Path, like: Path, packets: list[bytes]) -> None:
    with av.open(str(like)) as template, av.open(str(target), "w", format="ogg") as stream:
        track = stream.add_stream_from_template(template.streams.audio[0])
        for number, data in enumerate(packets):
            packet = av.Packet(data)
            packet.stream, packet.time_base = track, Fraction(1, RATE)
            packet.pts = packet.dts = number * RATE // 50
            packet.duration = RATE // 50
            stream.mux(packet)


def _status(name: str) -> float:
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) / 1024


def _add(folder: Path, library: Path, model: str, answers) -> None:
    torch.set_num_threads(1)
    encoder = match_encoder(load_encoder(model), Matching())
    before_mb, wall, processor = _status("VmRSS"), time.perf_counter(), time.process_time()
    first: list[float] = []
    embed_windows = encoder.embed_windows

    def noting(*arguments, **options):
        first.append(time.perf_counter() - wall)
        return embed_windows(*arguments, **options)

    encoder.embed_windows = noting
    index = ReferenceIndex.open(library, encoder) if library.exists() else ReferenceIndex.create(library, encoder)
    with index:
        there = len(index)
        answers.put(there)
        report = index.add(folder)
        answers.put(
            {
                "there": there,
                "added": len(report.added),
                "failures": report.failures,
                "wall_s": time.perf_counter() - wall,
                "cpu_s": time.process_time() - processor,
                "first_s": first[0] if first else 0.0,
                "mb": _status("VmHWM") - before_mb,
                "sound": index.info()["damaged"] == [] and index.info()["faults"] == [],
            }
        )


def measure(folder: Path, library: Path, model: str, songs: int) -> None:
    context = multiprocessing.get_context("spawn")
    shutil.rmtree(library, ignore_errors=True)
    answers = context.Queue()
    killed = context.Process(target=_add, args=(folder, library, model, answers))
    killed.start()
    answers.get(timeout=3600)
    while _committed(library) < songs // 3 and killed.is_alive():
        time.sleep(0.2)
    killed.kill()
    killed.join()
    # Of its own: a process that is killed while it writes to a queue may leave half an answer.
    answers = context.Queue()
    again = context.Process(target=_add, args=(folder, library, model, answers))
    again.start()
    answers.get(timeout=3600)
    found = answers.get(timeout=24 * 3600)
    again.join()
    print(
        f"{model}: killed with {found['there']} of {songs} songs committed; then {found['added']} songs in "
        f"{found['wall_s']:.0f} s: {60 * found['added'] / found['wall_s']:.0f} songs a minute of wall clock, "
        f"{60 * found['added'] / found['cpu_s']:.0f} a minute of one processor; {found['mb']:.0f} MB at most beyond "
        f"what the encoder takes; {found['first_s']:.2f} s until the first missing song; sound: {found['sound']}; "
        f"failures: {found['failures']}"
    )


def _committed(library: Path) -> int:
    if not library.exists():
        return 0
    with ReferenceIndex.open(library) as index:
        return len(index)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mixes", type=Path)
    parser.add_argument("--songs", type=int, default=100)
    parser.add_argument("--work", type=Path, default=Path("library-adding"))
    parser.add_argument("--model", default="default")
    parser.add_argument("--make", action="store_true", help="make the songs and stop")
    given = parser.parse_args()
    songs = make_songs(given.mixes, given.work / "songs", given.songs)
    if not given.make:
        measure(given.work / "songs", given.work / "library.fxindex", given.model, len(songs))


if __name__ == "__main__":
    main()
