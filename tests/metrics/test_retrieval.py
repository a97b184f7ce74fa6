from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fxrep.errors import ArgumentError
from fxrep.metrics import bootstrap_interval, ranks, recall_at, share_interval, summarize_ranks


def test_ranks_of_a_known_matrix() -> None:
    similarity = torch.tensor([[0.9, 0.1, 0.2], [0.8, 0.3, 0.5], [0.1, 0.2, 0.15]])
    assert ranks(similarity).tolist() == [1.0, 3.0, 2.0]
    assert ranks(similarity, target=torch.tensor([1, 0, 1])).tolist() == [3.0, 1.0, 1.0]


def test_a_constant_embedding_gains_nothing() -> None:
    assert ranks(torch.zeros(4, 101)).tolist() == [51.0] * 4


@given(st.integers(2, 40), st.integers(0, 2**31))
def test_ranks_agree_with_sorting(size: int, seed: int) -> None:
    similarity = torch.randn(size, size, generator=torch.Generator().manual_seed(seed))
    by_sorting = [(row.argsort(descending=True) == i).nonzero().item() + 1 for i, row in enumerate(similarity)]
    assert ranks(similarity).tolist() == by_sorting


def test_summary_of_known_ranks() -> None:
    found = summarize_ranks(torch.tensor([1.0, 2.0, 20.0, 1.0]))
    assert found["r@1"] == 0.5
    assert found["r@5"] == 0.75
    assert found["map@10"] == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    assert found["mean_rank"] == 6.0
    assert recall_at(torch.tensor([1.0, 2.0]), 1) == 0.5


def test_bootstrap_interval_matches_the_normal_approximation() -> None:
    hits = [1.0] * 300 + [0.0] * 700
    low, high = bootstrap_interval(hits)
    half = 1.96 * (0.3 * 0.7 / 1000) ** 0.5
    assert low == pytest.approx(0.3 - half, abs=0.004)
    assert high == pytest.approx(0.3 + half, abs=0.004)


@pytest.mark.parametrize("count", [2, 100])
def test_shares_without_exception_have_wilsons_interval(count: int) -> None:
    z = 1.959963984540054
    none, every = (share_interval(torch.full((count,), value)) for value in (False, True))
    assert none == pytest.approx((0.0, z**2 / (count + z**2)), abs=1e-12)
    assert every == pytest.approx((count / (count + z**2), 1.0), abs=1e-12)


def test_other_shares_have_the_bootstraps() -> None:
    hits = torch.arange(40) < 12
    assert share_interval(hits) == bootstrap_interval(hits.double())
    with pytest.raises(ArgumentError, match="empty"):
        share_interval([])


def test_bad_input_is_named() -> None:
    with pytest.raises(ArgumentError, match="shape"):
        ranks(torch.zeros(3))
    with pytest.raises(ArgumentError, match="NaN"):
        ranks(torch.full((2, 2), float("nan")))
    with pytest.raises(ArgumentError, match="empty"):
        bootstrap_interval([])


def test_the_median_of_an_even_number_of_ranks_lies_between_the_middle_ones() -> None:
    assert summarize_ranks(torch.tensor([1.0, 2.0, 5.0, 9.0], dtype=torch.float64))["median_rank"] == 3.5
