"""Does Fx-normalisation undo what a random chain did?

Every track goes through two different random chains. The table holds the distance between the two versions, feature by
feature, as they come out of the chains and after both were normalised; tracks for the averages and tracks for the table
are of different songs.

    python benchmarks/normalization.py manifest.parquet --tracks 40
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from fxrep.audio import load_audio, sample_peak_db
from fxrep.data.datasets import open_dataset
from fxrep.data.manifest import read_manifest
from fxrep.effects import CHAINS, EffectChain, create_chain
from fxrep.errors import FxrepError
from fxrep.normalization import PUBLISHED_ORDER, STEPS, FxNormalizer
from fxrep.normalization.fitting import FitTrack, tracks_of

QUIETEST_PEAK_DB = -40.0
NOTHING = 0.01
"""Pairs nearer than a hundredth of the unit were alike before; they do not count as closer or further."""


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


def compare(
    normalizer: FxNormalizer, tracks: list[FitTrack], chain: EffectChain, count: int, seconds: float, seed: int
) -> tuple[list[tuple[dict[str, float], dict[str, float]]], float]:
    """Distances before and after for `count` tracks, and seconds of audio normalised in a second of processor time."""
    generator = torch.Generator().manual_seed(seed)
    results: list[tuple[dict[str, float], dict[str, float]]] = []
    heard_s = spent_s = 0.0
    for track in tracks:
        try:
            audio, rate = load_audio(track.audio, duration_s=seconds)
        except FxrepError as error:
            print(f"left out {track.name}: {error}")
            continue
        if float(sample_peak_db(audio)) < QUIETEST_PEAK_DB:
            continue
        versions = random_versions(audio, rate, chain, generator)
        began = time.process_time()
        normalized = [normalizer(version, rate, track.instrument) for version in versions]
        spent_s += time.process_time() - began if results else 0.0
        heard_s += 2 * audio.shape[-1] / rate if results else 0.0
        before = distances(normalizer, versions, rate, track.instrument)
        results.append((before, distances(normalizer, normalized, rate, track.instrument)))
        if len(results) == count:
            break
    return results, heard_s / max(spent_s, 1e-9)


def print_table(results: list[tuple[dict[str, float], dict[str, float]]]) -> None:
    print("| feature | unit | before (mean, median) | after (mean, median) | after / before | pairs closer |")
    print("|---|---|---|---|---|---|")
    for name in dict.fromkeys(("loudness", "eq", "dynamics", "panning", *results[0][0])):
        if name not in results[0][0]:
            continue
        pairs = np.array([(before[name], after[name]) for before, after in results])
        pairs = pairs[np.isfinite(pairs).all(axis=1)]
        before, after = pairs.T
        changed = before > NOTHING
        closer = np.mean(after[changed] < before[changed]) if changed.any() else float("nan")
        levels = " | ".join(f"{values.mean():.3f}, {np.median(values):.3f}" for values in (before, after))
        ratio = after.mean() / before.mean()
        print(f"| {name} | {STEPS[name].unit} | {levels} | {ratio:.2f} | {closer:.0%} of {changed.sum()} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="manifest (Parquet) or folder of songs")
    parser.add_argument("--tracks", type=int, default=40)
    parser.add_argument("--fit-tracks", type=int, default=150)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--chain", default="default", choices=sorted(CHAINS))
    parser.add_argument("--steps", default=",".join(PUBLISHED_ORDER))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(options.seed)
    train, held_out = split_tracks(options.source)
    began = time.process_time()
    normalizer = FxNormalizer.fit_tracks(draw(train, options.fit_tracks, rng), steps=options.steps.split(","))
    fit_s = time.process_time() - began
    fitted_s = sum(entry.duration_s for entry in normalizer.statistics.instruments.values())
    chain, candidates = create_chain(options.chain), draw(held_out, len(held_out), rng)
    results, speed = compare(normalizer, candidates, chain, options.tracks, options.seconds, options.seed)
    print(f"Chain {options.chain}, {len(results)} tracks of {options.seconds:g} s, steps {options.steps}.\n")
    print_table(results)
    print(f"\nOn one processor: fitted {fitted_s:.0f} s of audio at {fitted_s / fit_s:.0f} times real time,")
    print(f"normalised at {speed:.0f} times real time.")


if __name__ == "__main__":
    main()
