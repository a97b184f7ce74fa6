"""The scaled hyperbolic tangent: value, gradients, and that it leaves alone what it is given."""

from __future__ import annotations

import pytest
import torch

from fxrep.effects.tanh_curve import _CURVE, tanh_curve
from fxrep.errors import AudioError

# Slope, scale, cubic and mix of three items: tanh, its series, and neither.
CONSTANTS = [[1.5, 0.7, 0.0, 0.8], [0.0, 1.3, 0.2, 0.3], [0.0, 0.9, 0.0, 0.6]]


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def constants() -> torch.Tensor:
    return torch.tensor(CONSTANTS, dtype=torch.float64)


# Units in the last place of values up to the scale of 1: 4 in float32 are -126 dB.
@pytest.mark.parametrize(("dtype", "units"), [(torch.float32, 4), (torch.float64, 2)])
def test_it_is_tanh(dtype: torch.dtype, units: int) -> None:
    audio = torch.cat((torch.linspace(-20, 20, 100_001), torch.logspace(-35, 0, 10_000))).to(dtype).reshape(1, 1, -1)
    truth = torch.tanh(audio.double()).to(dtype)
    bent = tanh_curve(audio, torch.tensor([[1.0, 1.0, 0.0, 1.0]], dtype=torch.float64))
    torch.testing.assert_close(bent, truth, rtol=units * torch.finfo(dtype).eps, atol=0)
    assert bent.abs().max() <= 1.0


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
    audio, settings = overlapping()[case], constants().requires_grad_(recorded)
    before = audio.clone()
    bent = tanh_curve(audio, settings)
    if recorded:
        bent.sum().backward()
    assert torch.equal(audio, before)
    torch.testing.assert_close(bent.detach(), _CURVE.tensors(before, constants()), rtol=1e-14, atol=1e-15)


def test_gradients_match_finite_differences() -> None:
    # What is 0 chooses the branch and stays.
    inputs = random(3, 2, 9).requires_grad_(), constants().requires_grad_()
    chosen = constants() != 0

    def curve(audio: torch.Tensor, settings: torch.Tensor) -> torch.Tensor:
        return tanh_curve(audio, torch.where(chosen, settings, 0.0))

    assert torch.autograd.gradcheck(curve, inputs)
    assert torch.autograd.gradgradcheck(curve, inputs)
    one = random(1, 2, 9).requires_grad_(), inputs[1]
    assert torch.autograd.gradcheck(lambda x, settings: curve(x.expand(3, -1, -1), settings), one)


# Lengths around the blocks of the loop, and enough for two threads.
@pytest.mark.parametrize("samples", [1, 2048, 5000, 50_000])
def test_the_loop_and_the_tensor_form_have_the_same_gradient(samples: int) -> None:
    upstream = random(3, samples, 2).transpose(1, 2)
    gradients = []
    for curve in (tanh_curve, _CURVE.tensors):
        inputs = random(3, 2, samples, seed=1).requires_grad_(), constants().requires_grad_()
        gradients.append(torch.autograd.grad(curve(*inputs), inputs, upstream))
    (audio, settings), (audio_truth, settings_truth) = gradients
    torch.testing.assert_close(audio, audio_truth, rtol=1e-10, atol=1e-12)
    # At a slope of 0 the tensor form has the slope of a tangent that is not there.
    settings_truth[1:, 0], settings_truth[0, 2] = 0.0, 0.0
    torch.testing.assert_close(settings, settings_truth, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_refused_where_that_is_asked(dtype: torch.dtype, wrong: float) -> None:
    audio = random(3, 2, 5000).to(dtype)
    audio[2, 1, 4999] = wrong
    tanh_curve(audio, constants())
    with pytest.raises(AudioError, match="NaN or infinite"):
        tanh_curve(audio, constants(), check=True)
