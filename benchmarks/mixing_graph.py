"""Mixing graphs of songs whose authors' mixes are known: what each family of processors brings, and what is left.

    python benchmarks/mixing_graph.py songs/manifest.parquet                           # every song with a mix on file
    python benchmarks/mixing_graph.py songs/manifest.parquet --song NAME --steps 20 --tolerance 0.01 --tolerance 0.1
    python benchmarks/mixing_graph.py songs/manifest.parquet --song NAME --pruning hybrid --pruning weight:0.01

Songs are those of the manifest with stems and a mix; nothing is learnt from one for another, so that splits do not
matter. Every family joins for the same number of steps, in the order of the paper, and what is fitted goes on. With
``--control``, gain and pan alone are fitted for as many steps as all families together: how much of the fall is due to
steps and not to processors. Losses are over the window of 10 s, that of least squares with the gains that explain most
of the whole mix; processor seconds are of one thread. Every way of pruning is measured at every tolerance, or at the
one that is given behind its name. ``--from`` prints the tables of what ``--json`` has written.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from automix.least_squares import estimate_gains
from automix.mixing_graph import NAMES, MixingGraph
from automix.mixing_graph.fitting import fit_console
from automix.mixing_graph.problem import Problem
from automix.mixing_graph.pruning import METHODS, prune
from automix.mixing_graph.state import count_kept
from fxrep.cli.evaluate_options import markdown_table
from fxrep.data.manifest import read_manifest
from fxrep.errors import FxrepError
from fxrep.mixing.tracks import TrackSet

WINDOW_S = 10.0


@dataclass
class Song:
    """Stems by name, and the mix."""

    name: str
    stems: dict[str, Path] = field(default_factory=dict)
    mix: Path | None = None


def songs_of(path: str, wanted: list[str] | None) -> list[Song]:
    manifest = read_manifest(path)
    found: dict[str, Song] = defaultdict(lambda: Song(""))
    for row in manifest.rows:
        song = found[row.song]
        song.name = row.song
        if row.kind == "stem":
            song.stems[row.track] = manifest.path_of(row)
        elif row.kind == "mix":
            song.mix = manifest.path_of(row)
    complete = [song for song in found.values() if song.mix is not None and len(song.stems) >= 2]
    chosen = [song for song in complete if wanted is None or any(name in song.name for name in wanted)]
    return sorted(chosen, key=lambda song: len(song.stems))


def measure(song: Song, args: argparse.Namespace) -> dict[str, Any]:
    tracks = TrackSet(dict(song.stems))
    assert song.mix is not None
    method = MixingGraph(song.mix, steps=args.steps, window_s=WINDOW_S)
    began = time.process_time()
    problem, group_of, start = method.prepare(tracks, tracks.windows(WINDOW_S, 4))
    prepared = time.process_time()
    state, losses = fit_console(problem, method.fitting, torch.Generator().manual_seed(args.seed))
    row: dict[str, Any] = {
        "song": song.name,
        "tracks": len(tracks),
        "groups": len(set(group_of.values())),
        "start_s": start,
        "least_squares": least_squares(tracks, song.mix, problem),
        "losses": losses,
        "processors": int(state.kept.sum()),
        "prepare_s": prepared - began,
        "fit_s": time.process_time() - prepared,
        "pruned": {},
    }
    if args.control:
        longer = replace(method.fitting, steps=args.steps * len(NAMES))
        _, control = fit_console(problem, longer, torch.Generator().manual_seed(args.seed), ["gain_pan"])
        row["control"] = control["gain_pan"]
    for way, tolerance in args.prunings:
        began = time.process_time()
        pruning = replace(method.pruning, tolerance=tolerance, method=way)
        generator = torch.Generator().manual_seed(args.seed)
        pruned, loss, counts = prune(problem, state, pruning, method.fitting, generator)
        row["pruned"][f"{way} {tolerance:g}"] = {
            "loss": loss,
            "kept": count_kept(pruned),
            "counts": counts,
            "prune_s": time.process_time() - began,
        }
    return row


def least_squares(tracks: TrackSet, mix: Path, problem: Problem) -> float:
    """Loss, in the window, of the tracks with the gains of the whole song."""
    gains = torch.from_numpy(estimate_gains(tracks, mix, check=False).gains).float()
    return float(problem.loss((gains[..., None] * problem.audio).sum(0)))


def loss_table(rows: list[dict[str, Any]]) -> str:
    head = ["song", "tracks", "groups", "least squares", "sum", *(f"+ {name}" for name in NAMES), "fit, CPU s"]
    control = all("control" in row for row in rows)
    body = []
    for row in rows:
        values = [f"{value:.3f}" for value in (row["least_squares"], *row["losses"].values())]
        body.append([row["song"], str(row["tracks"]), str(row["groups"]), *values, f"{row['fit_s']:.0f}"])
    columns = [[row["least_squares"], *row["losses"].values()] for row in rows]
    means = [f"{sum(column) / len(rows):.3f}" for column in zip(*columns, strict=True)]
    body.append(["mean", "", "", *means, f"{sum(row['fit_s'] for row in rows) / len(rows):.0f}"])
    if control:
        head.append("gain_pan, all steps")
        for line, row in zip(body, rows, strict=False):
            line.append(f"{row['control']:.3f}")
        body[-1].append(f"{sum(row['control'] for row in rows) / len(rows):.3f}")
    return markdown_table([head, *body])


def pruning_table(rows: list[dict[str, Any]]) -> str:
    head = [
        "pruning",
        "tolerance",
        "loss before",
        "loss after",
        "processors",
        "kept",
        "pruned",
        *NAMES,
        "pruning, CPU s",
        "all, CPU s",
    ]
    body = []
    for tolerance in rows[0]["pruned"]:
        parts = [row["pruned"][tolerance] for row in rows]
        total = sum(row["processors"] for row in rows)
        kept = {name: sum(part["kept"][name] for part in parts) for name in NAMES}
        seconds = sum(row["prepare_s"] + row["fit_s"] + part["prune_s"] for row, part in zip(rows, parts, strict=True))
        body.append(
            [
                *tolerance.split(),
                f"{sum(row['losses'][NAMES[-1]] for row in rows) / len(rows):.3f}",
                f"{sum(part['loss'] for part in parts) / len(rows):.3f}",
                str(total),
                str(sum(kept.values())),
                f"{100 * (1 - sum(kept.values()) / total):.0f} %",
                *(str(kept[name]) for name in NAMES),
                f"{sum(part['prune_s'] for part in parts) / len(rows):.0f}",
                f"{seconds / len(rows):.0f}",
            ]
        )
    return markdown_table([head, *body])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--song", action="append", help="part of a name; several times for several songs")
    parser.add_argument("--tolerance", action="append", type=float, help="default: 0.001, 0.01 and 0.1")
    parser.add_argument("--pruning", action="append", help=f"{', '.join(METHODS)}, or as hybrid:0.01; again for more")
    parser.add_argument("--steps", type=int, default=40, help="of gradient for each family")
    parser.add_argument("--control", action="store_true", help="fit gain and pan alone for as many steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="a line for each song, as soon as it is done")
    parser.add_argument("--from", dest="lines", help="measure nothing: the tables of this file")
    args = parser.parse_args()
    if args.lines:
        print_tables([json.loads(line) for line in Path(args.lines).read_text(encoding="utf-8").splitlines()])
        return
    args.prunings = [
        (way, float(own) if own else tolerance)
        for way, _, own in (given.partition(":") for given in args.pruning or ["hybrid"])
        for tolerance in (args.tolerance or [0.001, 0.01, 0.1])[: 1 if own else None]
    ]
    torch.set_num_threads(1)
    rows = []
    for song in songs_of(args.manifest, args.song):
        try:
            rows.append(measure(song, args))
        except FxrepError as error:
            print(f"{song.name}: {error}", flush=True)
            continue
        if args.json:
            with Path(args.json).open("a", encoding="utf-8") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    if rows:
        print_tables(rows)


def print_tables(rows: list[dict[str, Any]]) -> None:
    print(loss_table(rows), pruning_table(rows), sep="\n\n")


if __name__ == "__main__":
    main()
