"""Do distances between sets mean something? Strength of effects, order of degraded mixes, content; three systems.

    python benchmarks/metric_evidence.py normalized/manifest.parquet
    python benchmarks/metric_evidence.py normalized/manifest.parquet --clips 60 --seed 7

The songs of a split are parted in two; contents of either half are two stems on a stage, of the same instruments in
both. Everything but `level` is brought to one loudness after its effect, so that no measure lives on level. Prints
Markdown tables; --json writes every distance. Times are processor time.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from metric_evidence_ladders import EFFECTS, LADDERS, UNMATCHED, Ladder
from scipy.stats import spearmanr
from torch import Tensor

from encoders import load_encoder
from encoders.evaluation import System, baseline_systems, encoder_system
from encoders.evaluation.contrasts import make_contents
from fxrep.audio import normalize_loudness
from fxrep.data import Manifest, read_manifest
from fxrep.data.segments import SegmentSampler
from fxrep.effects import default_chain, render_settings
from fxrep.metrics import frechet_distance, in_reference_units, kernel_distance

RATE = 44100
LOUDNESS_LUFS = -23.0
SECONDS = 5.0
FEATURES = ("production", "mfcc")
BATCH = 8

Sets = dict[str, np.ndarray]
"""Vectors (clips, D) of one set by system."""

Distances = dict[str, float]
"""One distance by measure."""


def open_systems(model: str) -> dict[str, System]:
    baselines = baseline_systems()
    return {model: encoder_system(load_encoder(model))} | {name: baselines[name] for name in FEATURES}


@torch.no_grad()
def embed(systems: dict[str, System], audio: Tensor) -> Sets:
    return {
        name: torch.cat([system.embed(part, RATE) for part in audio.split(BATCH)]).double().numpy()
        for name, system in systems.items()
    }


def render(audio: Tensor, change: Callable[[Tensor], Tensor], level_matched: bool = True) -> Tensor:
    changed = torch.cat([change(part) for part in audio.split(BATCH)])
    return normalize_loudness(changed, RATE, LOUDNESS_LUFS) if level_matched else changed


def set_distances(name: str, estimate: np.ndarray, reference: np.ndarray) -> Distances:
    """Features in units of the reference, embeddings as they are."""
    if name in FEATURES:
        first, second = in_reference_units(estimate, reference)
        estimate, reference = first.vectors, second.vectors
    return {"kernel": kernel_distance(estimate, reference), "frechet": frechet_distance(estimate, reference)}


def pair_distance(name: str, estimate: np.ndarray, reference: np.ndarray) -> float:
    """Median over clips of half the squared distance, 1 - cosine for embeddings."""
    if name in FEATURES:
        first, second = in_reference_units(estimate, reference)
        estimate, reference = first.vectors, second.vectors
    return float(np.median(np.square(estimate - reference).sum(1) / 2.0))


def halves(manifest: Manifest, split: str) -> list[Manifest]:
    """The songs of a split in two parts, by turns in the order of their number of tracks."""
    rows = manifest.filter(split=split, kind="stem").rows
    names = [row.song for row in rows]
    songs = sorted(set(names), key=lambda song: (-names.count(song), song))
    return [replace(manifest, rows=[row for row in rows if row.song in songs[part::2]]) for part in (0, 1)]


def draw_contents(manifest: Manifest, split: str, clips: int, seed: int) -> list[Tensor]:
    """Two sets (clips, 2, T) of different songs and the same instruments."""
    samplers = [SegmentSampler(part, None, SECONDS, RATE, LOUDNESS_LUFS) for part in halves(manifest, split)]
    shared = sorted(set(samplers[0].instruments) & set(samplers[1].instruments))
    stages = []
    for number, sampler in enumerate(samplers):
        rng = np.random.default_rng([seed, number])
        sources = [
            torch.stack([sampler.draw_content(rng, shared[(clip + place) % len(shared)]) for clip in range(clips)])
            for place in (0, 1)
        ]
        stages.append(normalize_loudness(make_contents(*sources, RATE).stage, RATE, LOUDNESS_LUFS))
    print(f"Instruments: {', '.join(shared)}; {clips} clips of {SECONDS:g} s of each half of the songs.\n")
    return stages


def measure_strengths(systems: dict[str, System], contents: list[Tensor]) -> dict[str, dict[str, dict[str, list]]]:
    """Distances by effect, system and measure: at strength 0 first, then at each of the ladder."""
    dry = [embed(systems, content) for content in contents]
    found: dict[str, dict[str, dict[str, list]]] = {}
    for effect, steps in EFFECTS.items():
        found[effect] = {name: {} for name in systems}
        for settings in [[], *steps]:
            wet = dry[0]
            if settings:
                change = lambda part, settings=settings: render_settings(part, RATE, settings)  # noqa: E731
                wet = embed(systems, render(contents[0], change, effect not in UNMATCHED))
            for name in systems:
                row = {f"{key}, other songs": v for key, v in set_distances(name, wet[name], dry[1][name]).items()}
                row |= {f"{key}, same songs": v for key, v in set_distances(name, wet[name], dry[0][name]).items()}
                row["pairs"] = pair_distance(name, wet[name], dry[0][name])
                for measure, value in row.items():
                    found[effect][name].setdefault(measure, []).append(value)
    return found


def rank_correlation(values: list[float]) -> float:
    return float(spearmanr(np.arange(len(values)), values).statistic) if np.ptp(values) > 0.0 else 0.0


def print_strengths(found: dict[str, dict[str, dict[str, list]]]) -> None:
    systems = list(next(iter(found.values())))
    measures = list(next(iter(found.values()))[systems[0]])
    print("Rank correlation of strength and distance, mean over effects (effects where it is 1):\n")
    print(f"| measure | {' | '.join(systems)} |\n|---|{'---|' * len(systems)}")
    for measure in measures:
        cells = []
        for name in systems:
            values = [rank_correlation(rows[name][measure]) for rows in found.values()]
            cells.append(f"{np.mean(values):.2f} ({sum(value > 0.999 for value in values)} of {len(values)})")
        print(f"| {measure} | {' | '.join(cells)} |")
    shown = ("kernel, same songs", "kernel, other songs")
    print("\nBy effect: kernel distance to the same songs, to other songs; dry over strongest effect, other songs.\n")
    print(f"| effect | {' | '.join(systems)} |\n|---|{'---|' * len(systems)}")
    for effect, rows in found.items():
        cells = []
        for name in systems:
            same, other = (rank_correlation(rows[name][measure]) for measure in shown)
            distances = rows[name][shown[1]]
            cells.append(f"{same:.2f}, {other:.2f}; {distances[0] / distances[-1]:.2f}")
        print(f"| {effect} | {' | '.join(cells)} |")


def measure_ladder(
    systems: dict[str, System], clips: Tensor, reference: Sets, ladder: Ladder, seed: int
) -> dict[str, dict[str, list]]:
    """Distances by system and measure, one for each grade of a ladder, the undegraded one first."""
    found: dict[str, dict[str, list]] = {name: {} for name in systems}
    plain: Sets = {}
    for grade in range(ladder.grades):
        changed = normalize_loudness(ladder.degrade(clips, grade, torch.Generator().manual_seed(seed)), RATE, -23.0)
        vectors = embed(systems, changed)
        plain = plain or vectors
        for name in systems:
            row = set_distances(name, vectors[name], reference[name])
            row["pairs"] = pair_distance(name, vectors[name], plain[name])
            for measure, value in row.items():
                found[name].setdefault(measure, []).append(value)
    return found


def draw_mixes(manifest: Manifest, split: str, clips: int, seed: int) -> list[list[Tensor]]:
    """For either half of the songs: stems of mixes (S, 2, T) at one loudness each, 3 to 6 of one song and place."""
    parts = []
    for number, half in enumerate(halves(manifest, split)):
        rng = np.random.default_rng([seed, 2, number])
        by_song: dict[str, list] = {}
        for row in half.rows:
            by_song.setdefault(row.song, []).append(row)
        songs = [rows for rows in by_song.values() if len(rows) >= 3]
        mixes = []
        while len(mixes) < clips:
            rows = songs[len(mixes) % len(songs)]
            chosen = rng.permutation(len(rows))[: rng.integers(3, 7)]
            samplers = [
                SegmentSampler(replace(half, rows=[rows[place]]), None, SECONDS, RATE, LOUDNESS_LUFS)
                for place in chosen
            ]
            mixes.append(torch.stack([one.draw_content(rng, one.instruments[0]) for one in samplers]))
        parts.append(mixes)
    return parts


def measure_mixes(systems: dict[str, System], manifest: Manifest, split: str, clips: int, seed: int) -> dict:
    stems, others = draw_mixes(manifest, split, clips, seed)
    reference = embed(systems, normalize_loudness(torch.stack([mix.sum(0) for mix in others]), RATE, LOUDNESS_LUFS))
    return {name: measure_ladder(systems, stems, reference, ladder, seed) for name, ladder in LADDERS.items()}


def ordered(values: list[float]) -> float:
    """Share of pairs of grades in the right order."""
    pairs = list(combinations(range(len(values)), 2))
    return float(np.mean([values[low] < values[high] for low, high in pairs]))


def print_mixes(found: dict) -> None:
    systems = list(next(iter(found.values())))
    measures = list(next(iter(found.values()))[systems[0]])
    print("\nPairs of grades in the right order: kernel and Fréchet distance to other songs, pairs (chance 50 %).\n")
    print(f"| ladder | {' | '.join(systems)} |\n|---|{'---|' * len(systems)}")
    for ladder, rows in found.items():
        cells = [", ".join(f"{ordered(rows[name][measure]):.0%}" for measure in measures) for name in systems]
        print(f"| {ladder} | {' | '.join(cells)} |")
    means = [
        ", ".join(f"{np.mean([ordered(rows[name][measure]) for rows in found.values()]):.0%}" for measure in measures)
        for name in systems
    ]
    print(f"| mean | {' | '.join(means)} |")


def measure_content(systems: dict[str, System], contents: list[Tensor], styles: int, seed: int) -> dict:
    """Distances between sets of other songs by system and measure: (styles, styles), one style on the diagonal."""
    chain = default_chain()
    drawn = chain.sample_batch(torch.Generator().manual_seed(seed), styles, RATE)
    sets = [
        [embed(systems, chain(content, RATE, [settings] * len(content))) for settings in drawn] for content in contents
    ]
    return {
        name: {
            measure: [[set_distances(name, a[name], b[name])[measure] for b in sets[1]] for a in sets[0]]
            for measure in ("kernel", "frechet")
        }
        for name in systems
    }


def print_content(found: dict) -> None:
    print("\nThe same style on other songs beside another style on other songs.\n")
    print(
        "| system | measure | same style, median | other style, median | ratio | other style farther | "
        "right style nearest |\n|---|---|---|---|---|---|---|"
    )
    for name, measures in found.items():
        for measure, rows in measures.items():
            matrix = np.asarray(rows)
            same, other = np.diag(matrix), matrix[~np.eye(len(matrix), dtype=bool)].reshape(len(matrix), -1)
            farther = float((other > same[:, None]).mean())
            nearest = float((matrix.argmin(1) == np.arange(len(matrix))).mean())
            middle, apart = float(np.median(same)), float(np.median(other))
            print(
                f"| {name} | {measure} | {middle:.3g} | {apart:.3g} | {middle / apart:.2f} | {farther:.0%} | "
                f"{nearest:.0%} of {len(matrix)} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--model", default="default")
    parser.add_argument("--clips", type=int, default=40, help="clips in a set")
    parser.add_argument("--styles", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--json", type=Path, help="file for every distance")
    options = parser.parse_args()
    torch.set_num_threads(1)
    manifest = read_manifest(options.manifest)
    systems = open_systems(options.model)
    contents = draw_contents(manifest, options.split, options.clips, options.seed)
    strengths = measure_strengths(systems, contents)
    print_strengths(strengths)
    mixes = measure_mixes(systems, manifest, options.split, options.clips, options.seed)
    print_mixes(mixes)
    styles = measure_content(systems, contents, options.styles, options.seed)
    print_content(styles)
    print(f"\n{time.process_time():.0f} s of processor time.")
    if options.json:
        options.json.write_text(json.dumps({"strengths": strengths, "mixes": mixes, "styles": styles}))


if __name__ == "__main__":
    main()
