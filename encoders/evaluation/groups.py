"""The clips of one group of queries, rendered and embedded by every system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from encoders.evaluation.effect_draws import draw_settings, set_otherwise
from encoders.evaluation.media import create_medium, offset_levels
from encoders.evaluation.retrieval_protocol import RetrievalProtocol
from encoders.evaluation.systems import System
from fxrep.data.segments import MIXTURE, SegmentSampler
from fxrep.effects import EffectChain, Settings

MOST_AROUND = 3
"""Most stems that play around a candidate inside a mixture."""

AROUND_DB = 3.0
"""Their level before effects, at most so much above or below the candidate's."""


@dataclass(frozen=True)
class EmbeddedGroup:
    """Embeddings of one system.

    Attributes:
        queries: (Q, D), query i under chain i.
        shared: (N, D), candidates of all queries, candidate i under chain i on other content.
        own: (Q, K + F, D), candidates of one query only: first its own content under other chains, then the content of
            the right candidate under the same effects set otherwise.
    """

    queries: Tensor
    shared: Tensor
    own: Tensor


@dataclass(frozen=True)
class Plan:
    """What is drawn of one group before its contents, so that batches have no influence.

    Attributes:
        settings: of chain i, per shared candidate.
        own: of the candidates of query i, own content first.
        levels_db: gain of every query (Q,), shared candidate (N,) and candidate of one query (Q, K + F).
    """

    settings: list[Settings]
    own: list[list[Settings]]
    levels_db: EmbeddedGroup


class GroupRenderer:
    """Draws and renders groups; a group depends on nothing but the protocol, its instrument and its number.

    Args:
        sampler: where contents come from.
        protocol: what is asked for.
    """

    def __init__(self, sampler: SegmentSampler, protocol: RetrievalProtocol) -> None:
        assert isinstance(protocol.chain, EffectChain)
        self.sampler, self.protocol, self.chain = sampler, protocol, protocol.chain
        self.medium = create_medium(protocol.medium)

    @torch.no_grad()
    def embed(
        self, systems: Mapping[str, System], instrument: str, number: int
    ) -> tuple[dict[str, EmbeddedGroup], list[Settings]]:
        """Embeddings of group `number` per system, and the settings of its chains in the order of the candidates."""
        protocol = self.protocol
        rng = np.random.default_rng([protocol.seed, number])
        plan = self._plan(number)
        surroundings = np.random.default_rng([protocol.seed, number, 2])
        # One clip for all: a clip of the candidate's own would tell which candidate it is.
        asked_for = (
            (instrument, self.sampler.draw_content(surroundings, instrument)) if protocol.inside_mixture else None
        )
        parts: dict[str, list[EmbeddedGroup]] = {name: [] for name in systems}
        for start in range(0, len(plan.settings), protocol.batch):
            stop = min(start + protocol.batch, len(plan.settings))
            around = self._draw_surroundings(surroundings, instrument, stop - start)
            audio = self._render(self._draw_pairs(rng, instrument, stop - start), around, plan, start, stop)
            for name, system in systems.items():
                parts[name].append(self._embed(system, audio, asked_for))
        return {name: _join(some) for name, some in parts.items()}, plan.settings

    def _plan(self, number: int) -> Plan:
        protocol = self.protocol
        generator = torch.Generator().manual_seed(protocol.seed * 1000 + number)
        settings = draw_settings(self.chain, protocol.effects, generator, protocol.shared_candidates)
        own = [
            [
                *draw_settings(self.chain, protocol.effects, generator, protocol.own_content),
                *(set_otherwise(self.chain, one, generator) for _ in range(protocol.same_effects)),
            ]
            for one in settings[: protocol.n_queries]
        ]
        rng, half = np.random.default_rng([protocol.seed, number, 1]), protocol.level_difference_db / 2.0
        made = protocol.own_content + protocol.same_effects
        shapes = ((protocol.n_queries,), (len(settings),), (protocol.n_queries, made))
        return Plan(settings, own, EmbeddedGroup(*(torch.from_numpy(rng.uniform(-half, half, s)) for s in shapes)))

    def _draw_pairs(self, rng: np.random.Generator, instrument: str, count: int) -> tuple[Tensor, Tensor]:
        pairs = [self._draw_pair(rng, instrument) for _ in range(count)]
        first, second = (torch.stack([pair[side] for pair in pairs]) for side in (0, 1))
        return first.to(self.protocol.device), second.to(self.protocol.device)

    def _draw_surroundings(self, rng: np.random.Generator, instrument: str, count: int) -> Tensor | None:
        """What else plays in the mixture of each candidate, (B, 2, T) with its effects; None where nothing does."""
        if not self.protocol.inside_mixture:
            return None
        stems: list[Tensor] = []
        owners: list[int] = []
        settings: list[Settings] = []
        for owner in range(count):
            playing = [instrument]
            for _ in range(min(int(rng.integers(1, MOST_AROUND + 1)), len(self.sampler.instruments) - 1)):
                playing.append(self.sampler.draw_instrument(rng, exclude=playing))
                level = 10.0 ** (rng.uniform(-AROUND_DB, AROUND_DB) / 20.0)
                stems.append(level * self.sampler.draw_content(rng, playing[-1]))
            generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
            settings += draw_settings(self.chain, self.protocol.effects, generator, len(playing) - 1)
            owners += [owner] * (len(playing) - 1)
        dry = torch.stack(stems).to(self.protocol.device)
        wet: Tensor = self.chain(dry, self.protocol.sample_rate, settings)
        around = wet.new_zeros(count, *wet.shape[1:])
        return around.index_add_(0, torch.tensor(owners, device=wet.device), wet)

    def _draw_pair(self, rng: np.random.Generator, instrument: str) -> tuple[Tensor, Tensor]:
        if instrument == MIXTURE:
            return self.sampler.draw_mixture_pair(rng, int(rng.integers(2, 5)))
        if self.protocol.other_instrument:
            others = [name for name in self.sampler.instruments if name != instrument]
            other = others[int(rng.integers(len(others)))]
            return self.sampler.draw_content(rng, instrument), self.sampler.draw_content(rng, other)
        audio_a, audio_b, _, _ = self.sampler.draw_content_pair(rng, instrument)
        return audio_a, audio_b

    def _render(
        self, dry: tuple[Tensor, Tensor], around: Tensor | None, plan: Plan, start: int, stop: int
    ) -> EmbeddedGroup:
        """The audio of candidates `start` to `stop`, in the places of its embeddings."""
        first, second = dry
        asked = slice(start, max(start, min(stop, self.protocol.n_queries)))
        count = asked.stop - asked.start
        shared = self._candidates(second, plan.settings[start:stop], plan.levels_db.shared[start:stop], around)
        if count == 0:
            return EmbeddedGroup(shared[:0], shared, shared[:0, None])
        queries = self.chain(first[:count], self.protocol.sample_rate, plan.settings[asked])
        own = [
            self._candidates(
                (first if place < self.protocol.own_content else second)[:count],
                [chains[place] for chains in plan.own[asked]],
                plan.levels_db.own[asked, place],
                None if around is None else around[:count],
            )
            for place in range(plan.levels_db.own.shape[1])
        ]
        queries = offset_levels(queries, plan.levels_db.queries[asked])
        return EmbeddedGroup(queries, shared, torch.stack(own, 1) if own else shared[:count, None][:, :0])

    def _candidates(
        self, content: Tensor, settings: list[Settings], levels_db: Tensor, around: Tensor | None
    ) -> Tensor:
        wet = self.chain(content, self.protocol.sample_rate, settings)
        wet = wet if around is None else wet + around
        return self.medium(offset_levels(wet, levels_db), self.protocol.sample_rate)

    def _embed(self, system: System, audio: EmbeddedGroup, asked_for: tuple[str, Tensor] | None) -> EmbeddedGroup:
        rate = self.protocol.sample_rate

        def candidates(clips: Tensor) -> Tensor:
            if asked_for is None or system.inside is None:
                return system.embed(clips, rate)
            return system.inside(clips, rate, *asked_for)

        shared = candidates(audio.shared)
        queries = system.embed(audio.queries, rate) if len(audio.queries) else shared[:0]
        # One place at a time: as many clips at once as everywhere else.
        own = [candidates(clips) for clips in (audio.own.unbind(1) if len(audio.queries) else ())]
        return EmbeddedGroup(
            queries, shared, torch.stack(own, 1) if own else shared.new_zeros(len(queries), 0, shared.shape[-1])
        )


def _join(parts: list[EmbeddedGroup]) -> EmbeddedGroup:
    return EmbeddedGroup(
        torch.cat([part.queries for part in parts]),
        torch.cat([part.shared for part in parts]),
        torch.cat([part.own for part in parts if len(part.queries)]),
    )
