"""Training on a stream of pairs that is the same for whoever is compared, until a budget is spent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from encoders import EffectEncoder
from encoders.objectives import nt_xent
from fxrep.data.pairs import PairDataset, PairRenderer
from fxrep.data.segments import StemSource


def cpu_minutes(minutes: float) -> Callable[[int], float]:
    """A budget of processor time that begins to run now."""
    start = time.process_time()
    return lambda pairs: (time.process_time() - start) / (60.0 * minutes)


def train_on_pairs(
    encoder: EffectEncoder,
    manifest: StemSource,
    spent: Callable[[int], float],
    learning_rate: float,
    batch_size: int = 16,
    segment_s: float = 4.0,
    chain: str = "default",
) -> int:
    """Train until nothing of the budget is left; returns the pairs seen. Cosine over what is left, 5 % warm-up.

    `spent` gives the share of the budget, 0 to 1, that is spent after so many pairs.
    """
    dataset = PairDataset(manifest, length=10**6, segment_s=segment_s, sample_rate=encoder.sample_rate)
    renderer, generator = PairRenderer(chain), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=learning_rate)
    encoder.train()
    pairs, step = 0, 0

    def read(number: int) -> dict[str, Tensor]:
        items = [dataset[number * batch_size + i] for i in range(batch_size)]
        return {side: torch.stack([item[side] for item in items]) for side in "ab"}

    with ThreadPoolExecutor(1) as reader:  # a slow disk must not make the processor wait
        following = reader.submit(read, 0)
        while (share := spent(pairs)) < 1.0:
            batch = following.result()
            following = reader.submit(read, step + 1)
            rendered = renderer(batch, encoder.sample_rate, generator)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * min(share / 0.05 + 1e-3, 0.5 + 0.5 * math.cos(math.pi * share))
            nt_xent(encoder(rendered.a), encoder(rendered.b)).backward()
            optimizer.step()
            optimizer.zero_grad()
            pairs, step = pairs + len(rendered.a), step + 1
    encoder.eval()
    return pairs
