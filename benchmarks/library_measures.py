"""Does a reference library find what belongs together, and a song that was altered? On a folder of finished mixes.

python benchmarks/library_measures.py albums MIXES [--system default --system mfcc …]
python benchmarks/library_measures.py altered MIXES [--model default] [--how opus …] [--songs 60]

Either with --hear matched (as `fxrep index build` does), level (loudness alone) or released; all three if left out.
MIXES holds a ``manifest.csv`` with the columns path, kind, source (the album) and artist; rows of the kind ``mix``
count. Indexes are kept in ``--work`` and taken up again. A song never finds its own windows, only other songs. A
recording that lies in the library twice is one: which of its files is found first is left to chance, and told.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from encoders import load_encoder
from encoders.windows import fixed_windows, is_silent
from fxrep.audio import iter_blocks, load_audio, save_audio
from fxrep.metrics.features import FEATURES
from fxrep.retrieval import AS_RELEASED, Matching, ReferenceIndex, match_encoder
from fxrep.retrieval.database import Level

RATE, WINDOW_S = 44100, 10.0
DRAWS = 2000
HEARING = {"matched": Matching(), "level": Matching(bandwidth_hz=None), "released": AS_RELEASED}
BY: tuple[Level, ...] = ("window", "song")
SAME_DB = -40.0
"""Of the difference of two recordings that are the same one, coded twice at most."""


@dataclass(frozen=True)
class Song:
    path: Path
    album: str
    artist: str


@dataclass(frozen=True)
class Described:
    """Vectors of songs: windows (W, D), the song of each, and one vector of each song (N, D), all of unit length."""

    windows: np.ndarray
    owner: np.ndarray
    songs: np.ndarray

    def likeness(self, level: str) -> np.ndarray:
        """(N, N): cosine of whole songs, or of the best pair of windows, as the index scores; -inf of a song itself."""
        if level == "song":
            found = self.songs @ self.songs.T
        else:
            pairs = self.windows @ self.windows.T
            starts = np.flatnonzero(np.diff(self.owner, prepend=-1))
            found = np.maximum.reduceat(np.maximum.reduceat(pairs, starts, axis=0), starts, axis=1)
        np.fill_diagonal(found, -np.inf)
        return found


def read_songs(folder: Path) -> list[Song]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "mix"]
    songs = [Song(folder / row["path"], row["source"], row["artist"]) for row in rows]
    silent = [song for song in songs if is_silent(load_audio(song.path)[0])]
    if silent:
        print(f"left out, silent: {', '.join(song.path.name for song in silent)}")
    return [song for song in songs if song not in silent]


def open_index(songs: list[Song], model: str, hear: str, work: Path) -> ReferenceIndex:
    """The index of all songs, made or taken up again."""
    encoder, place = match_encoder(load_encoder(model), HEARING[hear]), work / f"{model}-{hear}.fxindex"
    work.mkdir(parents=True, exist_ok=True)
    index = ReferenceIndex.open(place, encoder) if place.exists() else ReferenceIndex.create(place, encoder)
    if failures := index.add([song.path for song in songs]).failures:
        raise SystemExit(f"these files cannot be used: {failures}")
    return index


def described_by(system: str, hear: str, songs: list[Song], work: Path) -> Described:
    if system in FEATURES:
        return _by_features(FEATURES[system], songs)
    with open_index(songs, system, hear, work) as index:
        windows, whole = index.embeddings("window"), index.embeddings("song")
    place = {str(song.path.resolve()): number for number, song in enumerate(songs)}
    owner = np.array([place[path] for path in windows.paths])
    order = np.argsort(owner, kind="stable")
    rows = np.argsort([place[path] for path in whole.paths])
    return Described(windows.vectors[order], owner[order], whole.vectors[rows])


def _by_features(features: Callable[[torch.Tensor, int], torch.Tensor], songs: list[Song]) -> Described:
    """Features of windows, each brought to mean 0 and deviation 1 over the library: decibels and shares weigh alike."""
    parts, owner = [], []
    for number, song in enumerate(songs):
        size = round(WINDOW_S * RATE)
        blocks = iter_blocks(song.path, WINDOW_S, target_rate=RATE, channels=2)
        rows = [
            features(window[None], RATE) for _, window in fixed_windows(blocks, size, size) if not is_silent(window)
        ]
        parts += rows
        owner += [number] * len(rows)
    values, place = torch.cat(parts).double().numpy(), np.array(owner)
    means = np.stack([values[place == number].mean(0) for number in range(len(songs))])
    shift, scale = values.mean(0), values.std(0) + 1e-9
    return Described(_unit((values - shift) / scale), place, _unit((means - shift) / scale))


def _unit(rows: np.ndarray) -> np.ndarray:
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def found_among(likeness: np.ndarray, groups: list[str], first: int) -> np.ndarray:
    """Whether one of the `first` most alike other songs is of the same group; of songs whose group has another song."""
    names = np.array(groups)
    ranked = names[np.argsort(-likeness, axis=1)[:, :first]]
    return (ranked == names[:, None]).any(1)[_asked(groups)]


def chance(groups: list[str], first: int) -> float:
    """The share that `found_among` finds in an order by chance."""
    names, others = np.array(groups), len(groups) - 1
    mates = (names[:, None] == names).sum(1)[_asked(groups)] - 1
    missed = np.ones(len(mates))
    for place in range(first):
        missed *= np.maximum(others - mates - place, 0) / (others - place)
    return float(1 - missed.mean())


def _asked(groups: list[str]) -> np.ndarray:
    names = np.array(groups)
    asked: np.ndarray = (names != "") & ((names[:, None] == names).sum(1) > 1)
    return asked


def interval(found: np.ndarray, groups: list[str]) -> str:
    """95 % of draws of whole groups with replacement: songs of one album are no independent questions."""
    names = np.array(groups)[_asked(groups)]
    members = [np.flatnonzero(names == name) for name in np.unique(names)]
    rng = np.random.default_rng(0)
    means = [
        found[np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])].mean()
        for _ in range(DRAWS)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{100 * found.mean():.0f}% ({100 * low:.0f} to {100 * high:.0f})"


def measure_albums(songs: list[Song], systems: list[str], hearing: list[str], work: Path) -> None:
    kinds = {"album": [song.album for song in songs], "artist": [song.artist for song in songs]}
    asked = {kind: int(_asked(groups).sum()) for kind, groups in kinds.items()}
    print(f"{len(songs)} songs; asked: " + ", ".join(f"{count} by {kind}" for kind, count in asked.items()))
    print("| system | heard | compares | album@1 | album@10 | artist@1 | artist@10 |\n|---|---|---|---|---|---|---|")
    values = [f"{100 * chance(groups, first):.0f}%" for groups in kinds.values() for first in (1, 10)]
    print(f"| chance | | | {' | '.join(values)} |")
    # Features are measured on recordings as they are.
    for system, hear in [(one, way) for one in systems for way in (["released"] if one in FEATURES else hearing)]:
        described = described_by(system, hear, songs, work)
        for level in BY:
            likeness = described.likeness(level)
            cells = [
                interval(found_among(likeness, groups, first), groups) for groups in kinds.values() for first in (1, 10)
            ]
            print(f"| {system} | {hear} | {level} | {' | '.join(cells)} |", flush=True)


def _coded(song: Song, target: Path, container: str, codec: str, kbits: int) -> Path:
    import av

    audio, rate = load_audio(song.path, sample_rate=48000, channels=2)
    with av.open(str(target), "w", format=container) as stream:
        track = stream.add_stream(codec, rate=rate)
        track.bit_rate, track.layout = 1000 * kbits, "stereo"
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(audio.clamp(-1, 1).numpy()), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts = rate, 0
        for piece in (*av.AudioResampler(format=track.format, layout="stereo", rate=rate).resample(frame), None):
            stream.mux(track.encode(piece))
    return target


def _shifted(song: Song, target: Path, seconds: float) -> Path:
    audio, rate = load_audio(song.path, start_s=seconds)
    save_audio(target, audio, rate, subtype="FLOAT")
    return target


def _turned_down(song: Song, target: Path) -> Path:
    audio, rate = load_audio(song.path)
    save_audio(target, audio * 10 ** (-6.0 / 20), rate, subtype="FLOAT")
    return target


ALTERATIONS: dict[str, Callable[[Song, Path], Path]] = {
    "mp3": partial(_coded, container="mp3", codec="libmp3lame", kbits=128),
    "opus": partial(_coded, container="ogg", codec="libopus", kbits=96),
    "shift": partial(_shifted, seconds=3.0),
    "half a hop": partial(_shifted, seconds=5.0),
    "-6 dB": _turned_down,
}
_SUFFIXES = {"mp3": "mp3", "opus": "opus"}


def altered_songs(songs: list[Song], how: str, work: Path) -> Iterator[tuple[Song, Path]]:
    (work / "altered").mkdir(parents=True, exist_ok=True)
    for song in songs:
        name = f"{song.album}-{song.path.stem}-{how.replace(' ', '-')}"
        target = work / "altered" / f"{name}.{_SUFFIXES.get(how, 'wav')}"
        if not target.exists():
            ALTERATIONS[how](song, target.with_name("unfinished" + target.suffix)).replace(target)
        yield song, target


def measure_altered(
    songs: list[Song], models: list[str], hearing: list[str], ways: list[str], work: Path, count: int
) -> None:
    chosen = songs[:: max(1, len(songs) // count)][:count]
    print(f"{len(chosen)} queries among {len(songs)} songs; found first:")
    print("| model | heard | altered | by windows | by whole songs |\n|---|---|---|---|---|")
    missed: list[str] = []
    twins: set[str] = set()
    for model, hear in [(one, way) for one in models for way in hearing]:
        with open_index(songs, model, hear, work) as index:
            for how in ways:
                queries = list(altered_songs(chosen, how, work))
                cells = []
                for level in BY:
                    answers = [_answer(index, song, query, level, twins) for song, query in queries]
                    cells.append(f"{100 * answers.count('') / len(answers):.1f}%")
                    missed += [f"{model}, {hear}, {how}, by {level}: {answer}" for answer in answers if answer]
                print(f"| {model} | {hear} | {how} | {' | '.join(cells)} |", flush=True)
    print("\n".join([*sorted(twins), *missed]))


def _answer(index: ReferenceIndex, song: Song, query: Path, level: Level, twins: set[str]) -> str:
    """Nothing where the song is found first, else what is found instead; same recordings are put into `twins`."""
    hits = index.search(query, k=len(index), level=level)
    rank = [hit.path for hit in hits].index(song.path.resolve())
    if not rank:
        return ""
    instead, own = hits[0], hits[rank]
    if rank == 1 and (difference_db := _difference_db(song.path, instead.path)) < SAME_DB:
        pair = sorted(f"{path.parent.name}/{path.name}" for path in (song.path, instead.path))
        twins.add(f"one recording, counted as itself: {' and '.join(pair)} differ by {difference_db:.0f} dB")
        return ""
    return (
        f"{song.album}/{song.path.name} is number {rank + 1} ({own.score:.4f}), after "
        f"{instead.path.parent.name}/{instead.path.name} ({instead.score:.4f})"
    )


def _difference_db(one: Path, other: Path) -> float:
    """Energy of the difference of two files, in dB of that of the first; infinite where their lengths differ."""
    first, second = load_audio(one)[0], load_audio(other)[0]
    if first.shape != second.shape:
        return float("inf")
    return float(10 * torch.log10((first - second).square().sum() / first.square().sum() + 1e-12))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["albums", "altered"])
    parser.add_argument("mixes", type=Path)
    parser.add_argument("--work", type=Path, default=Path("library-measures"))
    parser.add_argument("--system", action="append", help="encoder or features, for albums")
    parser.add_argument("--model", action="append", help="encoder, for altered")
    parser.add_argument("--hear", action="append", choices=list(HEARING))
    parser.add_argument("--how", action="append", choices=list(ALTERATIONS))
    parser.add_argument("--songs", type=int, default=10**6, help="so many queries")
    given = parser.parse_args()
    torch.set_num_threads(1)
    songs = read_songs(given.mixes)
    if given.what == "albums":
        systems = given.system or ["default", "tiny", "mfcc", "production"]
        measure_albums(songs, systems, given.hear or list(HEARING), given.work)
    else:
        ways = given.how or list(ALTERATIONS)
        models, hearing = given.model or ["default", "tiny"], given.hear or list(HEARING)
        measure_altered(songs, models, hearing, ways, given.work, min(given.songs, len(songs)))


if __name__ == "__main__":
    main()
