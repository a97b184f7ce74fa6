"""Which rounds count, on steps that move a number of the track."""

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

    def measure_source(self, source: Source, instruments: Sequence[str]) -> Feature:
        return next(iter(source.blocks()))[:, 0, self.index : self.index + 1].double().numpy()

    def plan(self, source: Source, targets: Feature, instruments: Sequence[str]) -> Change | None:
        missing = torch.from_numpy((targets - self.measure_source(source, instruments))[:, 0]).float()
        if missing.abs().max() < 0.01:
            return None
        step = torch.zeros(source.items, 1, source.samples)
        step[:, 0, self.index] = self.share * missing
        step[:, 0, 1 - self.index] += self.push
        return lambda blocks: (block + step for block in blocks)

    def distance(self, first: Feature, second: Feature) -> float:
        return float(abs(first[0] - second[0]))


@dataclass(frozen=True)
class Level(Towards):
    only_level: ClassVar[bool] = True


def run(*steps: Towards, target: float = 1.0, start: torch.Tensor | None = None) -> torch.Tensor:
    source = TensorSource(torch.zeros(1, 2, 2) if start is None else start, 44100)
    targets = np.full((source.items, 1), target)
    settled = settle(source, steps, lambda _: targets, ["drums"] * source.items)
    assert isinstance(settled, TensorSource)
    return settled.audio


def test_a_step_that_another_one_disturbs_is_asked_again() -> None:
    assert run(Towards(0), Towards(1, push=-0.3))[0, 0].tolist() == pytest.approx([1.0, 1.0])


def test_a_step_that_falls_short_is_repeated_and_not_for_ever() -> None:
    assert run(Towards(0, share=0.75), target=10.0)[0, 0, 0] == pytest.approx(10.0, abs=0.3)
    assert run(Towards(0, share=0.1), target=10.0)[0, 0, 0] == pytest.approx(10 * (1 - 0.9**ROUNDS))


def test_a_round_that_leads_away_is_undone_for_its_track_alone() -> None:
    quarrel = (Towards(0, push=3.0), Towards(1, push=3.0))
    start = torch.tensor([[0.0, 0.0], [9.0, 9.0]])[:, None].repeat(1, 2, 1)
    settled = run(*quarrel, start=start)
    assert torch.equal(settled[0], start[0])
    assert not torch.equal(settled[1], start[1])
    assert torch.equal(run(*quarrel, start=settled), settled)


def test_a_level_touches_nobody_and_is_set_last() -> None:
    assert run(Level(1), Towards(0, push=0.5))[0, 0].tolist() == pytest.approx([1.0, 1.0])


def test_what_has_no_target_is_passed_over() -> None:
    source = TensorSource(torch.zeros(1, 2, 2), 44100)
    assert settle(source, [Towards(0)], lambda _: None, ["drums"]) is source


def test_a_round_that_leaves_silence_is_undone() -> None:
    start = torch.tensor([[[1.0, 0.0]] * 2])
    assert torch.equal(run(Towards(0), target=0.0, start=start), start)
