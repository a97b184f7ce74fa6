"""The compiled bit crusher beside that of tensor operations: values and gradients."""

from __future__ import annotations

import pytest
import torch

from fxrep.effects.bit_crusher import CRUSH
from fxrep.effects.row_curves import apply_curve

# Rate factor, step and mix: at ties, between samples, held only, rounded only, longer than the audio, and neutral.
CONSTANTS = [
    [4.0, 2.0**-7, 1.0],
    [1.2, 2.0**-2.5, 0.3],
    [2.5, 0.0, 0.7],
    [1.0, 2.0**-3, 0.6],
    [1.0, 2.0**-5, 1.0],
    [64.0, 0.5, 1.0],
    [1.0, 0.0, 0.4],
]


@pytest.mark.parametrize("samples", [1, 5, 4097, 30_000])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_loops_and_tensors_agree(samples: int, dtype: torch.dtype, error: float) -> None:
    random = torch.Generator().manual_seed(0)
    audio = torch.randn(len(CONSTANTS), 2, samples, generator=random, dtype=torch.float64).to(dtype)
    found = []
    for form in (lambda *given: apply_curve(CRUSH, *given), CRUSH.tensors):
        given = audio.clone().requires_grad_(), torch.tensor(CONSTANTS, dtype=torch.float64).requires_grad_()
        output = form(*given)
        found.append((output.detach(), *torch.autograd.grad(output.sin().sum(), given)))
    for mine, truth in zip(*found, strict=True):
        torch.testing.assert_close(mine, truth, rtol=200 * error, atol=error * max(2.0, truth.abs().max().item()))


@pytest.mark.parametrize("rate", [1.1, 1.2, 3.3, 7.0, 10.0 / 3.0, 63.9])
def test_a_span_ends_where_its_definition_says(rate: float) -> None:
    time = torch.arange(20_000, dtype=torch.float64)
    held = apply_curve(CRUSH, time.reshape(1, 1, -1), torch.tensor([[rate, 0.0, 1.0]], dtype=torch.float64))
    place = torch.floor(time / rate + 0.5) * rate
    inside = place < 19_999
    torch.testing.assert_close(held[0, 0][inside], place[inside], rtol=1e-12, atol=1e-9)
