"""Which steps are asked again, on steps that move a number of the track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from fxrep.normalization.settling import ROUNDS, settle
from fxrep.normalization.sources import Change, Source, TensorSource
from fxrep.normalization.step import Feature, NormalizationStep


@dataclass(frozen=True)
class Towards(NormalizationStep):
    """Bring one sample a share of the way to the target, and another sample off by `push`."""

    name: ClassVar[str] = "towards"
    unit: ClassVar[str] = ""

    index: int = 0
    share: float = 1.0
    push: float = 0.0
    calls: tuple[list[int], ...] = ([],)

    def __hash__(self) -> int:
        return hash((self.index, self.share, self.push))

    def measure_source(self, source: Source, instruments: Sequence[str]) -> Feature:
        return next(iter(source.blocks()))[:, 0, self.index : self.index + 1].double().numpy()

    def plan(self, source: Source, targets: Feature, instruments: Sequence[str]) -> Change | None:
        self.calls[0].append(self.index)
        missing = float((targets - self.measure_source(source, instruments))[0, 0])
        if abs(missing) < 0.01:
            return None
        step = torch.zeros(source.samples)
        step[self.index] = self.share * missing
        step[1 - self.index] += self.push
        return lambda blocks: (block + step for block in blocks)

    def distance(self, first: Feature, second: Feature) -> float:
        return float(abs(first[0] - second[0]))


class Level(Towards):
    only_level: ClassVar[bool] = True


def run(*steps: Towards) -> tuple[torch.Tensor, list[int]]:
    source = TensorSource(torch.zeros(1, 2, 2), 44100)
    calls: list[int] = []
    for step in steps:
        step.calls[0].clear()
    settled = settle(source, steps, lambda _: np.ones((1, 1)), ["drums"])
    for step in steps:
        calls += step.calls[0]
    assert isinstance(settled, TensorSource)
    return settled.audio[0, 0], calls


def test_a_step_that_another_one_disturbs_is_asked_again() -> None:
    first, second = Towards(0, calls=([],)), Towards(1, push=-0.3, calls=([],))
    audio, calls = run(first, second)
    assert audio.tolist() == pytest.approx([1.0, 1.0])
    assert calls == [0, 0, 0, 1, 1]


def test_a_step_that_falls_short_is_repeated_and_not_for_ever() -> None:
    audio, calls = run(Towards(0, share=0.75, calls=([],)))
    assert audio[0] == pytest.approx(1.0, abs=0.01)
    assert len(calls) == 5
    assert len(run(Towards(0, share=0.01, calls=([],)))[1]) == ROUNDS


def test_a_level_touches_nobody_and_is_set_last() -> None:
    colour, level = Towards(0, push=0.5, calls=([],)), Level(1, calls=([],))
    audio, calls = run(level, colour)
    assert audio.tolist() == pytest.approx([1.0, 1.0])
    assert calls == [1, 1, 0, 0]


def test_what_has_no_target_is_passed_over() -> None:
    step = Towards(0, calls=([],))
    source = TensorSource(torch.zeros(1, 2, 2), 44100)
    assert settle(source, [step], lambda _: None, ["drums"]) is source
