"""Koo's Fx-Encoder: published size, shapes, and what it must be able to tell apart."""

from __future__ import annotations

import pytest
import torch

from encoders import FxEncoder
from encoders.training.configurations import find_configuration
from fxrep.errors import ArgumentError

SMALL = {"channels": [8, 16, 16], "kernels": [25, 10, 5], "strides": [4, 4, 2], "minimum_s": 0.1}


def count(encoder: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in encoder.parameters())


def closed_form(channels: list[int], kernels: list[int]) -> int:
    """Weights and biases of two convolutions and two normalisations per block."""
    pairs = zip([2, *channels], [*channels, 0], [*kernels, 0], strict=True)
    return sum(i * i * k + i + i * o * k + o + 2 * i + 2 * o for i, o, k in pairs if o)


def test_published_size():
    with torch.device("meta"):
        encoder = FxEncoder()
    assert count(encoder) == 81_392_682
    assert encoder.dim == 2048
    assert round(count(encoder) / 1e6, 2) == 81.39


def test_configuration_is_the_published_size():
    import yaml

    tree = yaml.safe_load(find_configuration("encoders/fx_encoder").read_text())
    arguments = tree["model"]["init_args"]["encoder"]["init_args"]
    with torch.device("meta"):
        assert count(FxEncoder(**arguments)) == 81_392_682


def test_size_in_closed_form():
    assert count(FxEncoder(**SMALL)) == closed_form(SMALL["channels"], SMALL["kernels"])


def test_frames_follow_the_strides():
    encoder = FxEncoder(**SMALL).eval()
    for samples in (4410, 5000, 44100, 44101):
        frames = samples
        for stride in SMALL["strides"]:
            frames = -(-frames // stride)
        assert encoder.blocks(torch.randn(1, 2, samples)).shape == (1, 16, frames)
        assert encoder(torch.randn(3, 2, samples)).shape == (3, 16)


def test_batch_items_do_not_touch_each_other():
    encoder = FxEncoder(**SMALL).eval()
    batch = torch.randn(4, 2, 9000) * 0.1
    together = encoder(batch)
    assert torch.allclose(torch.cat([encoder(item[None]) for item in batch]), together, atol=1e-5)


def test_no_blind_spot():
    """Level, side, polarity of one channel and delay between channels all move the features."""
    torch.manual_seed(0)
    encoder = FxEncoder(**SMALL).eval()
    audio = torch.randn(1, 2, 9000) * 0.1
    own = encoder.features(audio)
    left, right = audio.unbind(1)
    others = {
        "level": 0.5 * audio,
        "side": audio.flip(1),
        "polarity": torch.stack([left, -right], dim=1),
        "delay": torch.stack([left, right.roll(20, -1)], dim=1),
    }
    for name, changed in others.items():
        assert (encoder.features(changed) - own).norm() > 1e-3 * own.norm(), name


def test_gradients_reach_every_weight():
    encoder = FxEncoder(**SMALL)
    encoder(torch.randn(4, 2, 9000)).square().mul(torch.randn(4, 16)).sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in encoder.parameters())
    assert all(parameter.grad.abs().sum() > 0 for name, parameter in encoder.named_parameters() if "norm" in name)


@pytest.mark.parametrize(
    "arguments",
    [{"channels": []}, {"kernels": [3, 3]}, {"minimum_s": 0.0001}, {"strides": [64, 64, 64]}],
)
def test_wrong_sizes(arguments):
    with pytest.raises(ArgumentError):
        FxEncoder(**{**SMALL, **arguments})
