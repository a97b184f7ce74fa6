"""What an encoder does not hear: distances between clips that differ in one thing, in units of random styles.

The same contents are rendered in every way of `RENDERS` and under two random chains. The distance is 1 - cosine, what
search ranks by; a contrast's distance is divided by the median distance between the two random chains on one content.
A second figure asks whether the contrast can be used: of two clips of another content, is the one with the same
treatment nearer? Chance is a half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from encoders.evaluation.chains import evaluation_chain
from encoders.evaluation.contrasts import CONTRASTS, RENDERS, Contents, Contrast, make_contents
from encoders.evaluation.protocol import check_protocol
from encoders.evaluation.systems import System, unit_vectors
from fxrep.data.manifest import Manifest
from fxrep.data.segments import SegmentSampler
from fxrep.effects import EffectChain
from fxrep.metrics import bootstrap_interval, bootstrap_statistic
from fxrep.progress import track_progress

AIM = 0.1
"""Least distance of every required contrast, in median distances between random styles."""

TIE = 1e-6
"""Cosines closer than this are equal: a batch's rounding is no hearing."""

STYLES = ("style 1", "style 2")


@dataclass
class BlindSpotProtocol:
    """What is drawn; the same numbers give the same clips.

    Args:
        split: songs to draw from.
        contents: how many contents every contrast is rendered on.
        segment_s: seconds per clip.
        sample_rate: Hz.
        chain: where the random styles come from.
        seed: of everything that is drawn.
        batch: contents rendered at once; has no influence on the result.
        device: where effects are rendered.

    Raises:
        ArgumentError: a value is out of range, or there is no such split or chain.
    """

    split: str | None = "test"
    contents: int = 50
    segment_s: float = 5.0
    sample_rate: int = 44100
    chain: EffectChain | str = "default"
    seed: int = 1234
    batch: int = 10
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_protocol(self.split, self.segment_s, self.seed, contents=self.contents)
        self.chain = evaluation_chain(self.chain) if isinstance(self.chain, str) else self.chain


def blind_spot_benchmark(
    systems: Mapping[str, System], manifest: Manifest, protocol: BlindSpotProtocol | None = None
) -> dict[str, dict[str, Any]]:
    """Measure every contrast for every system on the same clips.

    Returns:
        Per system: ``style_distance`` (median of 1 - cosine between random styles), ``smallest`` (least `distance` of
        the required contrasts), and ``contrasts``, for each by name: ``distance`` (median over contents, in style
        distances), ``distance_interval`` (95 %, bootstrap over contents), ``cosine_distance`` (not divided),
        ``told_apart`` (share of right choices on another content), ``told_apart_interval`` and ``required``.

    Raises:
        DataError: the split holds nothing to draw from.
    """
    protocol = protocol or BlindSpotProtocol()
    embedded = _embed_renders(systems, manifest, protocol)
    return {name: _measure(systems[name], renders) for name, renders in embedded.items()}


@torch.no_grad()
def _embed_renders(
    systems: Mapping[str, System], manifest: Manifest, protocol: BlindSpotProtocol
) -> dict[str, dict[str, Tensor]]:
    """Embeddings (contents, D) per system and render."""
    sampler = SegmentSampler(manifest, protocol.split, protocol.segment_s, protocol.sample_rate)
    rng = np.random.default_rng([protocol.seed, 0])
    generator = torch.Generator().manual_seed(protocol.seed)
    assert isinstance(protocol.chain, EffectChain)
    styles = {name: protocol.chain.sample_batch(generator, protocol.contents, protocol.sample_rate) for name in STYLES}
    parts: dict[str, dict[str, list[Tensor]]] = {name: {} for name in systems}
    for start in track_progress(range(0, protocol.contents, protocol.batch), "blind spots"):
        stop = min(start + protocol.batch, protocol.contents)
        contents = _draw_contents(sampler, rng, stop - start, protocol)
        for render in (*RENDERS, *STYLES):
            if render in styles:
                audio = protocol.chain(contents.stage, contents.sample_rate, styles[render][start:stop])
            else:
                audio = RENDERS[render](contents)
            for name, system in systems.items():
                parts[name].setdefault(render, []).append(system.embed(audio, protocol.sample_rate))
    return {name: {render: torch.cat(some) for render, some in renders.items()} for name, renders in parts.items()}


def _draw_contents(
    sampler: SegmentSampler, rng: np.random.Generator, count: int, protocol: BlindSpotProtocol
) -> Contents:
    pairs = [sampler.draw_content_pair(rng, sampler.draw_instrument(rng))[:2] for _ in range(count)]
    first, second = (torch.stack([pair[side] for pair in pairs]).to(protocol.device) for side in (0, 1))
    return make_contents(first, second, protocol.sample_rate)


def _measure(system: System, renders: dict[str, Tensor]) -> dict[str, Any]:
    names = list(renders)
    stacked = unit_vectors(system, torch.cat([renders[name] for name in names])).unflatten(0, (len(names), -1))
    vectors = dict(zip(names, stacked, strict=True))
    styles = _cosine_distance(vectors[STYLES[0]], vectors[STYLES[1]])
    contrasts = {name: _measure_contrast(vectors, contrast, styles) for name, contrast in CONTRASTS.items()}
    return {
        "style_distance": float(np.median(styles)),
        "smallest": min(found["distance"] for found in contrasts.values() if found["required"]),
        "contrasts": contrasts,
    }


def _measure_contrast(vectors: dict[str, Tensor], contrast: Contrast, styles: NDArray[np.float64]) -> dict[str, Any]:
    first, second = vectors[contrast.first], vectors[contrast.second]
    distances = _cosine_distance(first, second)

    def ratio(chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.median(distances[chosen], 1) / np.median(styles[chosen], 1).clip(1e-12)
        return found

    told_apart = _told_apart(first, second)
    return {
        "distance": float(ratio(np.arange(len(styles))[None])[0]),
        "distance_interval": bootstrap_statistic(ratio, len(styles)),
        "cosine_distance": float(np.median(distances)),
        "told_apart": float(told_apart.mean()),
        "told_apart_interval": bootstrap_interval(told_apart),
        "required": contrast.required,
    }


def _cosine_distance(first: Tensor, second: Tensor) -> NDArray[np.float64]:
    """1 - cosine of unit rows (N, D): (N,)."""
    found: NDArray[np.float64] = (1.0 - (first * second).sum(-1)).clamp(min=0.0).numpy()
    return found


def _told_apart(first: Tensor, second: Tensor) -> Tensor:
    """Share of right choices per content (N,): asked with either render, answered on the next content; ties half."""
    right, wrong = [], []
    for query, other in ((first, second), (second, first)):
        right.append((query * query.roll(-1, 0)).sum(-1))
        wrong.append((query * other.roll(-1, 0)).sum(-1))
    margin = torch.stack(right) - torch.stack(wrong)
    return torch.where(margin.abs() < TIE, 0.5, (margin > 0).double()).mean(0)
