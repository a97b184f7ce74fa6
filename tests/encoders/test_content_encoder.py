"""The content encoder: shapes, what it cannot hear by construction, and bad input."""

from __future__ import annotations

import pytest
import torch

from encoders import ContentEncoder, build_encoder, load_encoder, save_encoder
from encoders.training.configurations import find_configuration
from fxrep.errors import ArgumentError, AudioError

RATE = 44100
SMALL = {"dim": 6, "channels": [4, 8, 8]}


def noise(seconds: float, items: int = 1) -> torch.Tensor:
    return 0.1 * torch.randn(items, 2, round(seconds * RATE), generator=torch.Generator().manual_seed(0))


def test_level_sides_and_polarity_are_not_heard():
    torch.manual_seed(0)
    encoder = ContentEncoder(**SMALL).eval()
    audio = noise(1.0) * torch.tensor([[1.0], [0.3]])
    own = encoder(audio)
    for changed in (0.5 * audio, audio.flip(1), audio * torch.tensor([[1.0], [-1.0]])):
        torch.testing.assert_close(encoder(changed), own, rtol=0.0, atol=1e-4)


def test_batch_equals_single_and_any_length():
    encoder = ContentEncoder(**SMALL).eval()
    batch = noise(1.0, items=5)
    torch.testing.assert_close(torch.cat([encoder(item[None]) for item in batch]), encoder(batch), rtol=0.0, atol=1e-5)
    for samples in (1, 1000, RATE):
        assert encoder.embed(batch[0, :, :samples], RATE).norm().item() == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(AudioError, match="silent"):
        encoder.embed(torch.zeros(2, RATE), RATE)


def test_configuration_and_release(tmp_path):
    import yaml

    tree = yaml.safe_load(find_configuration("encoders/content").read_text())["model"]["init_args"]["encoder"]
    encoder = build_encoder(tree)
    assert round(sum(weight.numel() for weight in encoder.parameters()) / 1e6, 1) == 1.4
    save_encoder(ContentEncoder(**SMALL), tmp_path / "content")
    assert load_encoder(tmp_path / "content").dim == 6


@pytest.mark.parametrize("arguments", [{"channels": []}, {"minimum_s": 0.02}, {"n_mels": 3}, {"channels": [4] * 8}])
def test_settings_that_cannot_work(arguments):
    with pytest.raises(ArgumentError):
        ContentEncoder(**{**SMALL, **arguments})
