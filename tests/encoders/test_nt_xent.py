"""NT-Xent against its formula, against pytorch-metric-learning, and at its edges."""

from __future__ import annotations

import math

import pytest
import torch
from pytorch_metric_learning import losses

from encoders.objectives import MetricLearningObjective, NTXentObjective, chance_loss, nt_xent
from fxrep.errors import ArgumentError


def embeddings(pairs: int, dim: int = 16, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, pairs, dim, generator=generator)
    return a.requires_grad_(), (b + 0.5 * a.detach()).requires_grad_()


def by_the_formula(a: torch.Tensor, b: torch.Tensor, temperature: float) -> float:
    """Equation 1 of SimCLR, term by term."""
    vectors = [vector / vector.norm() for vector in torch.cat([a, b]).detach().double()]
    count, total = len(a), 0.0
    for i, anchor in enumerate(vectors):
        partner = vectors[(i + count) % (2 * count)]
        others = [math.exp(float(anchor @ vector) / temperature) for k, vector in enumerate(vectors) if k != i]
        total -= math.log(math.exp(float(anchor @ partner) / temperature) / sum(others))
    return total / (2 * count)


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
@pytest.mark.parametrize("pairs", [1, 2, 7])
def test_equals_the_formula(pairs, temperature):
    a, b = embeddings(pairs)
    assert nt_xent(a, b, temperature).item() == pytest.approx(by_the_formula(a, b, temperature), abs=2e-6)


@pytest.mark.parametrize("reference", [losses.NTXentLoss, losses.SupConLoss])
@pytest.mark.parametrize("pairs", [2, 16, 48])
def test_equals_metric_learning_in_value_and_gradient(reference, pairs):
    a, b = embeddings(pairs)
    ours = NTXentObjective(0.1)(a, b)
    ours.backward()
    c, d = (side.detach().clone().requires_grad_() for side in (a, b))
    theirs = MetricLearningObjective(reference(temperature=0.1))(c, d)
    theirs.backward()
    assert abs(ours.item() - theirs.item()) < 1e-6
    for mine, other in ((a, c), (b, d)):
        assert torch.allclose(mine.grad, other.grad, atol=1e-6, rtol=0)


def test_gradient_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(1)
    a, b = torch.randn(2, 4, 3, dtype=torch.float64, generator=generator).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: nt_xent(x, y, 0.5), (a, b))


def test_collapsed_embeddings_are_at_chance():
    same = torch.ones(8, 4)
    assert nt_xent(same, same).item() == pytest.approx(chance_loss(8), abs=1e-5)
    assert chance_loss(8) == pytest.approx(math.log(15))


def test_ignores_the_length_and_the_order_of_pairs():
    a, b = embeddings(6)
    order = torch.tensor([3, 1, 0, 5, 4, 2])
    assert torch.allclose(nt_xent(a, b), nt_xent(7.0 * a[order], 0.1 * b[order]), atol=1e-6)


def test_perfect_and_swapped_pairs():
    basis = torch.eye(8)
    assert nt_xent(basis, basis, 0.1).item() < 1e-3
    assert nt_xent(basis, basis.roll(1, 0), 0.1).item() > 9.0


def test_half_precision_is_computed_in_float32():
    a, b = (side.detach() for side in embeddings(32))
    exact = nt_xent(a.bfloat16().float(), b.bfloat16().float(), 0.01)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = nt_xent(a.bfloat16(), b.bfloat16(), 0.01)
    assert inside.dtype == torch.float32
    assert torch.allclose(inside, exact, atol=1e-6)


def test_zero_embeddings_have_finite_gradients():
    a = torch.zeros(4, 8, requires_grad=True)
    loss = nt_xent(a, torch.zeros(4, 8))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(a.grad).all()


@pytest.mark.parametrize("shapes", [((4, 3), (5, 3)), ((4, 3), (4, 2)), ((0, 3), (0, 3)), ((4,), (4,))])
def test_wrong_shapes(shapes):
    with pytest.raises(ArgumentError, match="embeddings of shapes"):
        nt_xent(torch.zeros(shapes[0]), torch.zeros(shapes[1]))


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_wrong_temperature(temperature):
    with pytest.raises(ArgumentError, match="temperature"):
        NTXentObjective(temperature)
