"""The compiled clips beside those of tensor operations: values and gradients."""

from __future__ import annotations

import pytest
import torch

from fxrep.effects.clip_curves import HARD_CLIP, SOFT_CLIP
from fxrep.effects.row_curves import RowCurve, apply_curve

HARD = [[0.5, 0.7], [0.3, 1.0], [1.0, 0.2]]
SOFT = [[0.4, 0.3, 0.7], [0.1, 0.9, 1.0], [0.5, 0.1, 0.2]]
CURVES = pytest.mark.parametrize(("curve", "numbers"), [(HARD_CLIP, HARD), (SOFT_CLIP, SOFT)], ids=["hard", "soft"])


def inputs(samples: int, numbers: list[list[float]], dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    audio = torch.randn(3, 2, samples, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return audio.to(dtype).requires_grad_(), torch.tensor(numbers, dtype=torch.float64).requires_grad_()


# Lengths around the blocks of the loop, and enough for two threads.
@CURVES
@pytest.mark.parametrize("samples", [1, 2048, 5000, 50_000])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_loops_and_tensors_agree(
    curve: RowCurve, numbers: list[list[float]], samples: int, dtype: torch.dtype, error: float
) -> None:
    found = []
    for form in (lambda *given: apply_curve(curve, *given), curve.tensors):
        given = inputs(samples, numbers, dtype)
        output = form(*given)
        found.append((output.detach(), *torch.autograd.grad(output.square().sum(), given)))
    for mine, truth in zip(*found, strict=True):
        torch.testing.assert_close(mine, truth, rtol=100 * error, atol=error * max(1.0, truth.abs().max().item()))


@CURVES
def test_gradients_match_finite_differences(curve: RowCurve, numbers: list[list[float]]) -> None:
    # The mix ends at 1.
    audio, constants = inputs(9, [[*row[:-1], 0.9 * row[-1]] for row in numbers])
    assert torch.autograd.gradcheck(lambda *given: apply_curve(curve, *given), (audio, constants))
    assert torch.autograd.gradgradcheck(lambda *given: apply_curve(curve, *given), (audio, constants))


@CURVES
@pytest.mark.parametrize("wanted", [0, 1])
def test_a_gradient_of_one_input_alone(curve: RowCurve, numbers: list[list[float]], wanted: int) -> None:
    given = [tensor.detach().requires_grad_(place == wanted) for place, tensor in enumerate(inputs(9, numbers))]
    (first,) = torch.autograd.grad(apply_curve(curve, *given).square().sum(), given[wanted], create_graph=True)
    (truth,) = torch.autograd.grad(curve.tensors(*given).square().sum(), given[wanted])
    torch.testing.assert_close(first, truth)
