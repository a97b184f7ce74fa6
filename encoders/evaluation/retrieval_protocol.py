"""What a retrieval benchmark draws, and what it makes harder."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from encoders.evaluation.chains import evaluation_chain
from encoders.evaluation.effect_draws import check_effect_count
from encoders.evaluation.media import create_medium
from encoders.evaluation.protocol import check_protocol
from fxrep.effects import EffectChain
from fxrep.errors import ArgumentError

MOST_CANDIDATES = 100_000
LARGEST_DIFFERENCE_DB = 60.0


@dataclass
class RetrievalProtocol:
    """What is drawn for the benchmark; the same numbers give the same clips.

    Args:
        split: songs to draw from; never those an encoder was trained on.
        candidates: clips per query; chance is 1 / candidates.
        groups: groups per instrument.
        segment_s: seconds per clip.
        sample_rate: Hz.
        instruments: names, or None for every instrument that at least `minimum_songs` songs have, plus mixtures.
        minimum_songs: see `instruments`.
        chain: where the effects come from; a chain, or a name of `evaluation_chain`.
        seed: of everything that is drawn.
        batch: clips rendered at once; has no influence on the result.
        device: where effects are rendered.
        queries: per group; None for one per shared candidate.
        effects: active effects per chain; None as the chain draws them.
        own_content: so many of a query's candidates are its own content under other chains.
        same_effects: so many are the right candidate's content under the same effects, set otherwise.
        level_difference_db: every clip gets a gain after its effects; two differ by at most this.
        medium: one of `MEDIA`, through which every candidate went.
        other_instrument: queries of one instrument, candidates of others; without mixtures.
        inside_mixture: every candidate is mixed with one to three stems of other instruments, each under a chain of its
            own; systems that can be asked are asked for the query's instrument. Without mixtures as queries.

    Raises:
        ArgumentError: a value is out of range, or there is no such split, chain or medium.
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
    queries: int | None = None
    effects: int | None = None
    own_content: int = 0
    same_effects: int = 0
    level_difference_db: float = 0.0
    medium: str = "plain"
    other_instrument: bool = False
    inside_mixture: bool = False
    instruments_used: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        # Known now, and not after minutes of reading.
        check_protocol(self.split, self.segment_s, self.seed, candidates=self.candidates)
        if self.candidates > MOST_CANDIDATES:
            raise ArgumentError(f"candidates is {self.candidates}: give 2 to {MOST_CANDIDATES}")
        if min(self.own_content, self.same_effects) < 0 or self.shared_candidates < 2:
            raise ArgumentError(
                f"own_content={self.own_content}, same_effects={self.same_effects}: of {self.candidates} candidates "
                "at least 2 must be left that all queries share"
            )
        if self.queries is not None and not 1 <= self.queries <= self.shared_candidates:
            raise ArgumentError(
                f"queries is {self.queries}: give 1 to {self.shared_candidates}, the candidates that all queries share"
            )
        if not (math.isfinite(self.level_difference_db) and 0.0 <= self.level_difference_db <= LARGEST_DIFFERENCE_DB):
            raise ArgumentError(f"level_difference_db is {self.level_difference_db}: give 0 to {LARGEST_DIFFERENCE_DB}")
        if self.other_instrument and self.inside_mixture:
            raise ArgumentError("other_instrument and inside_mixture: candidates are asked for the query's instrument")
        create_medium(self.medium)
        self.chain = evaluation_chain(self.chain) if isinstance(self.chain, str) else self.chain
        check_effect_count(self.chain, self.effects)

    @property
    def shared_candidates(self) -> int:
        """Candidates that all queries of a group share."""
        return self.candidates - self.own_content - self.same_effects

    @property
    def n_queries(self) -> int:
        """Queries per group."""
        return self.shared_candidates if self.queries is None else self.queries
