"""Searching settings for one song: what is reached in how many steps and CPU-seconds, by gradient and by CMA-ES.

    python benchmarks/inference_time.py
    python benchmarks/inference_time.py --song STEMS/ --reference mix.wav --song OTHER/ --reference other.wav

Without songs, one is generated, and another as its reference. Distances are measured on windows of the song that
no search listened to. The second table looks for known settings: the reference is the song itself under settings that
were drawn at random, of windows that are not searched on. The third gives CMA-ES as many renders as fit into the CPU
seconds that the gradient took on the same song, all told.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch

from fxrep.data.synthesis.song import generate_song
from fxrep.effects.console import ConsoleSettings
from fxrep.mixing import TrackSet
from style_transfer.inference_time import InferenceTime
from style_transfer.inference_time.console_space import ConsoleSpace
from style_transfer.inference_time.mix_search import MixSearch
from style_transfer.references import References

MOST_TRACKS = 8
SEARCHES = {
    "gradient, 10 steps": {"steps": 10},
    "gradient, 30 steps": {"steps": 30},
    "gradient, 2 starts of 15": {"steps": 15, "starts": 2},
    "CMA-ES, as many renders": {"search": "evolution", "evaluations": 50},
    "CMA-ES, as long": {"search": "evolution", "evaluations": 150},
}

EQUAL_CPU: dict[str, dict[str, Any]] = {
    "gradient, 30 steps": {"steps": 30},
    "CMA-ES": {"search": "evolution"},
    "CMA-ES, levels and equalisers alone": {"search": "evolution", "only": "levels,eq"},
}


def generated() -> list[tuple[TrackSet, References]]:
    song, other = (generate_song(seed=seed, duration_s=20.0) for seed in (4, 5))
    tracks = TrackSet(dict(list(song.tracks.items())[:MOST_TRACKS]), song.sample_rate)
    mix = torch.stack([one.expand(2, -1) for one in other.tracks.values()]).sum(0)
    return [(tracks, References(mix, sample_rate=other.sample_rate))]


def opened(folders: list[str], references: list[str]) -> list[tuple[TrackSet, References]]:
    stems = [sorted(path for path in Path(folder).iterdir() if path.is_file())[:MOST_TRACKS] for folder in folders]
    return [(TrackSet(one), References(reference)) for one, reference in zip(stems, references, strict=True)]


def split_windows(tracks: TrackSet, window_s: float) -> tuple[list[float], list[float]]:
    """Windows to search on, and others to measure on."""
    searched = tracks.windows(window_s, 4)
    spaced = [n * window_s / 2.0 for n in range(int(tracks.duration_s / window_s * 2.0) - 1)]
    apart = [one for one in spaced if all(abs(one - other) >= window_s / 2.0 for other in searched)]
    return searched, (apart or searched)[:3]


def measure(
    method: InferenceTime, tracks: TrackSet, references: References, settings: ConsoleSettings, start_s: list[float]
) -> dict[str, float]:
    gains = tracks.input_gain_db(method.track_lufs)
    windows = [tracks.read(start, method.window_s, method.sample_rate, gains) for start in start_s]
    space = ConsoleSpace(method.console, tracks.names, settings)
    order = [tracks.names.index(name) for name in space.tracks]
    windows = [window[:, order] for window in windows]
    objective = method.objective(references)
    return MixSearch(space, windows, windows, objective, method.sample_rate, 0.0).parts(space.base)


def moved(method: InferenceTime, tracks: TrackSet, settings: ConsoleSettings) -> int:
    found = ConsoleSpace(method.console, tracks.names, settings).base
    return int(((found - ConsoleSpace(method.console, tracks.names).base).abs() > 1e-6).sum())


def search_song(tracks: TrackSet, references: References) -> None:
    method = InferenceTime()
    searched, apart = split_windows(tracks, method.window_s)
    neutral = method.console.default_settings(tracks.names)
    before = measure(method, tracks, references, neutral, apart)
    row = "| {:24} | {:>7} | {:>7} | {:>10} | {:>9} | {:>8} | {:>8} |".format
    print(f"\n{len(tracks)} tracks, {moved_size(method, tracks)} settings\n")
    print(row("", "renders", "CPU s", "production", "embedding", "loudness", "settings"))
    print(row(*["---"] * 7))
    print(row("equal loudness", "", "", *(f"{before[k]:.3f}" for k in ("production", "embedding", "loudness")), 0))
    for name, options in SEARCHES.items():
        method = InferenceTime(**options)
        began = time.process_time()
        estimate = method.search(tracks, references, searched)
        spent = time.process_time() - began
        after = measure(method, tracks, references, estimate.settings, apart)
        values = (f"{after[k]:.3f}" for k in ("production", "embedding", "loudness"))
        changed = moved(method, tracks, estimate.settings)
        print(row(name, estimate.outcome.found.evaluations, f"{spent:.1f}", *values, changed), flush=True)


def moved_size(method: InferenceTime, tracks: TrackSet) -> int:
    return method.console.settings_size(len(tracks))


def find_known(tracks: TrackSet) -> None:
    """Settings drawn 0.15 around the neutral ones are looked for from a mix of other windows than those searched on."""
    method = InferenceTime(steps=30)
    searched, apart = split_windows(tracks, method.window_s)
    space = ConsoleSpace(method.console, tracks.names)
    truth = space.settings_at(space.starts(2, 0.15, seed=7)[1])
    gains = tracks.input_gain_db(method.track_lufs)
    audio = [tracks.read(start, method.window_s, tracks.sample_rate, gains) for start in apart]
    mixes = [method.console.render(one, truth, tracks.sample_rate)[0] for one in audio]
    references = References(torch.cat(mixes, -1), sample_rate=tracks.sample_rate)
    found = method.search(tracks, references, searched).settings
    neutral = method.console.default_settings(tracks.names)
    positions = {
        name: ConsoleSpace(method.console, tracks.names, one) for name, one in (("truth", truth), ("found", found))
    }
    wanted, scale = positions["truth"].base, space.scale
    heard = torch.tensor([one.label != "sends" and not one.place.startswith("bus") for one in space.columns])
    gains_only = torch.tensor([one.parameter.name in ("gain_db", "pan", "width") for one in space.columns])
    print("\nKnown settings: mean error, in steps of the search (1 is 40 dB or a whole range)\n")
    print("| | all but sends | faders, panners, widths | production | embedding |\n|---|---|---|---|---|")
    for name, base, settings in (
        ("neutral", space.base, neutral),
        ("found, 30 steps", positions["found"].base, found),
    ):
        error = ((base - wanted) / scale).abs()
        parts = measure(method, tracks, references, settings, apart)
        print(
            f"| {name} | {float(error[heard].mean()):.3f} | {float(error[gains_only].mean()):.3f} "
            f"| {parts['production']:.3f} | {parts['embedding']:.3f} |"
        )


def compare_at_equal_cpu(songs: list[tuple[TrackSet, References]]) -> None:
    """Means over songs: the gradient, and CMA-ES in the CPU seconds that it took."""
    found: dict[str, list[list[float]]] = {name: [] for name in ("equal loudness", *EQUAL_CPU)}
    # What is compiled at its first use is nobody's time.
    searched_in(InferenceTime(steps=1), *songs[0], split_windows(songs[0][0], InferenceTime().window_s)[0])
    print("\nAt equal CPU\n\n| | renders | CPU s | production | embedding | loudness |\n|---|---|---|---|---|---|")
    for tracks, references in songs:
        searched, apart = split_windows(tracks, InferenceTime().window_s)
        neutral = InferenceTime().console.default_settings(tracks.names)
        answers: dict[str, tuple[ConsoleSettings, int, float]] = {"equal loudness": (neutral, 0, 0.0)}
        for name, options in EQUAL_CPU.items():
            more = {}
            if "search" in options:
                limit = answers["gradient, 30 steps"][2]
                more = {"evaluations": renders_within(limit, options, tracks, references, searched)}
            answers[name] = searched_in(InferenceTime(**options, **more), tracks, references, searched)
        for name, (settings, renders, spent) in answers.items():
            parts = measure(InferenceTime(), tracks, references, settings, apart)
            found[name].append([renders, spent, *(parts[key] for key in ("production", "embedding", "loudness"))])
            print(equal_cpu_row(name, found[name][-1]), flush=True)
    print(f"\nMeans over {len(songs)} songs\n")
    for name, rows in found.items():
        print(equal_cpu_row(name, torch.tensor(rows, dtype=torch.float64).mean(0).tolist()))


def renders_within(limit: float, options: dict[str, Any], *song: Any) -> int:
    """How many renders of a search take so many CPU seconds here and now."""
    (_, few, less), (_, many, more) = (searched_in(InferenceTime(**options, evaluations=n), *song) for n in (8, 48))
    return max(many, round(many + (limit - more) * (many - few) / max(more - less, 1e-3)))


def equal_cpu_row(name: str, values: list[float]) -> str:
    renders, spent, *parts = values
    return f"| {name} | {renders:.0f} | {spent:.1f} | " + " | ".join(f"{part:.3f}" for part in parts) + " |"


def searched_in(
    method: InferenceTime, tracks: TrackSet, references: References, searched: list[float]
) -> tuple[ConsoleSettings, int, float]:
    """The answer, how many renders it took, and CPU seconds."""
    began = time.process_time()
    estimate = method.search(tracks, references, searched)
    return estimate.settings, estimate.outcome.found.evaluations, time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--song", action="append", default=[], help="folder of stems; may be given several times")
    parser.add_argument("--reference", action="append", default=[], help="of each song")
    parser.add_argument("--part", choices=("all", "style", "known", "equal_cpu"), default="all", help="tables to print")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    songs = opened(arguments.song, arguments.reference) if arguments.song else generated()
    for tracks, references in songs if arguments.part in ("all", "style") else []:
        search_song(tracks, references)
    if arguments.part in ("all", "known"):
        find_known(songs[0][0])
    if arguments.part in ("all", "equal_cpu"):
        compare_at_equal_cpu(songs)
    print(f"\n{time.process_time() - began:.0f} CPU-seconds in all")


if __name__ == "__main__":
    main()
