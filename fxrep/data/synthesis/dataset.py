"""A folder of generated songs, which the adapter for plain folders reads; finished songs are kept when resumed."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from fxrep.audio import save_audio
from fxrep.audio.loudness import normalize_loudness
from fxrep.data.synthesis.song import GENERATOR_VERSION, GeneratedSong, check_song_arguments, generate_song
from fxrep.errors import ArgumentError, OutputError
from fxrep.files import atomic_folder
from fxrep.progress import track_progress

SONGS_PER_SEED = 1_000_000
"""Song i of a dataset has the seed ``seed * SONGS_PER_SEED + i``: datasets of other seeds share no song."""

LARGEST_SEED = 2**64 - 1
FORMATS = ("flac", "wav")
MIX_LUFS = -14.0
MIX_PEAK = 10 ** (-1 / 20)


@dataclass(frozen=True)
class DatasetSummary:
    """What `generate_dataset` did: songs made, songs that were there already, seconds of audio in all tracks made."""

    folder: Path
    made: int
    kept: int
    track_seconds: float


@dataclass(frozen=True)
class _Job:
    folder: Path
    seed: int
    duration_s: float
    sample_rate: int
    mix: bool
    suffix: str

    def settings(self) -> dict[str, Any]:
        """What must agree for a finished song to be left alone."""
        return {
            "seed": self.seed,
            "duration_s": self.duration_s,
            "sample_rate": self.sample_rate,
            "generator_version": GENERATOR_VERSION,
            "format": self.suffix,
            "mix": self.mix,
        }


def generate_dataset(
    folder: str | os.PathLike[str],
    *,
    songs: int = 20,
    duration_s: float = 20.0,
    seed: int = 0,
    sample_rate: int = 44100,
    mix: bool = False,
    suffix: str = "flac",
    workers: int = 1,
) -> DatasetSummary:
    """Write ``folder/song-000001/kick.flac`` and so on, 24 bit, with ``tracks.json`` and ``song.json`` in each folder.

    Each song's folder appears complete or not at all, and one that is there already is left alone, so that an
    interrupted call can be repeated and a larger `songs` adds to what there is.

    Args:
        folder: where the songs go.
        songs: how many, 1 to 999 999.
        duration_s: length of each in seconds.
        seed: 0 to `LARGEST_SEED`.
        sample_rate: Hz.
        mix: also write the plain sum of the tracks at -14 LUFS, quieter where its peak would pass -1 dBFS.
        suffix: ``"flac"`` or ``"wav"``.
        workers: processes; the songs do not depend on it.

    Raises:
        ArgumentError: an argument is outside its range, or a song is there that was made with other settings.
        OutputError: a folder cannot be written, or holds something that is not a generated song.
    """
    check_song_arguments(seed, duration_s, sample_rate)
    if seed > LARGEST_SEED:
        raise ArgumentError(f"seed is {seed}: give 0 to {LARGEST_SEED}, which is 64 bits")
    if not 1 <= songs < SONGS_PER_SEED:
        raise ArgumentError(f"songs is {songs}: give 1 to {SONGS_PER_SEED - 1}")
    if workers < 1:
        raise ArgumentError(f"workers is {workers}: give 1 or more")
    if suffix not in FORMATS:
        raise ArgumentError(f"format is {suffix!r}: choose one of {', '.join(FORMATS)}")
    root = Path(folder)
    first = _Job(root, seed * SONGS_PER_SEED, float(duration_s), sample_rate, mix, suffix)
    jobs = [replace(first, folder=root / f"song-{index:06d}", seed=first.seed + index) for index in range(1, songs + 1)]
    waiting = [job for job in jobs if not _finished(job)]
    seconds = sum(track_progress(_run(waiting, workers), "generate", total=len(waiting)))
    return DatasetSummary(root, made=len(waiting), kept=len(jobs) - len(waiting), track_seconds=seconds)


def _finished(job: _Job) -> bool:
    if not job.folder.exists():
        return False
    try:
        found = json.loads((job.folder / "song.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{job.folder} is there but is no generated song: choose another folder") from error
    for name, value in job.settings().items():
        if not isinstance(found, dict) or found.get(name) != value:
            old = found.get(name) if isinstance(found, dict) else None
            if name == "seed":  # that of the song: a user gave the one of the dataset
                old = old // SONGS_PER_SEED if isinstance(old, int) else old
                value //= SONGS_PER_SEED
            raise ArgumentError(
                f"{job.folder} was made with {name} {old}, not {value}: choose another folder or the same settings"
            )
    return True


def _run(jobs: list[_Job], workers: int) -> Iterator[float]:
    if workers == 1 or len(jobs) < 2:
        yield from map(_write_song, jobs)
        return
    # Forking a process in which torch has run threads can hang it.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context, initializer=_one_thread) as pool:
        try:
            yield from pool.map(_write_song, jobs)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _one_thread() -> None:
    torch.set_num_threads(1)


def _write_song(job: _Job) -> float:
    song = generate_song(job.seed, duration_s=job.duration_s, sample_rate=job.sample_rate)
    with atomic_folder(job.folder) as folder:
        for name, audio in song.tracks.items():
            save_audio(folder / f"{name}.{job.suffix}", audio, job.sample_rate, subtype="PCM_24")
        if job.mix:
            save_audio(folder / f"mix.{job.suffix}", mix_down(song), job.sample_rate, subtype="PCM_24")
        _write_json(folder / "tracks.json", _tracks_document(job, song))
        _write_json(folder / "song.json", {**job.settings(), **_song_document(song)})
    return job.duration_s * len(song.tracks)


def mix_down(song: GeneratedSong) -> torch.Tensor:
    """The plain sum of a song's tracks, (2, T), at -14 LUFS or at a peak of -1 dBFS, whichever is quieter."""
    total = torch.stack(list(song.tracks.values())).sum(dim=0)
    total = normalize_loudness(total, song.sample_rate, MIX_LUFS)
    return total * min(1.0, MIX_PEAK / max(float(total.abs().max()), 1e-9))


def _tracks_document(job: _Job, song: GeneratedSong) -> dict[str, Any]:
    """What the adapter for plain folders reads."""
    document: dict[str, Any] = {
        "song": job.folder.name,
        "artist": "fxrep generator",
        "licence": "CC0-1.0",
        "tracks": {f"{name}.{job.suffix}": {"instrument": kind} for name, kind in song.instruments.items()},
    }
    return {**document, "mix": f"mix.{job.suffix}"} if job.mix else document


def _song_document(song: GeneratedSong) -> dict[str, Any]:
    return {
        "style": song.style,
        "tempo_bpm": song.tempo_bpm,
        "beats_per_bar": song.beats_per_bar,
        "key": song.key,
        "pitch_classes": song.pitch_classes,
        "sections": _rows(song.sections),
        "chords": _rows(song.chords),
    }


def _rows(items: Iterable[Any]) -> list[dict[str, Any]]:
    return [asdict(item) for item in items]


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
