"""The published form, and that the faster orders of the same sums are the same sums."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fxrep.errors import ArgumentError, AudioError
from style_transfer.mixfx_cloner import PUBLISHED, SMALL, ClonerNetwork
from style_transfer.mixfx_cloner.polyphase import convolve
from style_transfer.mixfx_cloner.window_products import WindowProducts, split

from .conftest import scrambled, unit


def test_the_published_form_has_the_published_size() -> None:
    with torch.device("meta"):
        network = ClonerNetwork(2048, **PUBLISHED)
    assert sum(parameter.numel() for parameter in network.parameters()) == 10_547_970
    assert network.receptive_field == 229_363
    assert [block.convolution.dilation[0] for block in network.temporal_blocks()] == [2**n for n in range(14)]
    assert {tuple(block.convolution.weight.shape) for block in network.temporal_blocks()[1:]} == {(128, 128, 15)}
    assert {tuple(block.film.weight.shape) for block in network.temporal_blocks()} == {(256, 2048)}


def test_any_size_of_embedding_sets_that_of_film() -> None:
    assert ClonerNetwork(128, **SMALL).temporal_blocks()[0].film.in_features == 128
    assert ClonerNetwork(128, **SMALL).receptive_field == 12_968


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_receptive_field_is_what_an_output_hears(batch_norm: bool) -> None:
    network = ClonerNetwork(4, 8, 3, 5, 3, batch_norm, "samples")
    scrambled(network)
    audio = torch.randn(1, 2, 201).mul_(0.1).requires_grad_()
    network(audio, unit(4)[None])[0, :, 100].sum().backward()
    assert audio.grad is not None
    heard = audio.grad.abs().sum((0, 1)).nonzero().flatten()
    assert [int(heard[0]), int(heard[-1])] == [100 - network.reach, 100 + network.reach]
    assert network.receptive_field == 2 * network.reach + 1 == 53


def test_gains_begin_as_the_identity_and_samples_stay_within_full_scale() -> None:
    audio = torch.randn(2, 2, 500)
    assert torch.equal(ClonerNetwork(4, 8, 2, 5, 3, False, "gains")(audio, torch.randn(2, 4)), audio)
    loud = ClonerNetwork(4, 8, 2, 5, 3, False, "samples")(100.0 * audio, torch.randn(2, 4))
    assert float(loud.detach().abs().max()) == 1.0


def test_film_scales_and_shifts_by_the_embedding() -> None:
    block = ClonerNetwork(4, 6, 1, 3, 1, False).temporal_blocks()[0].double()
    audio, told = torch.randn(1, 2, 50, dtype=torch.float64), torch.randn(1, 4, dtype=torch.float64)
    gain, offset = (block.film.weight @ told[0] + block.film.bias).chunk(2)
    filtered = F.conv1d(audio, block.convolution.weight, block.convolution.bias, padding=1)
    skipped = audio.repeat_interleave(3, dim=1) * block.skip.weight[:, :, 0]
    wanted = F.leaky_relu(filtered, 0.01) * gain[:, None] + offset[:, None] + skipped
    torch.testing.assert_close(block(audio, told), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("samples", "dilation"), [(100, 1), (101, 7), (5, 16), (64, 12), (200, 40)])
def test_phases_convolve_alike_and_have_the_same_gradients(samples: int, dilation: int) -> None:
    features = torch.randn(2, 3, samples, dtype=torch.float64, requires_grad=True)
    weight, bias = torch.randn(4, 3, 5, dtype=torch.float64, requires_grad=True), torch.randn(4, dtype=torch.float64)
    found = convolve(features, weight, bias, dilation)
    wanted = F.conv1d(features, weight, bias, padding=2 * dilation, dilation=dilation)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    slope = torch.randn_like(wanted)
    for one, other in zip(
        torch.autograd.grad(found, (features, weight), slope, retain_graph=True),
        torch.autograd.grad(wanted, (features, weight), slope),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("samples", "dilation", "taps"), [(1000, 1, 15), (777, 5, 9), (100, 512, 15), (5000, 96, 15), (1, 3, 3), (70, 2, 4)]
)
def test_window_products_are_the_correlation(samples: int, dilation: int, taps: int) -> None:
    weight, features = torch.randn(6, 4, taps), torch.randn(samples + (taps - 1) * dilation, 4)
    products = WindowProducts(weight, dilation)
    padded = F.pad(features, (0, 0, 0, products.padded_length(samples) - len(features)))
    result = torch.full((samples, 6), torch.nan)
    for found, rows in products.tiles(padded, samples):
        rows.write(found, result)
    wanted = F.conv1d(features.t()[None].double(), weight.double(), dilation=dilation)[0].t()
    error = (result - wanted).norm() / wanted.norm()
    assert float(error) < 1e-6  # rounding of float32; direct convolution has half of it


def test_windows_cover_all_outputs_without_being_large() -> None:
    for steps in (1, 2, 31, 32, 33, 64, 65, 1000):
        windows, size = split(steps)
        assert size <= 32 and windows * size >= steps > windows * size - windows


@pytest.mark.parametrize(
    "sizes",
    [{"channels": 7}, {"kernel": 4}, {"kernel": 1}, {"blocks": 0}, {"dilation_growth": 0}, {"output": "other"}],
)
def test_wrong_sizes(sizes: dict[str, object]) -> None:
    with pytest.raises(ArgumentError, match=r"expected 1 or more|choose samples or gains"):
        ClonerNetwork(4, **sizes)  # type: ignore[arg-type]


def test_mono_is_no_input_of_the_network() -> None:
    with pytest.raises(AudioError, match="expected stereo"):
        ClonerNetwork(4, 8, 1, 3, 1)(torch.zeros(1, 1, 10), torch.zeros(1, 4))
