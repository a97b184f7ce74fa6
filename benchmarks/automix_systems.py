"""Automatic mixing systems beside each other, on held-out songs whose mix is known.

    python benchmarks/automix_systems.py songs/manifest.parquet                    # every system that ships
    python benchmarks/automix_systems.py songs/manifest.parquet --system dmc --system dmc:my-model --items 24
    python benchmarks/automix_systems.py songs/manifest.parquet --system "graph=mixing_graph,steps=200" --items 4

A passage of a song with a known mix is its tracks, each at -24 LUFS as a whole, so that their levels tell nothing, and
the mix as it lies on file: the author's where there is one, else the sum of the tracks at the levels that their maker
gave them. Mixes are compared at -16 LUFS: percentage errors of the feature families over time and their mean, how far
that lies below equal loudness, multi-resolution STFT distance, distance of embeddings, production style. Where the
known mix is a sum, gains that a console has (before the console, and on the fader) are compared with those of the sum,
less what all have in common, which is the loudness of the whole: the mean over tracks of the absolute difference.
Systems that are given the known mix as a target do not compete; a star marks them. Intervals are of 95 %, by bootstrap
over songs. CPU seconds are of one thread, for 10 s of 8 tracks (scaled from each passage), loading of models left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from automix import automix, create_method, list_methods
from automix.methods import TAKES_TARGET, Request, check_method
from encoders.training.songs import SongDataset
from fxrep import load_encoder
from fxrep.audio import normalize_loudness
from fxrep.cli.evaluate_options import markdown_table, with_interval
from fxrep.data.instruments import guess_instrument
from fxrep.data.manifest import Manifest, read_manifest
from fxrep.errors import ArgumentError, AudioError, FxrepError
from fxrep.losses import ProductionStyleLoss, StftLoss
from fxrep.metrics import FAMILIES, embedding_distance, feature_errors
from fxrep.mixing.recordings import REFERENCE_LUFS
from fxrep.mixing.result import MixResult
from fxrep.progress import track_progress
from style_transfer.evaluation.summaries import share_below, summarize

RATE = 44100
BASELINE = "equal_loudness"
MEASURES = {
    **{family: (f"{family}, %", ".1f") for family in FAMILIES},
    "mean": ("mean of families, %", ".1f"),
    "mrstft": ("MRSTFT", ".3f"),
    "embedding": ("embedding", ".3f"),
    "style": ("production style", ".3f"),
    "gain_db": ("gains, dB", ".2f"),
}
# What has an interval in the table; all have in the JSON.
WITH_INTERVAL = ("mean", "mrstft", "embedding")


@dataclass
class Passage:
    """What the systems are given, and what is known."""

    song: str
    tracks: dict[str, torch.Tensor]
    target: torch.Tensor
    gains_db: dict[str, float] | None

    @property
    def size(self) -> float:
        """In passages of 10 s of 8 tracks."""
        return len(self.tracks) * self.target.shape[-1] / RATE / 80.0


@dataclass
class System:
    """A system and what it reached."""

    label: str
    name: str
    request: Request
    songs: list[str] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu_s: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        # Weights are loaded once; what goes towards a target is made for each.
        self.made = None if self.name in TAKES_TARGET else create_method(self.name, self.request)

    def mix(self, passage: Passage) -> MixResult:
        if self.made is not None:
            return automix(passage.tracks, self.made, sample_rate=RATE)
        options = self.request.options
        return automix(passage.tracks, self.name, sample_rate=RATE, target=passage.target, options=options)


def parse_system(text: str) -> System:
    """``[LABEL=]METHOD[:MODEL][,OPTION=VALUE…]``."""
    head, *options = text.split(",")
    label, equals, rest = head.partition("=")
    name, _, model = (rest if equals else head).partition(":")
    check_method(name)
    pairs = [option.partition("=") for option in options]
    values = {key: _value(value) for key, _, value in pairs}
    return System(label if equals else text, name, Request(model=model or None, options=values))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def open_systems(named: list[str] | None) -> tuple[list[System], dict[str, str]]:
    """Those that were named, or all that ship with the baselines first; and why others are missing."""
    systems, missing = [], {}
    for text in dict.fromkeys([BASELINE, "mono_sum", *(named or list_methods())]):
        try:
            systems.append(parse_system(text))
        except (FxrepError, ImportError) as error:
            if named and text in named:
                raise
            missing[text] = str(error)
    return systems, missing


def draw_passages(manifest: Manifest, splits: list[str], args: argparse.Namespace) -> Iterator[Passage]:
    """Passages of known mixes, as many of one song as of another where that can be."""
    for number, split in enumerate(splits):
        wanted = args.items // len(splits) + (number < args.items % len(splits))
        songs = SongDataset(
            [manifest],
            split,
            reference="own_mix",
            length=20 * args.items,
            segment_s=args.seconds,
            max_tracks=args.tracks,
            sample_rate=RATE,
            seed=args.seed,
        )
        most = -(-wanted // len(songs.songs))
        taken: Counter[str] = Counter()
        for index in range(len(songs)):
            if sum(taken.values()) == wanted:
                break
            passage = _passage(manifest, songs[index])
            if taken[passage.song] < most:
                taken[passage.song] += 1
                yield passage


def _passage(manifest: Manifest, item: dict[str, Any]) -> Passage:
    names: dict[str, int] = {}
    for place in torch.nonzero(item["mask"])[:, 0].tolist():
        row = manifest.rows[int(item["stem"][place])]
        # A name from which the instrument can be read, as people give them.
        name = row.track if guess_instrument(row.track) == row.instrument else f"{row.instrument} {place + 1}"
        names[name if name not in names else f"{name} {place + 1}"] = place
    gains = {name: float(item["gain_db"][place]) for name, place in names.items()}
    return Passage(
        song=f"{row.dataset}/{row.song}",
        tracks={name: item["tracks"][place] for name, place in names.items()},
        target=item["target"],
        gains_db=gains if item["gains_known"] else None,
    )


class Measuring:
    """How far a mix is from the known one."""

    def __init__(self, encoder: str, form: str) -> None:
        self.encoder = load_encoder(encoder)
        self.form: Any = form
        self.stft, self.style = StftLoss(), ProductionStyleLoss(RATE)

    @torch.no_grad()
    def measure(self, result: MixResult, passage: Passage) -> dict[str, float]:
        found = dict.fromkeys(MEASURES, float("nan"))
        if passage.gains_db is not None and result.temporary is None:
            found["gain_db"] = gain_error_db(result, passage.gains_db)
        mix, target = (normalize_loudness(audio[None], RATE, REFERENCE_LUFS) for audio in (result.mix, passage.target))
        found["mrstft"], found["style"] = float(self.stft(mix, target)), float(self.style(mix, target))
        try:
            errors = feature_errors(mix[0].numpy(), target[0].numpy(), RATE, aligned=True, form=self.form)
            vectors = [self.encoder.embed(audio[0], RATE) for audio in (mix, target)]
        except AudioError:  # A mix of silence has neither.
            return found
        found |= {family: errors[family] for family in FAMILIES}
        found["mean"] = float(np.mean([errors[family] for family in FAMILIES]))
        found["embedding"] = float(embedding_distance(*vectors))
        return found


def gain_error_db(result: MixResult, gains_db: dict[str, float]) -> float:
    """Mean absolute difference in dB, the loudness of the whole set aside."""
    session = result.console
    differences = []
    for name, gain_db in gains_db.items():
        fader = session.settings.tracks[name].get("fader")
        if fader is None:  # A console without faders spreads its gain over several settings.
            return float("nan")
        found_db = session.input_gain_db[name] + float(fader["gain_db"] or 0.0)
        # A fader that is closed is as wrong as one 60 dB too low.
        differences.append(max(found_db, gain_db - 60.0) - gain_db)
    return float(np.abs(np.asarray(differences) - np.median(differences)).mean())


def ask(system: System, passage: Passage, measuring: Measuring) -> None:
    """Let a system mix a passage; what it refuses has no values."""
    system.songs.append(passage.song)
    begin = time.process_time()
    try:
        result = system.mix(passage)
        result.mix  # noqa: B018 - rendered here, so that it counts
    except (ArgumentError, AudioError) as error:
        system.refused[str(error)] += 1
        found = dict.fromkeys(MEASURES, float("nan"))
    else:
        system.cpu_s.append((time.process_time() - begin) / passage.size)
        found = measuring.measure(result, passage)
    for name, value in found.items():
        system.values[name].append(value)


def summarize_systems(systems: list[System]) -> list[dict[str, Any]]:
    """Plain values: means, intervals, and the share below equal loudness."""
    baseline = next(system for system in systems if system.label == BASELINE)
    rows = []
    for system in systems:
        measures = {}
        for name in MEASURES:
            summary = summarize(system.values[name], system.songs)
            if summary is not None:
                measures[name] = summary | share_below(system.values[name], baseline.values[name], system.songs)
        rows.append(
            {
                "system": system.label,
                "has_target": system.name in TAKES_TARGET,
                "mixes": len(system.cpu_s),
                "refused": dict(system.refused),
                "measures": measures,
                "cpu_s": statistics.median(system.cpu_s) if system.cpu_s else None,
            }
        )
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    heads = [head + (" (95 %)" if name in WITH_INTERVAL else "") for name, (head, _) in MEASURES.items()]
    lines = [["system", "mixes", *heads, "mean below equal loudness (95 %)", "CPU s, 10 s of 8 tracks"]]
    for row in rows:
        cells = [row["system"] + (" *" if row["has_target"] else ""), str(row["mixes"])]
        for name, (_, form) in MEASURES.items():
            found = row["measures"].get(name)
            if found is None:
                cells.append("")
            elif name in WITH_INTERVAL:
                cells.append(with_interval(found["value"], found["interval"], form))
            else:
                cells.append(f"{found['value']:{form}}")
        mean = row["measures"].get("mean", {})
        known = "below" in mean and row["system"] != BASELINE
        cells.append(with_interval(mean["below"], mean["below_interval"], ".0%") if known else "")
        lines.append([*cells, "" if row["cpu_s"] is None else f"{row['cpu_s']:.2f}"])
    return markdown_table(lines)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--system", action="append", help="[LABEL=]METHOD[:MODEL][,OPTION=VALUE...]; all that ship")
    parser.add_argument("--split", action="append", help="songs of this split; again for more; test")
    parser.add_argument("--items", type=int, default=14, help="passages in all")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--tracks", type=int, default=8, help="at most")
    parser.add_argument("--form", default="corrected", choices=["corrected", "published"], help="of the families")
    parser.add_argument("--encoder", default="default", help="measures the distance of embeddings")
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--json", action="store_true", help="all values, with intervals")
    args = parser.parse_args(words)
    torch.set_num_threads(1)

    systems, missing = open_systems(args.system)
    measuring = Measuring(args.encoder, args.form)
    songs: Counter[str] = Counter()
    known = 0
    passages = draw_passages(read_manifest(args.manifest), args.split or ["test"], args)
    for passage in track_progress(passages, "passages", args.items):
        songs[passage.song] += 1
        known += passage.gains_db is not None
        for system in systems:
            ask(system, passage, measuring)
    rows = summarize_systems(systems)
    if args.json:
        print(json.dumps({"songs": songs, "gains_known": known, "rows": rows, "missing": missing}))
        return
    print(table(rows))
    print(f"\n{sum(songs.values())} passages of {len(songs)} songs, gains known in {known}. * is given the known mix.")
    for row in rows:
        for reason, times in row["refused"].items():
            print(f"{row['system']} refused {times}: {reason}")
    for name, reason in missing.items():
        print(f"{name} is not here: {reason}")


if __name__ == "__main__":
    main()
