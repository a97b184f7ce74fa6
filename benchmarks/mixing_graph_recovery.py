"""Mixing graphs of mixes whose graphs are known: which processors are found again, and which are found that were not.

    python benchmarks/mixing_graph_recovery.py songs/manifest.parquet
    python benchmarks/mixing_graph_recovery.py songs/manifest.parquet --split validation --songs 3 --share 0.3 --seed 1

Songs of the split without a mix on file are mixed by a console whose processors are drawn, each in use with the given
share, with settings drawn over the middle of their ranges; thresholds are drawn between the levels of the track. Then
the graph is searched as `fxrep mix --method mixing_graph` does it. What is drawn depends on the seed and on how many
tracks there are, not on the song: other seeds draw other graphs. A processor counts as drawn where the mix without it
is further away than the tolerance: what cannot be heard cannot be found. Precision is the share of those found that
were drawn; recall the share of those drawn that were found; chance is the precision of guessing.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from automix.mixing_graph import NAMES, MixingGraph
from automix.mixing_graph.families import FAMILY_OF
from automix.mixing_graph.fitting import fit_console
from automix.mixing_graph.loss import GraphLoss
from automix.mixing_graph.problem import Problem
from automix.mixing_graph.pruning import prune
from automix.mixing_graph.state import GraphState
from fxrep.cli.evaluate_options import markdown_table
from fxrep.data.manifest import Manifest, read_manifest
from fxrep.mixing.tracks import TrackSet

WET = {"reverb": (0.1, 0.4), "delay": (0.15, 0.4)}
"""Weights that are drawn; those of the other families lie between 0.7 and 1."""

MIDDLE = (0.2, 0.8)
"""Positions that are drawn."""


def draw_graph(problem: Problem, share: float, generator: torch.Generator) -> GraphState:
    """Draw what is in use and how it is set; thresholds lie 6 to 24 dB under the peak of the track."""

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    strips, console = problem.routing.strips, problem.console
    state = GraphState.neutral(console, strips)
    names = console.track.setting_names()
    state.kept = (torch.rand(state.kept.shape, generator=generator) < share) & problem.sounding[:, None]
    for row in range(strips):
        peak = 20.0 * float(problem.audio[row].abs().max().clamp_min(1e-4).log10())
        for column, family in enumerate(NAMES):
            state.weights[row, column] = uniform(*WET.get(family, (0.7, 1.0)))
        for column, name in enumerate(names):
            label, _, setting = name.partition(".")
            if label not in FAMILY_OF or setting == "wet":
                continue
            state.positions[row, column] = uniform(*MIDDLE)
            if setting == "threshold_db":
                level = uniform(peak - 24.0, peak - 6.0)
                state.positions[row, column] = console.track.parameter(label, setting).normalize(max(level, -79.0))
            if name in ("gain.gain_db", "compressor.makeup_db"):
                low, high = (-9.0, 9.0) if label == "gain" else (0.0, 9.0)
                state.positions[row, column] = console.track.parameter(label, setting).normalize(uniform(low, high))
    return state


def audible(problem: Problem, state: GraphState, tolerance: float) -> torch.Tensor:
    """Return which processors (R, F) the mix would miss."""
    rendered = problem.rendered()
    rendered.set(state)
    heard = torch.zeros_like(state.kept)
    for row, column in state.kept.nonzero().tolist():
        kept = state.kept.clone()
        kept[row, column] = False
        heard[row, column] = float(problem.loss(rendered.without(state, kept)[0])) > tolerance
    return heard


def measure(manifest: Manifest, song: str, args: argparse.Namespace) -> dict[str, Any]:
    rows = [row for row in manifest.rows if row.kind == "stem" and row.song == song][: args.tracks]
    tracks = TrackSet({f"{number}-{row.track}": manifest.path_of(row) for number, row in enumerate(rows)})
    # The sum stands in for the mix until one is drawn.
    start = max(
        tracks.windows(args.window_s, 4), key=lambda one: float(tracks.read(one, args.window_s)[0].abs().mean())
    )
    dry = tracks.read(0.0, tracks.duration_s)[0].sum(0)
    method = MixingGraph(
        dry, tolerance=args.tolerance, steps=args.steps, window_s=args.window_s, start_s=start, groups=None, check=False
    )
    problem, _, _ = method.prepare(tracks, [start])
    generator = torch.Generator().manual_seed(args.seed)
    truth = draw_graph(problem, args.share, generator)
    target = problem.rendered().set(truth)
    problem = replace(problem, target=target, loss=GraphLoss(target, tracks.sample_rate, problem.warm_up))
    drawn = audible(problem, truth, args.tolerance)
    state, losses = fit_console(problem, method.fitting, torch.Generator().manual_seed(args.seed))
    found, loss, _ = prune(problem, state, method.pruning, method.fitting, torch.Generator().manual_seed(args.seed))
    counts = {
        family: [
            int(problem.sounding.sum()),
            int(drawn[:, column].sum()),
            int(found.kept[:, column].sum()),
            int((drawn & found.kept)[:, column].sum()),
        ]
        for column, family in enumerate(NAMES)
    }
    return {"song": song, "tracks": len(tracks), "losses": losses, "loss": loss, "counts": counts}


def table(rows: list[dict[str, Any]]) -> str:
    head = ["family", "places", "drawn", "found", "both", "precision", "recall", "chance"]
    totals = {family: [sum(row["counts"][family][k] for row in rows) for k in range(4)] for family in NAMES}
    totals["all"] = [sum(one[k] for one in totals.values()) for k in range(4)]
    body = []
    for family, (places, drawn, found, both) in totals.items():
        shares = [f"{100 * both / whole:.0f} %" if whole else "-" for whole in (found, drawn)]
        body.append([family, str(places), str(drawn), str(found), str(both), *shares, f"{100 * drawn / places:.0f} %"])
    return markdown_table([head, *body])


def losses_table(rows: list[dict[str, Any]]) -> str:
    head = ["song", "tracks", "sum", *(f"+ {name}" for name in NAMES), "pruned"]
    body = [
        [row["song"], str(row["tracks"]), *(f"{value:.3f}" for value in row["losses"].values()), f"{row['loss']:.3f}"]
        for row in rows
    ]
    return markdown_table([head, *body])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--split", default="test")
    parser.add_argument("--songs", type=int, default=100, help="at most")
    parser.add_argument("--tracks", type=int, default=4, help="of each song, the first")
    parser.add_argument("--share", type=float, default=0.4, help="of the processors that are in use")
    parser.add_argument("--tolerance", type=float, default=0.01)
    parser.add_argument("--steps", type=int, default=40, help="of gradient for each family")
    parser.add_argument("--window_s", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="a line for each song, as soon as it is done")
    args = parser.parse_args()
    torch.set_num_threads(1)
    manifest = read_manifest(args.manifest)
    with_mix = {row.song for row in manifest.rows if row.kind == "mix"}
    stems = [row.song for row in manifest.rows if row.kind == "stem" and row.split == args.split]
    rows = []
    for song in list(dict.fromkeys(one for one in stems if one not in with_mix))[: args.songs]:
        rows.append(measure(manifest, song, args))
        if args.json:
            with Path(args.json).open("a", encoding="utf-8") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    if rows:
        print(table(rows), losses_table(rows), sep="\n\n")


if __name__ == "__main__":
    main()
