"""What the probes draw."""

from __future__ import annotations

from dataclasses import dataclass

from encoders.evaluation.chains import evaluation_chain
from encoders.evaluation.protocol import check_protocol
from fxrep.effects import EffectChain
from fxrep.errors import ArgumentError


@dataclass
class ProbeProtocol:
    """What is drawn; the same numbers give the same clips.

    Args:
        fit_split: songs that the linear read-outs are fitted on.
        split: songs that everything is measured on.
        clips: clips to fit on, and as many to test on; the other probes take their numbers from it.
        segment_s: seconds per clip.
        sample_rate: Hz.
        chain: where the effects come from; a chain, or a name of `evaluation_chain`.
        seed: of everything that is drawn.
        batch: clips rendered at once; has no influence on the result.
        device: where effects are rendered.

    Raises:
        ArgumentError: a value is out of range, or there is no such split or chain.
    """

    fit_split: str | None = "train"
    split: str | None = "test"
    clips: int = 200
    segment_s: float = 5.0
    sample_rate: int = 44100
    chain: EffectChain | str = "default"
    seed: int = 1234
    batch: int = 20
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_protocol(self.fit_split, self.segment_s, self.seed)
        check_protocol(self.split, self.segment_s, self.seed)
        if self.clips < 20:
            raise ArgumentError(f"clips is {self.clips}: a read-out needs 20 or more")
        self.chain = evaluation_chain(self.chain) if isinstance(self.chain, str) else self.chain

    @property
    def paths(self) -> int:
        """Paths through the settings of every effect."""
        return max(2, self.clips // 50)

    @property
    def style_groups(self) -> int:
        """Groups of styles that are compared on two contents."""
        return max(2, self.clips // 32)

    @property
    def sums(self) -> int:
        """Pairs of effects whose displacements are added."""
        return max(4, self.clips // 4)
