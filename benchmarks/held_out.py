"""Effects and instruments that an encoder never met in training, held out one by one, beside one that met them all.

python benchmarks/held_out.py MANIFEST --keep FOLDER [--pairs 10000] [--family compressor …] [--instrument drums …]

Trains the SpectralEncoder on everything, once without each effect of the chain `default` and once without each
instrument, from the same random weights on as many of the same pairs (`heard_pairs.py`). Then asks all of them, the
encoder that ships, an untrained one and features that learn nothing for each effect alone, as `fxrep evaluate retrieval
--one-by-one` does: all candidates went through the same effect, set otherwise. Pairs are rendered once, and each
training becomes a release FOLDER/without-NAME as soon as it is done; called again, the command goes on with what is
missing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from heard_pairs import HeardPairs, add_training_options, parts_for, train_on_frames

from encoders import EffectEncoder, SpectralEncoder, load_encoder, save_encoder
from encoders.checkpoints import describe_encoder
from encoders.evaluation import RetrievalProtocol, System, baseline_systems, encoder_system, retrieval_one_by_one
from fxrep.cli.evaluate_options import markdown_table, open_manifest, with_interval
from fxrep.data import Manifest, hold_out
from fxrep.data.segments import UNKNOWN_INSTRUMENT
from fxrep.effects import create_chain
from fxrep.effects.chains import WITHOUT, leave_out
from fxrep.errors import ArgumentError
from fxrep.files import atomic_file

EVERYTHING = "everything"
BESIDE = ("default", "untrained", "production", "log_mel")
RESAMPLES = 2000
FEWEST_SONGS = 3


@dataclass(frozen=True)
class Training:
    """One encoder: what it does not hear, an effect of the chain or an instrument; neither for everything."""

    effect: str | None = None
    instrument: str | None = None

    @property
    def name(self) -> str:
        held_out = self.effect or self.instrument
        return f"without-{held_out}" if held_out else EVERYTHING


@dataclass(frozen=True)
class Recalls:
    """Queries answered by system, effect and instrument, of `queries` in each such cell."""

    hits: Mapping[str, Mapping[tuple[str, str], int]]
    queries: int

    def of(self, system: str, cells: Iterable[tuple[str, str]]) -> tuple[int, int]:
        """Answered and asked in some cells together."""
        chosen = list(cells)
        return sum(self.hits[system][cell] for cell in chosen), self.queries * len(chosen)


def trained(training: Training, manifest: Manifest, options: argparse.Namespace) -> EffectEncoder:
    """The encoder; from its folder where an earlier call left it there.

    Raises:
        ArgumentError: what lies there was trained otherwise.
        DataError: too few pairs are without what is held out.
    """
    folder = options.keep / training.name
    recipe = {name: getattr(options, name) for name in ("pairs", "epochs", "batch_size", "segment_s", "seed")}
    recipe |= {"without": training.effect or training.instrument, "stems": digest(manifest)}
    if folder.exists():
        known = describe_encoder(folder)["metrics"].get("training", {})
        other = [name for name, value in recipe.items() if known.get(name) != value]
        if other:
            raise ArgumentError(f"{folder} was trained with another {', '.join(other)}: give another --keep")
        return load_encoder(folder)
    pairs, n_parts = HeardPairs(options.keep / "pairs", manifest, options.segment_s), parts_for(options.pairs)
    pairs.render(n_parts)
    allowed = pairs.without(n_parts, training.effect, training.instrument)
    torch.manual_seed(options.seed)
    encoder, start = SpectralEncoder(), time.process_time()
    train_on_frames(encoder, pairs, allowed, options)
    seconds = time.process_time() - start
    save_encoder(encoder, folder, metadata={"training": {**recipe, "cpu_s": seconds}})
    print(f"{training.name}: {seconds:.0f} s of processor time", file=sys.stderr, flush=True)
    return encoder


def digest(manifest: Manifest) -> str:
    """What tells data from other data: names and contents of the stems to train on."""
    stems = [f"{row.path} {row.content_hash}" for row in manifest.filter(split="train", kind="stem").rows]
    return hashlib.sha256("\n".join(sorted(stems)).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def measure(
    systems: Mapping[str, System],
    manifest: Manifest,
    effects: list[str],
    instruments: list[str],
    options: argparse.Namespace,
) -> Recalls:
    """Ask every system for each of the effects alone, on each of the instruments."""
    chain = create_chain("default")
    unasked = [label for label in chain.processors if label not in effects]
    protocol = RetrievalProtocol(
        split=options.split,
        candidates=options.candidates,
        groups=options.groups,
        segment_s=options.seconds,
        instruments=instruments,
        chain=leave_out(chain, unasked),
    )
    alone = retrieval_one_by_one(systems, manifest, protocol)
    queries = options.groups * options.candidates
    hits: dict[str, dict[tuple[str, str], int]] = {name: {} for name in systems}
    for effect, found in alone.items():
        for name, result in found.items():
            for instrument, recall in result["by_instrument"].items():
                hits[name][effect, instrument] = round(queries * recall)
    return Recalls(hits, queries)


def spread(hits: int, asked: int, generator: np.random.Generator) -> np.ndarray:
    """Shares that resampled queries give; with answers of yes and no the bootstrap is this distribution."""
    return generator.binomial(asked, hits / asked, RESAMPLES) / asked


def share(hits: int, asked: int) -> str:
    low, high = np.quantile(spread(hits, asked, np.random.default_rng(0)), [0.025, 0.975])
    return with_interval(hits / asked, (low, high), ".1%")


def difference(one: tuple[int, int], other: tuple[int, int]) -> str:
    """Points by which `one` lies above `other`, with its interval."""
    first, second = np.random.default_rng(1).spawn(2)
    low, high = np.quantile(spread(*one, first) - spread(*other, second), [0.025, 0.975])
    return with_interval(100.0 * (one[0] / one[1] - other[0] / other[1]), (100.0 * low, 100.0 * high), "+.1f")


def result_rows(recalls: Recalls, trainings: list[Training]) -> list[dict[str, Any]]:
    """Of what is held out, queries answered and asked: by who never heard it, who heard all, and what stands beside.

    The rest is what was not held out: the other effects, or the other instruments. After the rows of effects and those
    of instruments comes their sum, where there are several.
    """
    everything = list(next(iter(recalls.hits.values())))
    rows: list[dict[str, Any]] = []
    for kind in ("effect", "instrument"):
        of_kind = []
        for training in trainings:
            held_out = getattr(training, kind)
            if held_out is None:
                continue
            cells = [cell for cell in everything if held_out in cell]
            rest = [cell for cell in everything if held_out not in cell]
            found = {name: recalls.of(name, cells) for name in (EVERYTHING, *BESIDE)}
            found |= {"never": recalls.of(training.name, cells), "rest, never": recalls.of(training.name, rest)}
            of_kind.append({"held out": held_out, **found, "rest, heard": recalls.of(EVERYTHING, rest)})
        rows += of_kind
        if len(of_kind) > 1:
            counts = {name: [row[name] for row in of_kind] for name in of_kind[0] if name != "held out"}
            summed = {name: tuple(map(sum, zip(*some, strict=True))) for name, some in counts.items()}
            rows.append({"held out": f"all {kind}s", **summed})
    return rows


def table(rows: list[dict[str, Any]], candidates: int) -> str:
    heads = ["held out", "never heard, R@1 (95 %)", "heard (95 %)", "points lost (95 %)", "kept", *BESIDE]
    lines = [[*heads, "the rest, never heard", "the rest, heard"]]
    for row in rows:
        never, heard = row["never"], row[EVERYTHING]
        kept = f"{never[0] / heard[0]:.0%}" if heard[0] else ""
        beside = [f"{row[name][0] / row[name][1]:.0%}" for name in BESIDE]
        rest = [row["rest, never"], row["rest, heard"]]
        shares = [f"{hits / asked:.1%}" if asked else "" for hits, asked in rest]
        lines.append([row["held out"], share(*never), share(*heard), difference(heard, never), kept, *beside, *shares])
    chance = f"{1 / candidates:.0%}"
    lines.append(["chance", chance, chance, "", "", *[chance] * (len(BESIDE) + 2)])
    return markdown_table(lines)


def instruments_of(manifest: Manifest, split: str) -> list[str]:
    """Known instruments that three songs of the split have."""
    songs: dict[str, set[tuple[str, str]]] = {}
    for row in manifest.filter(split=split, kind="stem").rows:
        songs.setdefault(row.instrument, set()).add((row.dataset, row.song))
    return sorted(name for name, found in songs.items() if len(found) >= FEWEST_SONGS and name != UNKNOWN_INSTRUMENT)


def plan(options: argparse.Namespace, manifest: Manifest) -> tuple[list[Training], tuple[list[str], list[str]]]:
    """The trainings, and the effects and instruments to measure on.

    Raises:
        ArgumentError: an effect is none of the chain, or something would be held out that nobody is asked for.
        DataError: there is no such instrument, or nothing to train on without it.
    """
    effects = options.effect or list(create_chain("default").processors)
    instruments = options.on or instruments_of(manifest, options.split)
    families, unheard = options.family or [], options.instrument or []
    if not families and not unheard:
        families, unheard = effects, instruments
    unasked = sorted((set(families) - set(effects)) | (set(unheard) - set(instruments)))
    if unasked:
        raise ArgumentError(f"{', '.join(unasked)}: held out and not measured; give --effect and --on, or neither")
    trainings = [Training(), *map(Training, families), *(Training(instrument=name) for name in unheard)]
    for training in trainings:  # what is wrong is known before anything is trained
        create_chain(f"default{WITHOUT}{training.effect}" if training.effect else "default")
        if training.instrument:
            hold_out(manifest, [training.instrument])
    return trainings, (effects, instruments)


def run(options: argparse.Namespace) -> str:
    """Train what is missing, measure, and return the table."""
    manifest = open_manifest(options.manifest)
    trainings, (effects, instruments) = plan(options, manifest)
    systems = {training.name: encoder_system(trained(training, manifest, options)) for training in trainings}
    torch.manual_seed(options.seed)
    systems["untrained"] = encoder_system(SpectralEncoder())
    systems["default"] = encoder_system(load_encoder("default"))
    systems |= {name: system for name, system in baseline_systems().items() if name in BESIDE}
    recalls = measure(systems, manifest, effects, instruments, options)
    rows = result_rows(recalls, trainings)
    if options.json:
        settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}
        cells = {
            name: {" on ".join(cell): hits for cell, hits in found.items()} for name, found in recalls.hits.items()
        }
        with atomic_file(options.json) as draft:
            draft.write_text(
                json.dumps({"options": settings, "queries": recalls.queries, "answered": cells, "rows": rows})
            )
    return table(rows, options.candidates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_training_options(parser)
    parser.add_argument("--family", action="append", help="effect to hold out; repeat for several")
    parser.add_argument(
        "--instrument", action="append", help="to hold out; without this and --family, all that is measured is"
    )
    parser.add_argument("--effect", action="append", help="to measure alone; by default each of the chain")
    parser.add_argument(
        "--on", action="append", help="instrument to measure on; by default each that three songs of the split have"
    )
    parser.add_argument("--split", default="test")
    parser.add_argument("--candidates", type=int, default=20)
    parser.add_argument("--groups", type=int, default=3, help="of as many queries, per effect and instrument")
    parser.add_argument("--seconds", type=float, default=5.0, help="per clip of the measurement")
    parser.add_argument("--json", type=Path, help="file for all counts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(run(options))


if __name__ == "__main__":
    main()
