"""The scaled hyperbolic tangent: value, gradient, and that it leaves alone what it is given."""

from __future__ import annotations

import pytest
import torch

from fxrep.effects.tanh_curve import _backward_by_loop, _backward_by_tensors, tanh_curve


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Two units in the last place of values up to the scale of 1.
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_torchs_tanh(dtype: torch.dtype) -> None:
    audio = torch.linspace(-20, 20, 100_001, dtype=dtype).reshape(1, 1, -1)
    one = torch.ones(1, 1, 1, dtype=dtype)
    truth = torch.tanh(audio.double()).to(dtype)
    limit = 2 * torch.finfo(dtype).eps
    torch.testing.assert_close(tanh_curve(audio, one, one), truth, rtol=limit, atol=0)
    recorded = tanh_curve(audio.requires_grad_(), one, one)
    torch.testing.assert_close(recorded.detach(), truth, rtol=limit, atol=0)


def overlapping() -> list[torch.Tensor]:
    """Tensors whose memory is shared, strided, turned, or kept by someone else."""
    return [
        random(1, 2, 30).expand(3, -1, -1),
        random(3, 2, 60)[..., ::2],
        random(30, 2, 3).permute(2, 1, 0),
        torch.from_numpy(random(3, 2, 30).numpy()),
    ]


@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize("recorded", [False, True])
def test_the_audio_is_not_written_to(case: int, recorded: bool) -> None:
    audio, slope, scale = overlapping()[case], torch.ones(3, 1, 1).double(), random(3, 1, 1, seed=1)
    before = audio.clone()
    bent = tanh_curve(audio, slope.requires_grad_(recorded), scale)
    if recorded:
        bent.sum().backward()
    assert torch.equal(audio, before)
    torch.testing.assert_close(bent.detach(), scale * torch.tanh(before), rtol=1e-14, atol=0)


@pytest.mark.parametrize("slopes", [3, 1])
@pytest.mark.parametrize("scales", [3, 1])
def test_gradients_match_finite_differences(slopes: int, scales: int) -> None:
    inputs = random(3, 2, 9), random(slopes, 1, 1, seed=1), random(scales, 1, 1, seed=2)
    assert torch.autograd.gradcheck(tanh_curve, [tensor.requires_grad_() for tensor in inputs])
    one = random(1, 2, 9).requires_grad_(), *inputs[1:]
    assert torch.autograd.gradcheck(lambda x, k, g: tanh_curve(x.expand(3, -1, -1), k, g), one)


@pytest.mark.parametrize("samples", [1, 1024, 2500])
def test_the_loop_and_the_tensor_form_have_the_same_gradient(samples: int) -> None:
    upstream, audio = random(3, samples, 2).transpose(1, 2), random(3, 2, samples, seed=1)
    slope, scale = random(3, 1, 1, seed=2), random(3, 1, 1, seed=3)
    given = upstream, audio, slope, scale, tanh_curve(audio, slope, scale)
    for loop, tensors in zip(_backward_by_loop(*given), _backward_by_tensors(*given), strict=True):
        torch.testing.assert_close(loop, tensors, rtol=1e-10, atol=1e-10)
