"""Retrieval of encoders that were all trained for the same CPU time on the same data, beside the baselines.

python benchmarks/equal_time.py MANIFEST [--minutes 10] [--split test] [--encoder spectral --encoder fx_encoder …]

Every encoder starts from random weights in its published or default size and sees the same stream of pairs, under one
objective, until its CPU seconds are spent; its row without training stands above it. With --keep FOLDER each becomes a
release FOLDER/NAME, for the other benchmarks (`fxrep evaluate probe MANIFEST --model FOLDER/NAME`).
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import torch
from pair_training import cpu_minutes, train_on_pairs

from encoders.checkpoints import save_encoder
from encoders.evaluation import RetrievalProtocol, baseline_systems, encoder_system, retrieval_benchmark
from encoders.registry import ENCODERS, build_encoder
from fxrep.cli.evaluate import retrieval_table
from fxrep.data import read_manifest

LEARNING_RATES = {"spectral": 1e-3}
PUBLISHED_RATE = 1e-4
"""Of the published networks; they diverge at the small one's, which crawls at theirs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest")
    parser.add_argument("--minutes", type=float, default=10.0, help="CPU minutes per encoder")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--segment-s", type=float, default=4.0)
    parser.add_argument("--split", default="test")
    parser.add_argument("--groups", type=int, default=1)
    parser.add_argument(
        "--encoder", action="append", choices=sorted(set(ENCODERS) - {"chain_predictor"}), help="repeat for several"
    )
    parser.add_argument("--keep", type=Path, help="folder for the trained encoders")
    parser.add_argument("--effects", type=int, help="active effects per chain of the evaluation")
    parser.add_argument("--hard", type=int, default=0, help="candidates of either kind made for each query")
    arguments = parser.parse_args()
    systems = baseline_systems()
    for name in arguments.encoder or ["spectral", "fx_encoder", "fx_encoder_plus_plus"]:
        torch.manual_seed(0)
        encoder = build_encoder({"class_path": name})
        systems[f"{name}, untrained"] = encoder_system(copy.deepcopy(encoder).eval())
        rate = LEARNING_RATES.get(name, PUBLISHED_RATE)
        spent = cpu_minutes(arguments.minutes)
        pairs = train_on_pairs(encoder, arguments.manifest, spent, rate, arguments.batch_size, arguments.segment_s)
        systems[f"{name}, {pairs} pairs"] = encoder_system(encoder)
        if arguments.keep:
            save_encoder(encoder, arguments.keep / name)
    protocol = RetrievalProtocol(
        split=arguments.split,
        groups=arguments.groups,
        effects=arguments.effects,
        own_content=arguments.hard,
        same_effects=arguments.hard,
    )
    results = retrieval_benchmark(systems, read_manifest(arguments.manifest), protocol)
    print(f"{arguments.minutes:g} CPU minutes of training each, batches of {arguments.batch_size} contents\n")
    print(retrieval_table(results, protocol.candidates, protocol.instruments_used))


if __name__ == "__main__":
    main()
