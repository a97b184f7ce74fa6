"""The objective that draws one embedding to another, against its formula."""

from __future__ import annotations

import math

import pytest
import torch

from encoders.objectives import DistillationObjective
from fxrep.errors import ArgumentError


def test_equals_the_formula():
    a, b = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
    first, second = (side.double() / side.double().norm(dim=1, keepdim=True) for side in (a, b))
    expected = 0.0
    for i in range(6):
        exponents = [math.exp(float(first[i] @ second[k]) / 0.2) for k in range(6)]
        columns = [math.exp(float(first[k] @ second[i]) / 0.2) for k in range(6)]
        own = math.exp(float(first[i] @ second[i]) / 0.2)
        expected -= (math.log(own / sum(exponents)) + math.log(own / sum(columns))) / 12.0
        expected += 3.0 * (1.0 - float(first[i] @ second[i])) / 6.0
    assert float(DistillationObjective(0.2, 3.0)(a, b)) == pytest.approx(expected, abs=1e-5)


def test_the_copy_is_the_best_and_lengths_do_not_count():
    b = torch.eye(8)
    copied = DistillationObjective(0.01)(3.0 * b, b)
    assert float(copied) == pytest.approx(0.0, abs=1e-6)
    assert float(DistillationObjective(0.01)(b.roll(1, 0), b)) > 50.0


def test_gradient_by_finite_differences():
    a, b = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    a.requires_grad_()
    objective = DistillationObjective()
    (gradient,) = torch.autograd.grad(objective(a, b), a)
    step = torch.zeros_like(a)
    step[1, 2] = 1e-3
    with torch.no_grad():
        slope = (objective(a + step, b) - objective(a - step, b)) / 2e-3
    assert float(gradient[1, 2]) == pytest.approx(float(slope), rel=2e-2)


@pytest.mark.parametrize("given", [{"temperature": 0.0}, {"distance_weight": -1.0}])
def test_what_is_out_of_range_is_refused(given):
    with pytest.raises(ArgumentError, match="expected a finite value"):
        DistillationObjective(**given)
    with pytest.raises(ArgumentError, match="expected two equal"):
        DistillationObjective()(torch.zeros(2, 3), torch.zeros(3, 3))
