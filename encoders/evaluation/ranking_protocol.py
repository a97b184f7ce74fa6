"""What a ranking benchmark draws."""

from __future__ import annotations

from dataclasses import dataclass, field

from encoders.evaluation.chains import evaluation_chain
from encoders.evaluation.effect_draws import check_effect_count
from encoders.evaluation.protocol import check_protocol
from fxrep.effects import EffectChain
from fxrep.errors import ArgumentError


@dataclass
class RankingProtocol:
    """What is drawn for the benchmark; the same numbers give the same clips.

    Args:
        split: songs to draw from; never those an encoder was trained on.
        candidates: chains that are ranked, the same for all queries of a group.
        queries: hidden chains per group.
        groups: groups per instrument.
        segment_s: seconds per clip.
        sample_rate: Hz.
        instruments: names, or None for every known instrument that at least `minimum_songs` songs have.
        minimum_songs: see `instruments`.
        chain: where the effects come from; a chain, or a name of `evaluation_chain`.
        seed: of everything that is drawn.
        batch: clips rendered at once; has no influence on the result.
        device: where effects are rendered.
        effects: active effects per chain; None as the chain draws them.

    Raises:
        ArgumentError: a value is out of range, or there is no such split or chain.
    """

    split: str | None = "test"
    candidates: int = 128
    queries: int = 16
    groups: int = 1
    segment_s: float = 5.0
    sample_rate: int = 44100
    instruments: list[str] | None = None
    minimum_songs: int = 2
    chain: EffectChain | str = "default"
    seed: int = 1234
    batch: int = 20
    device: str = "cpu"
    effects: int | None = None
    instruments_used: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        check_protocol(self.split, self.segment_s, self.seed, candidates=self.candidates)
        if self.queries < 1 or self.groups < 1:
            raise ArgumentError(f"queries={self.queries}, groups={self.groups}: give 1 or more")
        self.chain = evaluation_chain(self.chain) if isinstance(self.chain, str) else self.chain
        check_effect_count(self.chain, self.effects)
