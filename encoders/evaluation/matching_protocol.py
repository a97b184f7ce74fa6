"""What a benchmark of parameter matching draws and how it searches."""

from __future__ import annotations

from dataclasses import dataclass

from encoders.evaluation.chains import evaluation_chain
from encoders.evaluation.effect_draws import check_effect_count
from encoders.evaluation.protocol import check_protocol
from encoders.evaluation.settings_space import check_differentiable
from fxrep.effects import EffectChain
from fxrep.errors import ArgumentError


@dataclass
class MatchingProtocol:
    """What is drawn for the benchmark; the same numbers give the same clips.

    Args:
        split: songs to draw from; never those an encoder was trained on.
        items: pairs of contents, each under a chain of its own.
        effects: active effects per item, all effects of the chain equally often.
        segment_s: seconds per clip.
        sample_rate: Hz.
        chain: where the effects come from; a chain with gradients, or a name of `evaluation_chain`.
        steps: of every descent.
        starts: descents per item, the first from neutral settings, the others from drawn ones.
        rate: of the first step, in shares of the ranges that settings are drawn from.
        seed: of everything that is drawn.
        batch: items searched at once; has no influence on the result.
        device: where effects are rendered and encoders run.

    Raises:
        ArgumentError: a value is out of range, there is no such split or chain, or the chain has no gradients.
    """

    split: str | None = "test"
    items: int = 28
    effects: int = 1
    segment_s: float = 3.0
    sample_rate: int = 44100
    chain: EffectChain | str = "default"
    steps: int = 60
    starts: int = 1
    rate: float = 0.05
    seed: int = 1234
    batch: int = 14
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_protocol(self.split, self.segment_s, self.seed, items=self.items)
        if self.steps < 1 or self.starts < 1 or self.batch < 1:
            raise ArgumentError(f"steps={self.steps}, starts={self.starts}, batch={self.batch}: give 1 or more")
        if not 0.0 < self.rate <= 1.0:
            raise ArgumentError(f"rate is {self.rate}: give a share of the settings' ranges, above 0 and at most 1")
        self.chain = evaluation_chain(self.chain) if isinstance(self.chain, str) else self.chain
        check_effect_count(self.chain, self.effects)
        check_differentiable(self.chain)
