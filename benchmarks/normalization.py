"""What Fx-normalisation does to tracks, how fast, and in how much memory.

    distances       Every track goes through two random chains: how far the two versions are apart before and after.
    features        The variance between tracks of one instrument, in the feature families of the literature, before,
                    after, and after the published steps in plain NumPy and SciPy. One random chain a track, or with
                    --chain none the tracks as they are.
    idempotence     What a second pass changes, for each step alone and for the whole order.
    reverberance    Whether the measure of reverberance rises when reverberation of known level is added.
    speed           A track of four minutes, side by side with the published algorithm in plain NumPy and SciPy.
    memory          A file of hours.

Averages are fitted on other songs than the tables report on.

    python benchmarks/normalization.py manifest.parquet --tables distances features --tracks 40
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from normalization_cost import compare_speed, measure_memory
from normalization_features import compare_features, published_targets

from fxrep.audio import load_audio, sample_peak_db
from fxrep.data.datasets import open_dataset
from fxrep.data.manifest import read_manifest
from fxrep.effects import CHAINS, EffectChain, create_chain, noise_shaped_reverb
from fxrep.errors import FxrepError
from fxrep.normalization import STEPS, FxNormalizer, decay_time
from fxrep.normalization.fitting import FitTrack, tracks_of

QUIETEST_PEAK_DB = -40.0
NOTHING = 0.01
"""Pairs nearer than a hundredth of the unit were alike before; they do not count as closer or further."""


@dataclass
class Run:
    """What every table needs."""

    normalizer: FxNormalizer
    tracks: list[FitTrack]
    fit_tracks: list[FitTrack]
    chain: EffectChain | None
    count: int
    seconds: float
    seed: int

    @property
    def fitted(self) -> set[str]:
        return {name for entry in self.normalizer.statistics.instruments.values() for name in entry.features}


def split_tracks(source: str) -> tuple[list[FitTrack], list[FitTrack]]:
    """Tracks to average and tracks to report on: by the manifest's splits, or every third song of a folder."""
    if Path(source).is_file():
        songs = read_manifest(source).songs()
        train, rest = [s for s in songs if s.split == "train"], [s for s in songs if s.split != "train"]
    else:
        songs = open_dataset(source)
        train, rest = [s for i, s in enumerate(songs) if i % 3], songs[::3]
    return list(tracks_of(train)), list(tracks_of(rest))


def draw(tracks: list[FitTrack], count: int, rng: np.random.Generator) -> list[FitTrack]:
    return [tracks[i] for i in rng.permutation(len(tracks))[:count]]


def random_versions(
    audio: torch.Tensor, rate: int, chain: EffectChain, generator: torch.Generator
) -> list[torch.Tensor]:
    stereo = audio.expand(2, -1).contiguous()
    return [chain(stereo, rate, chain.sample(generator)) for _ in range(2)]


def distances(normalizer: FxNormalizer, versions: list[torch.Tensor], rate: int, instrument: str) -> dict[str, float]:
    first, second = (normalizer.measure(version, rate, instrument) for version in versions)
    return {step.name: step.distance(first[step.name], second[step.name]) for step in set(normalizer.steps)}


def heard(tracks: list[FitTrack], count: int, seconds: float) -> Iterator[tuple[FitTrack, torch.Tensor, int]]:
    """The first tracks that can be read and are not silent, in stereo."""
    found = 0
    for track in tracks:
        try:
            audio, rate = load_audio(track.audio, duration_s=seconds, channels=2)
        except FxrepError as error:
            print(f"left out {track.name}: {error}")
            continue
        if float(sample_peak_db(audio)) >= QUIETEST_PEAK_DB:
            yield track, audio, rate
            found += 1
        if found == count:
            return


def compare_versions(run: Run) -> None:
    if run.chain is None:
        raise SystemExit("distances are between versions of a track: they need a chain")
    generator = torch.Generator().manual_seed(run.seed)
    results: list[tuple[dict[str, float], dict[str, float]]] = []
    for track, audio, rate in heard(run.tracks, run.count, run.seconds):
        versions = random_versions(audio, rate, run.chain, generator)
        normalized = [run.normalizer(version, rate, track.instrument) for version in versions]
        before = distances(run.normalizer, versions, rate, track.instrument)
        results.append((before, distances(run.normalizer, normalized, rate, track.instrument)))
    print_table(results)


def print_table(results: list[tuple[dict[str, float], dict[str, float]]]) -> None:
    print("| feature | unit | before (mean, median) | after (mean, median) | after / before | pairs closer |")
    print("|---|---|---|---|---|---|")
    for name in [name for name in STEPS if name in results[0][0]]:
        pairs = np.array([(before[name], after[name]) for before, after in results])
        pairs = pairs[np.isfinite(pairs).all(axis=1)]
        before, after = pairs.T
        changed = before > NOTHING
        closer = np.mean(after[changed] < before[changed]) if changed.any() else float("nan")
        levels = " | ".join(f"{values.mean():.3f}, {np.median(values):.3f}" for values in (before, after))
        ratio = after.mean() / before.mean()
        print(f"| {name} | {STEPS[name].unit} | {levels} | {ratio:.2f} | {closer:.0%} of {changed.sum()} |")


def compare_variance(run: Run) -> None:
    targets = published_targets(run.fit_tracks, run.seconds)
    compare_features(processed(run), run.normalizer, targets)


def processed(run: Run) -> Iterator[tuple[FitTrack, torch.Tensor, int]]:
    """The tracks, each through a random chain of its own if there is one."""
    generator = torch.Generator().manual_seed(run.seed)
    for track, audio, rate in heard(run.tracks, run.count, run.seconds):
        yield track, audio if run.chain is None else random_versions(audio, rate, run.chain, generator)[0], rate


def compare_passes(run: Run) -> None:
    """Each step alone twice, and all of them together twice."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    for track, wet, rate in processed(run):
        everything = {"all": FxNormalizer(run.normalizer.statistics, run.normalizer.steps)}
        alone = {name: FxNormalizer(run.normalizer.statistics, [name]) for name in STEPS if name in run.fitted}
        for name, normalizer in {**alone, **everything}.items():
            once = normalizer(wet, rate, track.instrument)
            twice = normalizer(once, rate, track.instrument)
            ratio = float((twice - once).square().sum() / once.square().sum().clamp_min(1e-12))
            features = [normalizer.measure(audio, rate, track.instrument) for audio in (wet, once, twice)]
            for step in dict.fromkeys(normalizer.steps):
                moved = [step.distance(a[step.name], b[step.name]) for a, b in pairwise(features)]
                row = (10 * np.log10(max(ratio, 1e-15)), *moved)
                rows.setdefault(name if name != "all" else f"all: {step.name}", []).append(row)
    print("Change of the samples by the second pass, relative; and how far each pass moves the feature.\n")
    print("| steps | samples dB: median, worst tenth | unit | first pass | second: median, worst tenth |")
    print("|---|---|---|---|---|")
    for name, values in rows.items():
        table = np.array(values)
        table = table[np.isfinite(table).all(axis=1)]
        samples, first, second = table.T
        levels = [
            f"{np.median(column):.{d}f}, {np.percentile(column, 90):.{d}f}" for column, d in ((samples, 0), (second, 3))
        ]
        print(f"| {name} | {levels[0]} | {STEPS[name.split()[-1]].unit} | {np.median(first):.3f} | {levels[1]} |")


def compare_reverberance(run: Run) -> None:
    sends_db = (-30, -24, -18, -12, -6, 0)
    rows = []
    for _, audio, rate in heard(run.tracks, run.count, run.seconds):
        wet = noise_shaped_reverb(audio[None], rate, decay_s=1.0, pre_delay_ms=20.0, mix=1.0)[0]
        gains = [0.0, *(10 ** (send_db / 20) for send_db in sends_db)]
        rows.append([np.log2(decay_time(audio + gain * wet, rate)) for gain in gains])
    times = np.array(rows)
    spread, rises = times[:, 0].std(), np.diff(times, axis=1) > -0.002
    print("| reverberation added | tracks that read more than one step before | mean rise, spreads of dry tracks |")
    print("|---|---|---|")
    for column, send_db in enumerate(sends_db):
        rise = (times[:, column + 1] - times[:, 0]).mean() / spread
        print(f"| {send_db} dB | {rises[:, column].mean():.0%} | {rise:.2f} |")
    print(f"\n{rises.all(axis=1).mean():.0%} of {len(times)} tracks rise at every step; spread {spread:.2f} octaves.")


TABLES: dict[str, Callable[[Run], None]] = {
    "distances": compare_versions,
    "features": compare_variance,
    "idempotence": compare_passes,
    "reverberance": compare_reverberance,
    "speed": lambda run: compare_speed(run.normalizer, heard(run.tracks, run.count, run.seconds)),
    "memory": lambda run: measure_memory(run.normalizer, heard(run.tracks, run.count, run.seconds)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="manifest (Parquet) or folder of songs")
    parser.add_argument("--tables", nargs="+", default=["distances"], choices=sorted(TABLES))
    parser.add_argument("--tracks", type=int, default=40)
    parser.add_argument("--fit-tracks", type=int, default=150)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--chain", default="default", choices=["none", *sorted(CHAINS)])
    parser.add_argument("--steps", default="default", help="in order, or default, fxnorm-automix, koo")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rng = np.random.default_rng(options.seed)
    train, held_out = split_tracks(options.source)
    steps = options.steps.split(",")
    began = time.process_time()
    fit_tracks = draw(train, options.fit_tracks, rng)
    normalizer = FxNormalizer.fit_tracks(fit_tracks, steps=steps)
    fit_s = time.process_time() - began
    fitted_s = sum(entry.duration_s for entry in normalizer.statistics.instruments.values())
    print(f"Fitted on {fitted_s:.0f} s of audio, {fitted_s / fit_s:.0f} times real time of one processor.")
    tracks = draw(held_out, len(held_out), rng)
    chain = None if options.chain == "none" else create_chain(options.chain)
    run = Run(normalizer, tracks, fit_tracks, chain, options.tracks, options.seconds, options.seed)
    for name in options.tables:
        print(f"\n## {name}: steps {options.steps}, chain {options.chain}, {options.tracks} tracks\n")
        TABLES[name](run)


if __name__ == "__main__":
    main()
