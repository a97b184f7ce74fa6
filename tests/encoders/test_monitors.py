"""Monitors at values that are known in closed form."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from encoders.training.monitors import alignment, retrieval_at_1, spread, uniformity
from encoders.training.schedule import warm_up_cosine


def sphere(count: int, dim: int) -> torch.Tensor:
    return F.normalize(torch.randn(count, dim, generator=torch.Generator().manual_seed(0)), dim=-1)


def test_alignment():
    points = sphere(10, 4)
    assert alignment(points, points).item() == 0.0
    assert alignment(points, -points).item() == pytest.approx(4.0, rel=1e-6)


def test_uniformity():
    same = torch.tensor([[1.0, 0.0]]).repeat(5, 1)
    assert uniformity(same).item() == pytest.approx(0.0, abs=1e-6)
    opposite = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert uniformity(opposite).item() == pytest.approx(-8.0, rel=1e-6)
    assert uniformity(sphere(500, 64)).item() == pytest.approx(-3.9, abs=0.1)


def test_spread_is_one_on_the_sphere_and_zero_when_collapsed():
    assert spread(sphere(4000, 32)).item() == pytest.approx(1.0, abs=0.02)
    assert spread(sphere(1, 32).repeat(9, 1)).item() == pytest.approx(0.0, abs=1e-6)


def test_retrieval_counts_ties_as_misses():
    basis = torch.eye(5)
    assert retrieval_at_1(basis, basis).item() == 1.0
    assert retrieval_at_1(basis, basis.roll(1, 0)).item() == 0.0
    assert retrieval_at_1(torch.ones(5, 3), torch.ones(5, 3)).item() == 0.0
    half = basis.clone()
    half[0], half[1] = basis[1], basis[0]
    assert retrieval_at_1(basis, half).item() == pytest.approx(0.6)


def test_schedule():
    factors = [warm_up_cosine(step, 4, 12) for step in range(13)]
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert factors[8] == pytest.approx(0.5)
    assert factors[12] == pytest.approx(0.0, abs=1e-12)
    assert all(later <= earlier for earlier, later in pairwise(factors[3:]))
    assert warm_up_cosine(10**9, 4, math.inf) == 1.0
    assert warm_up_cosine(0, 0, 10) == 1.0
