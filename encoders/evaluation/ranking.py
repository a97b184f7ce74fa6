"""Ranking of candidates by a reference: whose choice sounds most like what the reference's chain would have given?

Every group has one content A under many candidate chains, shared by all queries. The reference of a query is another
content of the same instrument under a hidden chain, which is none of the candidates. A system ranks the candidates by
their likeness to the reference; they are judged by their distance from A under the hidden chain, the truth, which no
system hears. The oracle ranks by that distance: better than it nobody can choose. The form is that of the benchmark
CounterFX of RelFx.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from encoders.evaluation.effect_draws import draw_settings, set_otherwise
from encoders.evaluation.ranking_protocol import RankingProtocol
from encoders.evaluation.sound_distance import level_distance, level_frames
from encoders.evaluation.systems import System
from fxrep.data.manifest import Manifest
from fxrep.data.segments import UNKNOWN_INSTRUMENT, SegmentSampler
from fxrep.effects import EffectChain, Settings
from fxrep.effects.chain_settings import entry_label
from fxrep.errors import DataError
from fxrep.metrics import bootstrap_interval, bootstrap_statistic, production_features, standardize
from fxrep.metrics.probes import spearman
from fxrep.progress import track_progress

TIE = 1e-6
"""Scores closer than this are equal: all that lead are chosen alike."""

ORACLE, CHANCE = "oracle", "chance"

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """What is drawn of one group.

    Attributes:
        content: A, (2, T).
        others: contents of the references, (Q, 2, T).
        candidates: N chains.
        hidden: Q chains.
    """

    content: Tensor
    others: Tensor
    candidates: list[Settings]
    hidden: list[Settings]


@dataclass(frozen=True)
class Truth:
    """How good every candidate is for every query of a group.

    Attributes:
        distance_db: (Q, N), mean difference in dB of `level_frames` from the truth.
        features: (Q, N), distance in standardised production features, root mean square over features.
        overlap: (Q, N), F1 of the sets of effects.
        source_db: (Q,), `distance_db` of A without effects.
    """

    distance_db: Array
    features: Array
    overlap: Array
    source_db: Array


def ranking_benchmark(
    systems: Mapping[str, System], manifest: Manifest, protocol: RankingProtocol | None = None
) -> dict[str, dict[str, Any]]:
    """Run the protocol for every system on the same clips.

    Returns:
        Per system, and for ``oracle`` and ``chance`` (any candidate): ``distance_db`` and ``features``, medians over
        queries of the chosen candidate's distances from the truth; ``spearman``, mean over queries of the rank
        correlation between score and nearness in dB; ``f1``, mean agreement of the chosen candidate's effects with the
        hidden ones; ``beats_source``, share of queries whose choice is nearer to the truth than A without effects; each
        with its ``_interval`` (95 %, bootstrap over queries); ``queries``.

    Raises:
        DataError: the split holds no instrument with enough songs.
    """
    protocol = protocol or RankingProtocol()
    sampler = SegmentSampler(manifest, protocol.split, protocol.segment_s, protocol.sample_rate)
    protocol.instruments_used = _choose_instruments(sampler, protocol)
    rounds = [(name, group) for name in protocol.instruments_used for group in range(protocol.groups)]
    answers: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number, (instrument, _) in enumerate(track_progress(rounds, "ranking")):
        group = _draw_group(sampler, protocol, instrument, number)
        scores, truth = _render(systems, group, protocol)
        scores |= {ORACLE: -truth.distance_db, CHANCE: np.zeros_like(truth.distance_db)}
        for name, score in scores.items():
            for query in range(len(score)):
                for measure, value in _judge(score[query], truth, query).items():
                    answers[name][measure].append(value)
    return {name: _summarize(measures) for name, measures in answers.items()}


def _choose_instruments(sampler: SegmentSampler, protocol: RankingProtocol) -> list[str]:
    songs = {name: len({source.song for source in sampler.sources[name]}) for name in sampler.instruments}
    if protocol.instruments is not None:
        unknown = [name for name in protocol.instruments if name not in songs]
        if unknown:
            raise DataError(f"no stem of {', '.join(unknown)} in the split: there are {', '.join(songs)}")
        return list(protocol.instruments)
    chosen = [name for name, count in songs.items() if count >= protocol.minimum_songs and name != UNKNOWN_INSTRUMENT]
    if not chosen:
        raise DataError(
            f"no instrument stands in {protocol.minimum_songs} songs of split {protocol.split!r}: name instruments, or "
            "evaluate on more songs"
        )
    return chosen


def _draw_group(sampler: SegmentSampler, protocol: RankingProtocol, instrument: str, number: int) -> Group:
    assert isinstance(protocol.chain, EffectChain)
    rng = np.random.default_rng([protocol.seed, number, 30])
    generator = torch.Generator().manual_seed(protocol.seed * 1000 + number)
    settings = draw_settings(protocol.chain, protocol.effects, generator, protocol.candidates + protocol.queries)
    # Without effects there would be nothing to find.
    settings = [one or set_otherwise(protocol.chain, one, generator) for one in settings]
    content, other, home, _ = sampler.draw_content_pair(rng, instrument)
    others = [other]
    while len(others) < protocol.queries:
        first, second, song, _ = sampler.draw_content_pair(rng, instrument)
        # Of two songs one is not the song of A, where there are several.
        others.append(second if song.song == home.song else first)
    return Group(content, torch.stack(others), settings[: protocol.candidates], settings[protocol.candidates :])


@torch.no_grad()
def _render(systems: Mapping[str, System], group: Group, protocol: RankingProtocol) -> tuple[dict[str, Array], Truth]:
    """Scores (Q, N) per system, and the truth."""
    rate = protocol.sample_rate

    def measure(
        contents: Tensor, settings: list[Settings], embed: Mapping[str, Callable[[Tensor, int], Tensor]]
    ) -> dict[str, Tensor]:
        parts: dict[str, list[Tensor]] = {name: [] for name in embed}
        assert isinstance(protocol.chain, EffectChain)
        for start in range(0, len(settings), protocol.batch):
            chosen = settings[start : start + protocol.batch]
            dry = contents if len(contents) == 1 else contents[start : start + protocol.batch]
            wet = protocol.chain(dry.expand(len(chosen), -1, -1).to(protocol.device), rate, chosen)
            for name, function in embed.items():
                parts[name].append(function(wet, rate).cpu())
        return {name: torch.cat(some) for name, some in parts.items()}

    heard = {name: system.embed for name, system in systems.items()}
    # No system is called so: a name of an encoder is never empty.
    sound = {"": level_frames, " ": production_features}
    candidates = measure(group.content[None], group.candidates, heard | sound)
    references = measure(group.others, group.hidden, heard)
    truths = measure(group.content[None], [*group.hidden, []], sound)
    scores = {
        name: system.similarity(references[name], candidates[name]).double().numpy() for name, system in systems.items()
    }
    return scores, _truth(candidates, truths, group)


def _truth(candidates: dict[str, Tensor], truths: dict[str, Tensor], group: Group) -> Truth:
    queries = len(group.hidden)
    # The last of the truths is A without effects.
    hidden, source = truths[""][:queries], truths[""][queries:]
    features = standardize(torch.cat([truths[" "][:queries], candidates[" "]]))
    effects = [{entry_label(entry) for entry in one} for one in (*group.hidden, *group.candidates)]
    overlap = [
        [2.0 * len(wanted & found) / (len(wanted) + len(found)) for found in effects[queries:]]
        for wanted in effects[:queries]
    ]
    return Truth(
        level_distance(hidden, candidates[""]).double().numpy(),
        (torch.cdist(features[:queries], features[queries:]) / features.shape[1] ** 0.5).numpy(),
        np.array(overlap),
        level_distance(hidden, source)[:, 0].double().numpy(),
    )


def _judge(score: Array, truth: Truth, query: int) -> dict[str, float]:
    """What one query's choice is worth; candidates that lead together count alike."""
    chosen = score >= score.max() - TIE
    return {
        "distance_db": float(truth.distance_db[query, chosen].mean()),
        "features": float(truth.features[query, chosen].mean()),
        "spearman": spearman(score, -truth.distance_db[query]),
        "f1": float(truth.overlap[query, chosen].mean()),
        "beats_source": float((truth.distance_db[query, chosen] < truth.source_db[query]).mean()),
    }


def _summarize(measures: dict[str, list[float]]) -> dict[str, Any]:
    found: dict[str, Any] = {"queries": len(measures["f1"])}
    for name, values in measures.items():
        data = np.array(values)
        if name in ("distance_db", "features"):
            found[name] = float(np.median(data))
            found[f"{name}_interval"] = bootstrap_statistic(partial(_medians, data), len(data))
        else:
            found[name] = float(data.mean())
            found[f"{name}_interval"] = bootstrap_interval(data.tolist())
    return found


def _medians(values: Array, chosen: NDArray[np.int64]) -> Array:
    """Median of every row of chosen values, (R, N) places to (R,)."""
    found: Array = np.median(values[chosen], axis=1)
    return found
