from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch

from fxrep.effects.convolution import Plan, _Convolution, fft_convolve, plan_convolution
from fxrep.effects.convolution_stream import ConvolutionStream
from fxrep.effects.streaming import stream_blocks


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("samples", [1, 2, 777, 4000, 4001])
@pytest.mark.parametrize("taps", [1, 2, 100, 101, 5000])
def test_convolution_is_exact_at_odd_and_even_lengths(samples: int, taps: int) -> None:
    audio, response = drawn(2, 2, samples, seed=samples), drawn(2, 1, taps, seed=taps)
    truth = scipy.signal.fftconvolve(audio.numpy(), response.numpy(), axes=-1)[..., :samples]
    np.testing.assert_allclose(fft_convolve(audio, response).numpy(), truth, atol=1e-10)


@pytest.mark.parametrize("samples", [4000, 4001, 4002, 4003])
@pytest.mark.parametrize("taps", [1, 2, 3])
def test_an_impulse_is_not_stretched(samples: int, taps: int) -> None:
    """An inverse transform without its length resamples the result whenever the padded length is odd."""
    audio = drawn(1, 1, samples).float()
    response = torch.zeros(1, 1, taps)
    response[..., 0] = 1.0
    torch.testing.assert_close(fft_convolve(audio, response), audio, rtol=0, atol=2e-6)


PLANS = (Plan(128, 98, 1), Plan(64, 32, 1), Plan(16, 8, 4), Plan(8, 4, 8), Plan(256, 226, 1))


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("samples", [31, 97, 320])
@pytest.mark.parametrize("shape", [(2, 2), (1, 1), (1, 2), (2, 1)])
def test_every_cut_gives_the_same_sound_and_gradients(plan: Plan, samples: int, shape: tuple[int, int]) -> None:
    taps = 31
    audio, response = drawn(2, 2, samples).requires_grad_(), drawn(*shape, taps, seed=1).requires_grad_()
    dry = drawn(2, 1, 1, seed=2).requires_grad_()
    product = torch.fft.rfft(audio, n=1024) * torch.fft.rfft(response, n=1024)
    truth = torch.fft.irfft(product, n=1024)[..., :samples] + dry * audio
    result = _Convolution.apply(audio, response, dry, plan)
    torch.testing.assert_close(result, truth)
    weight = drawn(2, 2, samples, seed=3)
    slopes = [torch.autograd.grad((y * weight).sum(), (audio, response, dry)) for y in (result, truth)]
    torch.testing.assert_close(slopes[0], slopes[1])


def test_gradcheck() -> None:
    audio, response, dry = drawn(2, 2, 40), drawn(1, 2, 17, seed=1), drawn(2, 1, 1, seed=2)
    assert torch.autograd.gradcheck(fft_convolve, [tensor.requires_grad_() for tensor in (audio, response, dry)])
    assert torch.autograd.gradcheck(fft_convolve, (audio.detach(), response))
    assert torch.autograd.gradcheck(fft_convolve, (audio, response.detach()))


def test_single_precision_is_within_112_db() -> None:
    audio, response = drawn(1, 2, 60001).float(), drawn(1, 2, 20000, seed=1).float()
    truth = scipy.signal.oaconvolve(audio.double().numpy(), response.double().numpy(), axes=-1)[..., :60001]
    error = np.linalg.norm(fft_convolve(audio, response).numpy() - truth) / np.linalg.norm(truth)
    assert 20 * np.log10(error) < -112


@pytest.mark.parametrize(("samples", "taps"), [(1, 1), (5, 5), (220500, 65536), (65536, 65536), (10_000_000, 441_000)])
def test_plans_cover_the_response(samples: int, taps: int) -> None:
    plan = plan_convolution(samples, taps)
    assert plan.overlap <= plan.hop
    assert plan.overlap >= taps - 1 if plan.parts == 1 else plan.parts * plan.hop >= taps


@pytest.mark.parametrize("taps", [1, 1000, 300_000])
def test_streaming_is_exact(taps: int) -> None:
    audio, response, dry = drawn(2, 2, 250_001), drawn(1, 2, taps, seed=1), torch.tensor([[[0.3]]]).double()
    stream = ConvolutionStream(response, dry)
    blocks = audio.split([1, 7, 1000, 65536, 100_000, 83_457], -1)
    joined = torch.cat(list(stream_blocks(stream, blocks)), -1)
    torch.testing.assert_close(joined, fft_convolve(audio, response, dry), rtol=0, atol=1e-8)


def test_a_stream_without_sound_owes_nothing() -> None:
    assert ConvolutionStream(drawn(1, 1, 100)).finish() is None
