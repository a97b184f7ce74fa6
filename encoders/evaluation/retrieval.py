"""Retrieval by effects alone: which of 100 clips went through the chain that this clip went through?

Query i is content A_i under chain i; candidate j is content B_j under chain j. All contents of a group are the same
instrument, A and B come from different songs or places, the chains are drawn once and shared by every system in the
table, and baselines stand beside the encoders. Nothing but the processing tells the right candidate from the others.
Some candidates may be made for one query: A_i under other chains, and B_i under the effects of chain i set otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from encoders.evaluation.effect_draws import only
from encoders.evaluation.groups import EmbeddedGroup, GroupRenderer
from encoders.evaluation.retrieval_protocol import RetrievalProtocol
from encoders.evaluation.systems import System
from fxrep.data.manifest import Manifest
from fxrep.data.segments import MIXTURE, SegmentSampler
from fxrep.effects import EffectChain
from fxrep.effects.chain_settings import entry_label
from fxrep.errors import DataError
from fxrep.metrics import bootstrap_interval, ranks, share_interval, summarize_ranks
from fxrep.progress import track_progress


@dataclass(frozen=True)
class Answers:
    """What a system answered to the queries of one group.

    Attributes:
        instrument: of the queries.
        ranks: (Q,) of the right candidate.
        first: (Q,) what was ranked first: ``right``, ``other``, ``own content`` or ``same effects``.
        effects: (Q,) the effects of each query's chain.
    """

    instrument: str
    ranks: Tensor
    first: list[str]
    effects: list[list[str]]


def retrieval_benchmark(
    systems: Mapping[str, System], manifest: Manifest, protocol: RetrievalProtocol | None = None
) -> dict[str, dict[str, Any]]:
    """Run the protocol for every system on the same clips.

    Returns:
        Per system: the measures of `summarize_ranks`; ``r@1_interval`` and ``map@10_interval`` (95 %, bootstrap over
        queries, not songs; the former Wilson's where all or none are right); ``queries``; R@1 ``by_instrument``,
        ``by_effect_count`` and, for chains of one effect, ``by_effect``; and ``first``, the shares of queries that
        ranked the right candidate, another one, their own content, or the same effects set otherwise first. Chance is
        ``1 / protocol.candidates`` for R@1.

    Raises:
        DataError: the split holds no instrument with enough songs.
    """
    protocol = protocol or RetrievalProtocol()
    sampler = SegmentSampler(manifest, protocol.split, protocol.segment_s, protocol.sample_rate)
    instruments = _choose_instruments(sampler, protocol)
    renderer = GroupRenderer(sampler, protocol)
    found: dict[str, list[Answers]] = {name: [] for name in systems}
    rounds = [(name, group) for name in instruments for group in range(protocol.groups)]
    for number, (instrument, _) in enumerate(track_progress(rounds, "retrieval")):
        embedded, settings = renderer.embed(systems, instrument, number)
        effects = [[entry_label(entry) for entry in chain] for chain in settings[: protocol.n_queries]]
        for name, group in embedded.items():
            right, first = _answer(systems[name], group, protocol.own_content)
            found[name].append(Answers(instrument, right, first, effects))
    return {name: _summarize(answers) for name, answers in found.items()}


def retrieval_one_by_one(
    systems: Mapping[str, System], manifest: Manifest, protocol: RetrievalProtocol | None = None
) -> dict[str, dict[str, dict[str, Any]]]:
    """Run the protocol once for every effect of its chain, alone and always active, on the same contents.

    Who has only learnt to tell effects apart is lost here: all candidates went through the same one, set otherwise.

    Returns:
        Per effect what `retrieval_benchmark` returns.

    Raises:
        DataError: the split holds no instrument with enough songs.
    """
    protocol = protocol or RetrievalProtocol()
    assert isinstance(protocol.chain, EffectChain)
    found = {}
    for label in protocol.chain.processors:
        alone = replace(protocol, chain=only(protocol.chain, [label]), effects=None)
        found[label] = retrieval_benchmark(systems, manifest, alone)
        protocol.instruments_used = alone.instruments_used
    return found


def _choose_instruments(sampler: SegmentSampler, protocol: RetrievalProtocol) -> list[str]:
    if protocol.instruments is not None:
        chosen = list(protocol.instruments)
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
    if protocol.other_instrument or protocol.inside_mixture:
        chosen = [name for name in chosen if name != MIXTURE]
        if len(sampler.instruments) < 2 or not chosen:
            raise DataError("other instruments need stems of two instruments or more, and queries that are no mixtures")
    protocol.instruments_used = chosen
    return chosen


def _answer(system: System, group: EmbeddedGroup, own_content: int) -> tuple[Tensor, list[str]]:
    """Rank of the right candidate per query, and what stands first."""
    count, made = group.own.shape[:2]
    similarity = system.similarity(group.queries, torch.cat([group.shared, group.own.flatten(0, 1)]))
    shared, made_for_all = similarity.split([len(group.shared), count * made], dim=1)
    # Of what was made for single queries, each meets its own.
    own = made_for_all.unflatten(1, (count, made))[torch.arange(count), torch.arange(count)]
    joint = torch.cat([shared, own], dim=1)
    right = ranks(joint)
    kinds = ["other"] * len(group.shared) + ["own content"] * own_content + ["same effects"] * (made - own_content)
    leaders = joint.argmax(1).tolist()
    first = ["right" if rank <= 1.0 else kinds[leader] for rank, leader in zip(right.tolist(), leaders, strict=True)]
    return right, first


def _summarize(answers: list[Answers]) -> dict[str, Any]:
    everything = torch.cat([answer.ranks for answer in answers])
    first = [kind for answer in answers for kind in answer.first]
    reciprocal = torch.where(everything <= 10, 1.0 / everything, 0.0)
    by_instrument, by_count, by_effect = (defaultdict(list) for _ in range(3))
    for answer in answers:
        by_instrument[answer.instrument].append(answer.ranks)
        for rank, effects in zip(answer.ranks, answer.effects, strict=True):
            by_count[str(len(effects))].append(rank[None])
            if len(effects) == 1:
                by_effect[effects[0]].append(rank[None])
    return {
        **summarize_ranks(everything),
        "r@1_interval": share_interval(everything <= 1),
        "map@10_interval": bootstrap_interval(reciprocal),
        "queries": len(everything),
        "by_instrument": _recalls(by_instrument),
        "by_effect_count": _recalls(by_count),
        "by_effect": _recalls(by_effect),
        "first": {kind: first.count(kind) / len(first) for kind in sorted(set(first))},
    }


def _recalls(ranks_by: dict[str, list[Tensor]]) -> dict[str, float]:
    return {name: summarize_ranks(torch.cat(some))["r@1"] for name, some in sorted(ranks_by.items())}
