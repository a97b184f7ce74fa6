"""Pairs rendered once, as the frames that the SpectralEncoder hears, for many trainings that leave out different ones.

Every effect of the chain is on in half of the pairs, drawn on its own, so that the pairs without an effect are those
that a chain without it would have rendered, and a half of them all. No stem sounds with others, so that the pairs
without an instrument are those of songs without it.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from encoders import SpectralEncoder
from encoders.objectives import nt_xent
from fxrep.data import Manifest
from fxrep.data.pairs import PairDataset, PairRenderer
from fxrep.effects import EffectChain, create_chain
from fxrep.effects.chain_settings import entry_label
from fxrep.errors import DataError
from fxrep.files import atomic_file
from fxrep.progress import track_progress

LEARNING_RATE = 1e-3
CONTENTS = 16  # of a part; each comes under two chains
SHORTEST = 0.6  # share of a clip that is heard at least

Batch = tuple[Tensor, Tensor]
"""Frames (2, B, F, T) of both sides, and which effects are on (B, E)."""


def balanced_chain() -> EffectChain:
    """The chain `default` with each of its effects on in half of what it draws."""
    chain = create_chain("default")
    effects = [dataclasses.replace(effect, probability=0.5) for effect in chain.effects]
    return EffectChain(effects, shuffle_groups=[group for group in chain.groups if len(group) > 1])


class HeardPairs:
    """A folder of rendered pairs; parts that an earlier call left there are kept.

    Args:
        folder: of the parts.
        manifest: songs; the training split is drawn from.
        segment_s: seconds per clip.
    """

    def __init__(self, folder: Path, manifest: Manifest, segment_s: float) -> None:
        self.folder, self.chain = folder, balanced_chain()
        self.labels = list(self.chain.processors)
        self.encoder = SpectralEncoder()
        self.dataset = PairDataset(
            manifest, length=10**6, segment_s=segment_s, sample_rate=self.encoder.sample_rate, mixture_probability=0.0
        )
        self.renderer = PairRenderer(self.chain, shortest=1.0)

    def render(self, n_parts: int) -> None:
        """Render the parts that are missing of the first `n_parts`."""
        missing = [number for number in range(n_parts) if not self._path(number).exists()]
        for number in track_progress(missing, "rendering pairs"):
            with atomic_file(self._path(number)) as draft:
                frames, active, instruments = self._rendered(number)
                np.savez(draft, frames=frames, active=active, instruments=instruments)

    def without(self, n_parts: int, effect: str | None, instrument: str | None) -> np.ndarray:
        """Which pairs are without an effect or an instrument, (n_parts, rows of a part)."""
        parts = [np.load(self._path(number)) for number in range(n_parts)]
        allowed: np.ndarray = np.stack([part["instruments"] for part in parts]) != instrument
        if effect:
            allowed &= ~np.stack([part["active"] for part in parts])[..., self.labels.index(effect)]
        return allowed

    def batches(self, chosen: np.ndarray, epochs: int, batch_size: int, seed: int) -> Iterator[Batch]:
        """Batches of chosen pairs, another order of parts in each epoch.

        Both chains of a content stand in one part, so that what is left of them meets in a batch.
        """
        generator = np.random.default_rng(seed)
        frames, active = np.empty((2, 0, 0, 0), dtype=np.float16), np.empty((0, len(self.labels)), dtype=bool)
        for number in np.concatenate([generator.permutation(len(chosen)) for _ in range(epochs)]):
            with np.load(self._path(int(number))) as part:
                rows, on = part["frames"][:, chosen[number]], part["active"][chosen[number]]
            frames = np.concatenate([frames, rows], axis=1) if frames.size else rows
            active = np.concatenate([active, on])
            while len(active) >= batch_size:
                first = torch.from_numpy(frames[:, :batch_size].astype(np.float32))
                yield first, torch.from_numpy(active[:batch_size])
                frames, active = frames[:, batch_size:], active[batch_size:]

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:05d}.npz"

    @torch.no_grad()
    def _rendered(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Frames (2, rows, F, T) of both sides, which effects are on (rows, effects), and instruments of the rows."""
        items = [self.dataset[number * CONTENTS + i] for i in range(CONTENTS)]
        clips = {side: torch.stack([item[side] for item in items]) for side in "ab"}
        rendered = self.renderer(clips, self.encoder.sample_rate, torch.Generator().manual_seed(number))
        frames = [self.encoder.frames(side).numpy().astype(np.float16) for side in (rendered.a, rendered.b)]
        on = [{entry_label(entry) for entry in settings} for settings in rendered.settings]
        active = np.array([[label in names for label in self.labels] for names in on])
        instruments = np.array([item["instrument"] for item in items] * 2)
        return np.stack(frames), active, instruments


def parts_for(pairs: int) -> int:
    """Parts that hold so many pairs without any effect, half of all, and some more, since that is chance."""
    return math.ceil((2.1 * pairs + 32) / (2 * CONTENTS))


def choose(allowed: np.ndarray, n_pairs: int, seed: int) -> np.ndarray:
    """Mark `n_pairs` at random of those that are allowed, in the same shape.

    Raises:
        DataError: there are fewer.
    """
    places = np.flatnonzero(allowed)
    if len(places) < n_pairs:
        raise DataError(f"{len(places)} pairs are without what is held out, not {n_pairs}")
    chosen = np.zeros(allowed.size, dtype=bool)
    chosen[np.random.default_rng(seed).choice(places, n_pairs, replace=False)] = True
    return chosen.reshape(allowed.shape)


def plain_loss(first: Tensor, second: Tensor, active: Tensor) -> Tensor:
    """NT-Xent of embeddings (B, D) of unit length, whichever effects are on."""
    return nt_xent(first, second)


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """What all trainings on such pairs take, beside a folder to keep them in."""
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--keep", type=Path, required=True, help="folder for the pairs and what is trained on them")
    parser.add_argument("--pairs", type=int, default=10000, help="that each encoder is trained on")
    parser.add_argument("--epochs", type=int, default=2, help="times that each pair is heard")
    parser.add_argument("--batch-size", type=int, default=64, help="pairs of a step")
    parser.add_argument("--segment-s", type=float, default=2.0, help="seconds per content in training")
    parser.add_argument("--seed", type=int, default=0, help="of the random weights")


def train_on_frames(
    encoder: SpectralEncoder,
    pairs: HeardPairs,
    allowed: np.ndarray,
    options: argparse.Namespace,
    loss: Callable[[Tensor, Tensor, Tensor], Tensor] = plain_loss,
    batch_size: int | None = None,
) -> None:
    """One step a batch, both sides cut at random; the rate rises over a twentieth and falls as half a cosine.

    Args:
        encoder: to train.
        pairs: rendered.
        allowed: which of them may be heard, (parts, rows of a part).
        options: of `add_training_options`.
        loss: of both sides' embeddings (B, D) of unit length, and of which effects are on (B, E); a module brings
            parameters that are trained too.
        batch_size: None for that of the options.

    Raises:
        DataError: fewer pairs are allowed than are to be heard.
    """
    size = batch_size or options.batch_size
    batches = pairs.batches(choose(allowed, options.pairs, options.seed), options.epochs, size, options.seed)
    steps = options.pairs * options.epochs // size
    also = loss.parameters() if isinstance(loss, nn.Module) else ()
    optimizer = torch.optim.AdamW([*encoder.parameters(), *also], lr=LEARNING_RATE)
    generator = np.random.default_rng(options.seed)
    encoder.train()
    for step, (batch, active) in enumerate(batches):
        share = step / steps
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(share / 0.05 + 1e-3, 0.5 + 0.5 * math.cos(math.pi * min(share, 1.0)))
        embedded = [encoder.embed_frames(encoder.standardize(cut(side, generator))) for side in batch]
        first, second = (F.normalize(side, dim=-1) for side in embedded)
        loss(first, second, active).backward()
        optimizer.step()
        optimizer.zero_grad()
    encoder.eval()


def cut(frames: Tensor, generator: np.random.Generator) -> Tensor:
    """A random stretch of (B, F, T), at least `SHORTEST` of it: neither length nor place shall be a cue."""
    total = frames.shape[-1]
    length = round(total * generator.uniform(SHORTEST, 1.0))
    start = int(generator.integers(total - length + 1))
    return frames[..., start : start + length]
