"""What each part of the SpectralEncoder and of its training is worth: without it, on the same pairs.

python benchmarks/ablation.py MANIFEST --keep FOLDER [--pairs 10000] [--variant "no statistics" …]

Every variant begins with the same seed and learns from as many of the same pairs (`heard_pairs.py`), as the first row
does, which is the encoder as it is under plain NT-Xent. Beside retrieval as `fxrep evaluate retrieval` measures it,
among 100 candidates and with the query's own content among them, stands the smallest contrast of `fxrep evaluate
blind-spots`. Pairs are rendered once and weights kept in FOLDER; called again, it goes on with what is missing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from heard_pairs import CONTENTS, HeardPairs, add_training_options, parts_for, plain_loss, train_on_frames
from torch import Tensor, nn
from torch.nn import functional as F

from encoders import SpectralEncoder
from encoders.evaluation import (
    BlindSpotProtocol,
    RetrievalProtocol,
    blind_spot_benchmark,
    encoder_system,
    retrieval_benchmark,
)
from encoders.objectives import nt_xent
from fxrep.cli.evaluate_options import markdown_table, open_manifest, with_interval
from fxrep.errors import ArgumentError
from fxrep.files import atomic_file

N_MELS, N_STEPS = 64, 8
# Where `StereoFrames` has what: levels of left, right, mid and side by band, phase by band, steps in the hop and peaks.
GROUPS = {
    "left and right": slice(0, 2 * N_MELS),
    "mid and side": slice(2 * N_MELS, 4 * N_MELS),
    "inter-channel phase": slice(4 * N_MELS, 6 * N_MELS),
    "steps inside the hop": slice(6 * N_MELS, 6 * N_MELS + 2 * N_STEPS + 2),
}
BANDS = slice(0, 4 * N_MELS)


class Ablated(SpectralEncoder):
    """The encoder without some of its parts.

    Args:
        removed: groups of features that it does not hear.
        level: whether it hears the absolute level; else that of all bands of a clip together is taken out.
        statistics: whether it has statistics over time.
        moments: whether these are more than means.
        convolutions: whether it has convolutions over time; else frames are pooled as they are.
    """

    heard: Tensor

    def __init__(
        self,
        removed: Sequence[str] = (),
        level: bool = True,
        statistics: bool = True,
        moments: bool = True,
        convolutions: bool = True,
    ) -> None:
        super().__init__(n_blocks=4 if convolutions else 0)
        heard = torch.ones(self.frames.n_features)
        for group in removed:
            heard[GROUPS[group]] = 0.0
        self.register_buffer("heard", heard)
        if not moments:
            first = torch.zeros(6 * self.frames.n_features)
            first[: self.frames.n_features] = 1.0
            self.statistics = nn.Sequential(Mask(first), *self.statistics)
        if not statistics:
            self.statistics = nn.Sequential(*self.statistics, Mask(torch.zeros(512)))
        self.standardize = nn.Sequential(Levels(level), self.standardize)  # type: ignore[assignment]

    def embed_frames(self, frames: Tensor) -> Tensor:
        return super().embed_frames(frames * self.heard[:, None])


class Mask(nn.Module):
    """Times numbers of 0 or 1 along the last axis."""

    kept: Tensor

    def __init__(self, kept: Tensor) -> None:
        super().__init__()
        self.register_buffer("kept", kept)

    def forward(self, values: Tensor) -> Tensor:
        return values * self.kept


class Levels(nn.Module):
    """Frames as they are, or without the mean level of their bands."""

    def __init__(self, kept: bool) -> None:
        super().__init__()
        self.kept = kept

    def forward(self, frames: Tensor) -> Tensor:
        if self.kept:
            return frames
        level = frames[:, BANDS].mean((1, 2), keepdim=True)
        free = frames.clone()
        free[:, BANDS] -= level
        free[:, GROUPS["steps inside the hop"]] -= level
        return free


class Memory(nn.Module):
    """NT-Xent with embeddings of the last steps as further negatives (cross-batch memory, Wang et al. 2020)."""

    def __init__(self, batches: int = 4, temperature: float = 0.1) -> None:
        super().__init__()
        self.batches, self.temperature = batches, temperature
        self.earlier: list[Tensor] = []

    def forward(self, first: Tensor, second: Tensor, active: Tensor) -> Tensor:
        joined, count = torch.cat([first, second]), len(first)
        logits = joined @ torch.cat([joined, *self.earlier]).T / self.temperature
        logits.diagonal().fill_(-torch.inf)
        self.earlier = [*self.earlier, joined.detach()][-self.batches :]
        return F.cross_entropy(logits, torch.arange(2 * count).roll(count))


def graded_loss(first: Tensor, second: Tensor, active: Tensor, temperature: float = 0.1) -> Tensor:
    """NT-Xent whose negatives count by how many effects they differ in; those of the same effects count half."""
    joined, count = torch.cat([first, second]), len(first)
    on = torch.cat([active, active]).float()
    differing = torch.cdist(on, on, p=1) / on.shape[1]
    partners = torch.arange(2 * count).roll(count)
    weights = 0.5 + differing
    weights[torch.arange(2 * count), partners] = 1.0
    logits = joined @ joined.T / temperature + weights.log()
    logits.diagonal().fill_(-torch.inf)
    return F.cross_entropy(logits, partners)


class Readout(nn.Module):
    """NT-Xent, and which effects are on, read from the embedding by a linear layer."""

    def __init__(self, effects: int, weight: float = 0.5) -> None:
        super().__init__()
        self.weight, self.read = weight, nn.Linear(128, effects)

    def forward(self, first: Tensor, second: Tensor, active: Tensor) -> Tensor:
        named = F.binary_cross_entropy_with_logits(
            self.read(torch.cat([first, second])), torch.cat([active, active]).float()
        )
        return nt_xent(first, second) + self.weight * named


@dataclass(frozen=True)
class Variant:
    """One row: what the encoder lacks, and how it is trained."""

    parts: dict[str, Any] = field(default_factory=dict)
    loss: Callable[[], Callable[[Tensor, Tensor, Tensor], Tensor]] = lambda: plain_loss
    batch_size: int | None = None
    one_chain: bool = False


VARIANTS = {
    "as it is": Variant(),
    **{f"no {group}": Variant({"removed": [group]}) for group in GROUPS},
    "no level": Variant({"level": False}),
    "no statistics over time": Variant({"statistics": False}),
    "means alone as statistics": Variant({"moments": False}),
    "no convolutions over time": Variant({"convolutions": False}),
    "one chain per content": Variant(one_chain=True),
    "batches of 16": Variant(batch_size=16),
    "memory of four batches": Variant(loss=Memory),
    "graded negatives": Variant(loss=lambda: graded_loss),
    "effects read out": Variant(loss=partial(Readout, 7)),
}


def trained(name: str, pairs: HeardPairs, options: argparse.Namespace) -> SpectralEncoder:
    """The encoder of a variant; from its file where an earlier call left it there."""
    variant, path = VARIANTS[name], options.keep / f"{name.replace(' ', '_')}.pt"
    torch.manual_seed(options.seed)
    encoder, loss = Ablated(**variant.parts), variant.loss()
    if path.exists():
        encoder.load_state_dict(torch.load(path, weights_only=True))
        return encoder.eval()
    n_parts, start = parts_for(options.pairs), time.process_time()
    pairs.render(n_parts)
    allowed = one_chain(n_parts) if variant.one_chain else np.ones((n_parts, 2 * CONTENTS), dtype=bool)
    train_on_frames(encoder, pairs, allowed, options, loss, variant.batch_size)
    with atomic_file(path) as draft:
        torch.save(encoder.state_dict(), draft)
    print(f"{name}: {time.process_time() - start:.0f} s of processor time", file=sys.stderr, flush=True)
    return encoder


def one_chain(n_parts: int) -> np.ndarray:
    """One of both chains of each content, (n_parts, rows of a part)."""
    first = np.random.default_rng(0).uniform(size=(n_parts, CONTENTS)) < 0.5
    return np.concatenate([first, ~first], axis=1)


def table(encoders: dict[str, SpectralEncoder], options: argparse.Namespace) -> str:
    """R@1 of every variant, its points beside the first row, and its smallest contrast."""
    manifest = open_manifest(options.manifest)
    systems = {name: encoder_system(encoder) for name, encoder in encoders.items()}
    plain = retrieval_benchmark(systems, manifest, RetrievalProtocol(split=options.split, groups=options.groups))
    hard = retrieval_benchmark(
        systems,
        manifest,
        RetrievalProtocol(split=options.split, groups=options.groups, own_content=5, same_effects=5, queries=40),
    )
    spots = blind_spot_benchmark(systems, manifest, BlindSpotProtocol(split=options.split, contents=options.contents))
    whole = next(iter(encoders))
    lines = [
        ["variant", "R@1 (95 %)", "beside the whole, points", "own content among them", "points", "smallest contrast"]
    ]
    for name in encoders:
        cells = [name]
        for found in (plain, hard):
            recall = found[name]["r@1"]
            cells += [
                with_interval(recall, found[name]["r@1_interval"], ".1%"),
                f"{100 * (recall - found[whole]['r@1']):+.1f}",
            ]
        lines.append([*cells, f"{spots[name]['smallest']:.3f}"])
    return markdown_table(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_training_options(parser)
    parser.add_argument("--variant", action="append", help="repeat for several; by default all; the first is the whole")
    parser.add_argument("--split", default="validation", help="songs to measure on: choices are made on these")
    parser.add_argument("--groups", type=int, default=1, help="of candidates, per instrument")
    parser.add_argument("--contents", type=int, default=30, help="that contrasts are rendered on")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = list(dict.fromkeys(["as it is", *(options.variant or VARIANTS)]))
    unknown = [name for name in names if name not in VARIANTS]
    if unknown:
        raise ArgumentError(f"no variant is called {', '.join(unknown)}; choose from {', '.join(VARIANTS)}")
    pairs = HeardPairs(options.keep / "pairs", open_manifest(options.manifest), options.segment_s)
    print(table({name: trained(name, pairs, options) for name in names}, options))


if __name__ == "__main__":
    main()
