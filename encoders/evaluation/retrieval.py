"""Retrieval by effects alone: which of 100 clips went through the chain that this clip went through?

Query i is content A_i under chain i; candidate j is content B_j under chain j. All contents of a group are the same
instrument, A and B come from different songs or places, the chains are drawn once and shared by every system in the
table, and baselines stand beside the encoders. Nothing but the processing tells the right candidate from the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from encoders.evaluation.protocol import check_protocol
from encoders.evaluation.systems import System
from fxrep.data.manifest import Manifest
from fxrep.data.segments import MIXTURE, SegmentSampler
from fxrep.effects import EffectChain, create_chain
from fxrep.errors import ArgumentError, DataError
from fxrep.metrics import bootstrap_interval, ranks, summarize_ranks
from fxrep.progress import track_progress

MOST_CANDIDATES = 100_000


@dataclass
class RetrievalProtocol:
    """What is drawn for the benchmark; the same numbers give the same clips.

    Args:
        split: songs to draw from; never those an encoder was trained on.
        candidates: clips per group; chance is 1 / candidates.
        groups: groups per instrument.
        segment_s: seconds per clip.
        instruments: names, or None for every instrument that at least `minimum_songs` songs have, plus mixtures.
        chain: where the effects come from.
        seed: of everything that is drawn.
        batch: clips rendered at once; has no influence on the result.
        device: where effects are rendered.

    Raises:
        ArgumentError: a value is out of range, or there is no such split or chain.
    """

    split: str | None = "test"
    candidates: int = 100
    groups: int = 1
    segment_s: float = 5.0
    sample_rate: int = 44100
    instruments: list[str] | None = None
    minimum_songs: int = 3
    chain: EffectChain | str = "default"
    seed: int = 1234
    batch: int = 20
    device: str = "cpu"
    instruments_used: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        check_protocol(self.split, self.segment_s, self.seed, candidates=self.candidates)
        if self.candidates > MOST_CANDIDATES:
            raise ArgumentError(f"candidates is {self.candidates}: give 2 to {MOST_CANDIDATES}")
        # Known now, and not after minutes of reading.
        self.chain = create_chain(self.chain) if isinstance(self.chain, str) else self.chain


def retrieval_benchmark(
    systems: Mapping[str, System], manifest: Manifest, protocol: RetrievalProtocol | None = None
) -> dict[str, dict[str, Any]]:
    """Run the protocol for every system on the same clips.

    Returns:
        Per system: the measures of `summarize_ranks`, ``r@1_interval`` (95 %, bootstrap over queries), ``queries``, and
        ``by_instrument`` with R@1. Chance is ``1 / protocol.candidates`` for R@1.

    Raises:
        DataError: the split holds no instrument with enough songs.
    """
    protocol = protocol or RetrievalProtocol()
    sampler = SegmentSampler(manifest, protocol.split, protocol.segment_s, protocol.sample_rate)
    instruments = _choose_instruments(sampler, protocol)
    assert isinstance(protocol.chain, EffectChain)
    found: dict[str, dict[str, list[Tensor]]] = {name: {} for name in systems}
    rounds = [(name, group) for name in instruments for group in range(protocol.groups)]
    for number, (instrument, _) in enumerate(track_progress(rounds, "retrieval")):
        embedded = _embed_group(systems, sampler, protocol.chain, instrument, protocol, number)
        for name, (queries, candidates) in embedded.items():
            similarity = systems[name].similarity(queries, candidates)
            found[name].setdefault(instrument, []).append(ranks(similarity))
    return {name: _summarize(by_instrument) for name, by_instrument in found.items()}


def _choose_instruments(sampler: SegmentSampler, protocol: RetrievalProtocol) -> list[str]:
    if protocol.instruments is not None:
        chosen = protocol.instruments
        unknown = [name for name in chosen if name not in (*sampler.instruments, MIXTURE)]
        if unknown:
            raise DataError(f"no stem of {', '.join(unknown)} in the split: there are {', '.join(sampler.instruments)}")
    else:
        songs = {name: len({source.song for source in sampler.sources[name]}) for name in sampler.instruments}
        chosen = [name for name, count in songs.items() if count >= protocol.minimum_songs]
        if not chosen:
            raise DataError(
                f"no instrument stands in {protocol.minimum_songs} songs of split {protocol.split!r}: "
                "name instruments, or evaluate on more songs"
            )
        chosen.append(MIXTURE)
    protocol.instruments_used = list(chosen)
    return list(chosen)


@torch.no_grad()
def _embed_group(
    systems: Mapping[str, System],
    sampler: SegmentSampler,
    chain: EffectChain,
    instrument: str,
    protocol: RetrievalProtocol,
    number: int,
) -> dict[str, tuple[Tensor, Tensor]]:
    """Embeddings (candidates, D) of queries and of candidates, per system."""
    rng = np.random.default_rng([protocol.seed, number])
    generator = torch.Generator().manual_seed(protocol.seed * 1000 + number)
    settings = chain.sample_batch(generator, protocol.candidates, protocol.sample_rate)
    parts: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in systems}
    for start in range(0, protocol.candidates, protocol.batch):
        chosen = settings[start : start + protocol.batch]
        pairs = [_draw_pair(sampler, rng, instrument) for _ in chosen]
        dry_a, dry_b = (torch.stack([pair[side] for pair in pairs]).to(protocol.device) for side in (0, 1))
        wet_a, wet_b = (chain(dry, protocol.sample_rate, chosen) for dry in (dry_a, dry_b))
        for name, system in systems.items():
            parts[name].append((system.embed(wet_a, protocol.sample_rate), system.embed(wet_b, protocol.sample_rate)))
    return {name: (torch.cat([a for a, _ in p]), torch.cat([b for _, b in p])) for name, p in parts.items()}


def _draw_pair(sampler: SegmentSampler, rng: np.random.Generator, instrument: str) -> tuple[Tensor, Tensor]:
    if instrument == MIXTURE:
        return sampler.draw_mixture_pair(rng, int(rng.integers(2, 5)))
    audio_a, audio_b, _, _ = sampler.draw_content_pair(rng, instrument)
    return audio_a, audio_b


def _summarize(by_instrument: dict[str, list[Tensor]]) -> dict[str, Any]:
    everything = torch.cat([group for groups in by_instrument.values() for group in groups])
    hits = (everything <= 1).double()
    return {
        **summarize_ranks(everything),
        "r@1_interval": bootstrap_interval(hits),
        "queries": len(everything),
        "by_instrument": {
            name: summarize_ranks(torch.cat(groups))["r@1"] for name, groups in sorted(by_instrument.items())
        },
    }
