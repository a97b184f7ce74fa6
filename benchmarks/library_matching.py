"""What matching recordings costs where nothing is to be matched, and gains where files differ in level and coding.

python benchmarks/library_matching.py MANIFEST [--model default] [--level-difference 12] [--medium mp3]

Clips under the same effects are looked for among candidates of the same instrument, as `fxrep evaluate retrieval` does,
by an encoder that hears recordings as released, at one loudness, and at one loudness and bandwidth.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from encoders import load_encoder
from encoders.evaluation import RetrievalProtocol, evaluation_chain, retrieval_benchmark
from encoders.evaluation.systems import System, encoder_system
from fxrep.data import read_manifest
from fxrep.errors import AudioError
from fxrep.retrieval import AudioEncoder, Matching, match_encoder

HEARING = (Matching(bandwidth_hz=None), Matching())


def matched_system(encoder: AudioEncoder) -> System:
    """An encoder that takes one recording at a time; silence is like nothing."""

    def embed(audio: torch.Tensor, sample_rate: int) -> torch.Tensor:
        return torch.stack([_embedded(clip, sample_rate) for clip in audio.cpu()])

    def _embedded(clip: torch.Tensor, sample_rate: int) -> torch.Tensor:
        try:
            return encoder.embed(clip, sample_rate)
        except AudioError:
            return torch.zeros(encoder.dim)

    return System(embed, lambda queries, candidates: queries @ candidates.T)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--split", default="test")
    parser.add_argument("--candidates", type=int, default=40)
    parser.add_argument("--level-difference", type=float, default=0.0, help="most dB between clips")
    parser.add_argument("--medium", default="plain", help="what candidates went through: plain, mp3, vorbis")
    given = parser.parse_args()
    torch.set_num_threads(1)
    encoder = load_encoder(given.model)
    systems = {"as released": encoder_system(encoder)}
    systems |= {str(matching): matched_system(match_encoder(encoder, matching)) for matching in HEARING}
    protocol = RetrievalProtocol(
        split=given.split,
        candidates=given.candidates,
        minimum_songs=4,
        chain=evaluation_chain("default", None, ()),
        level_difference_db=given.level_difference,
        medium=given.medium,
    )
    print("| model | heard | R@1 (95 %) | mAP@10 | queries |\n|---|---|---|---|---|")
    for name, found in retrieval_benchmark(systems, read_manifest(given.manifest), protocol).items():
        low, high = found["r@1_interval"]
        recall = f"{found['r@1']:.0%} ({low:.0%} to {high:.0%})"
        print(f"| {given.model} | {name} | {recall} | {found['map@10']:.2f} | {found['queries']} |")


if __name__ == "__main__":
    main()
