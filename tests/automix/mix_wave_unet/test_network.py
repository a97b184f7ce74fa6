"""The network against plain convolutions, its sizes, its stream against one shot, and its reach."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from automix.mix_wave_unet import PUBLISHED, SMALL, WaveUNet, WaveUNetStream
from automix.mix_wave_unet.network import DownBlock, UpBlock
from automix.mix_wave_unet.pair_convolution import from_pairs, to_pairs
from fxrep.errors import ArgumentError, AudioError

TINY: dict[str, Any] = {"depth": 3, "growth": 4, "kernel": 5}
GAINS: dict[str, Any] = {**TINY, "batch_norm": False, "output": "gains", "coarse": 2}


def scrambled(network: WaveUNet) -> WaveUNet:
    """The network with chance in everything that training would move, in evaluation mode."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0.0, 0.1)
            module.running_var.uniform_(0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    torch.nn.init.normal_(network.head.weight, std=0.3)
    return network.eval()


def error_db(found: Tensor, wanted: Tensor) -> float:
    return float(20.0 * torch.log10((found - wanted).abs().max() / wanted.abs().max() + 1e-12))


def plainly(network: WaveUNet, tracks: Tensor) -> Tensor:
    """The published form as it is written: strided convolutions, repeated samples, concatenations."""

    def shaped(block: DownBlock | UpBlock, features: Tensor) -> Tensor:
        filtered = F.conv1d(features, block.convolution.weight, block.convolution.bias, padding="same")
        return block.activation(filtered if block.norm is None else block.norm(filtered))

    features, skips = F.pad(tracks, (0, -tracks.shape[-1] % network.step)), []
    inputs = features
    for down in network.down_blocks():
        skips.append(shaped(down, features))
        padding = down.halving.weight.shape[-1] // 2
        features = F.conv1d(skips[-1], down.halving.weight, down.halving.bias, stride=2, padding=padding)
    features = network.bottleneck(features)
    for up in network.up_blocks():
        features = shaped(up, torch.cat([F.interpolate(features, scale_factor=2), skips.pop()], 1))
    features = torch.cat([features, inputs], 1)
    return F.conv1d(features, network.head.weight, network.head.bias, padding=2)[..., : tracks.shape[-1]]


@pytest.mark.parametrize(("tracks", "parameters"), [(8, 17_833_426), (16, 17_836_002)])
def test_the_published_sizes(tracks: int, parameters: int) -> None:
    network = WaveUNet(tracks, **PUBLISHED)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert network.step == 4096 and network.reach == 77_807


@pytest.mark.parametrize("kernel", [3, 5, 7, 9, 13])
def test_pairs_are_the_plain_form(kernel: int) -> None:
    network = scrambled(WaveUNet(3, depth=3, growth=4, kernel=kernel)).double()
    for samples in (1, 7, 64, 101):
        tracks = torch.randn(2, 3, samples, dtype=torch.float64)
        torch.testing.assert_close(network(tracks), plainly(network, tracks), rtol=0.0, atol=1e-10)


def test_pairs_are_the_plain_form_in_training_too() -> None:
    network = scrambled(WaveUNet(3, **TINY)).double().train()
    tracks = torch.randn(2, 3, 64, dtype=torch.float64)
    found = torch.autograd.grad(network(tracks).square().sum(), list(network.parameters()), allow_unused=True)
    wanted = torch.autograd.grad(plainly(network, tracks).square().sum(), list(network.parameters()), allow_unused=True)
    for one, other in zip(found, wanted, strict=True):
        assert one is not None and other is not None
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-8)


def test_pairs_there_and_back() -> None:
    signal = torch.randn(2, 3, 10)
    assert torch.equal(from_pairs(to_pairs(signal)), signal)


@pytest.mark.parametrize("sizes", [TINY, {**TINY, "kernel": 7, "batch_norm": False}, GAINS])
@pytest.mark.parametrize("samples", [1, 6, 1000, 4097])
def test_blocks_join_to_one_shot(sizes: dict[str, Any], samples: int) -> None:
    network = scrambled(WaveUNet(4, **sizes))
    tracks = 0.1 * torch.randn(1, 4, samples)
    with torch.no_grad():
        wanted = network(tracks)
    for size in (samples, 333, 64):
        stream = WaveUNetStream(network)
        parts = [stream.push(block) for block in tracks.split(size, -1)]
        rest = stream.finish()
        assert rest is not None
        found = torch.cat([*parts, rest], -1)
        assert found.shape == wanted.shape == (1, 2, samples)
        assert error_db(found, wanted) < -100.0


def test_blocks_of_the_published_depth_join_to_one_shot() -> None:
    network = scrambled(WaveUNet(2, **{**PUBLISHED, "growth": 2}))
    tracks = 0.1 * torch.randn(1, 2, 200_000)
    with torch.no_grad():
        wanted = network(tracks)
    stream = WaveUNetStream(network)
    parts = [stream.push(block) for block in tracks.split(30_011, -1)]
    rest = stream.finish()
    assert rest is not None
    assert error_db(torch.cat([*parts, rest], -1), wanted) < -100.0


@pytest.mark.parametrize("sizes", [TINY, GAINS])
def test_the_reach_is_not_exceeded(sizes: dict[str, Any]) -> None:
    network = scrambled(WaveUNet(2, **sizes)).double()
    tracks = torch.randn(1, 2, 2048, dtype=torch.float64)
    place = 1021
    changed = tracks.clone()
    changed[..., place] += 1.0
    with torch.no_grad():
        moved = (network(changed) - network(tracks)).abs().amax((0, 1)).nonzero().flatten()
    assert 0 < place - int(moved.min()) <= network.reach and 0 < int(moved.max()) - place <= network.reach
    assert int(moved.max()) - int(moved.min()) > network.reach


def test_an_untrained_network_of_gains_is_the_plain_sum_and_keeps_silence() -> None:
    network = WaveUNet(4, **SMALL, plain=torch.eye(2).repeat(1, 2)).eval()
    tracks = torch.randn(1, 4, 5000)
    with torch.no_grad():
        torch.testing.assert_close(network(tracks)[0], tracks[0, :2] + tracks[0, 2:])
        torch.nn.init.normal_(network.head.bias, std=1.0)
        assert not network(torch.zeros(1, 4, 300)).any()


def test_gains_change_linearly_between_frames() -> None:
    network = WaveUNet(1, **GAINS)
    gains = torch.tensor([[[0.0, 1.0, -1.0], [0.0, 0.0, 4.0]]])
    found = network.mixed(torch.ones(1, 1, 8), gains)
    torch.testing.assert_close(found[0, 0], 1.0 + torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0, 0.5, 0.0, -0.5]))
    torch.testing.assert_close(found[0, 1], 1.0 + torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0]))


def test_bad_sizes_and_tracks() -> None:
    for sizes in ({"depth": 0}, {"kernel": 4}, {"output": "mix"}, {"coarse": 1}, {"output": "gains"}, {"growth": 0}):
        with pytest.raises(ArgumentError):
            WaveUNet(2, **{**TINY, **sizes})  # type: ignore[arg-type]
    network = WaveUNet(2, **TINY)
    for shape in ((1, 3, 10), (2, 10), (1, 2, 0)):
        with pytest.raises(AudioError, match="expected"):
            network(torch.zeros(shape))
    with pytest.raises(AudioError, match="expected"):
        WaveUNetStream(network).push(torch.zeros(1, 3, 10))
