from __future__ import annotations

import pytest
import torch

from encoders import SpectralEncoder, load_encoder
from encoders.spectral_encoder import time_statistics
from fxrep.errors import ArgumentError, AudioError

RATE = 44100


@pytest.fixture(scope="module")
def encoder() -> SpectralEncoder:
    torch.manual_seed(0)
    return SpectralEncoder(dim=32, channels=32, n_blocks=2, hidden=64).eval()


@pytest.fixture(scope="module")
def clip() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    envelope = torch.linspace(1.0, 0.1, 2 * RATE).repeat(2, 1)
    return 0.1 * torch.randn(2, 2 * RATE, generator=generator) * envelope


def test_the_default_size_is_the_documented_one() -> None:
    assert sum(p.numel() for p in SpectralEncoder().parameters()) / 1e6 == pytest.approx(3.4, abs=0.1)


def test_embeddings_are_unit_length_and_alike_for_batch_and_single(
    encoder: SpectralEncoder, clip: torch.Tensor
) -> None:
    batch = torch.stack([clip, clip.flip(-1), 0.1 * clip])
    with torch.no_grad():
        together, alone = encoder(batch), torch.cat([encoder(item[None]) for item in batch])
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: 0.5 * x,
        lambda x: x * torch.tensor([[1.0], [-1.0]]),
        lambda x: x.flip(0),
        lambda x: x * torch.tensor([[1.0], [0.0]]),
        lambda x: torch.stack([x[0], x[1].roll(441)]),
        lambda x: x.mean(0, keepdim=True).expand(2, -1),
    ],
    ids=["level", "polarity of one channel", "channel swap", "hard left", "delay of one channel", "width"],
)
def test_no_change_of_level_or_stereo_image_is_invisible(encoder: SpectralEncoder, clip: torch.Tensor, change) -> None:
    with torch.no_grad():
        before, after = encoder(torch.stack([clip, change(clip)]))
    assert float((before - after).norm()) > 1e-3


def test_statistics_are_those_of_numpy() -> None:
    frames = torch.randn(2, 5, 41, generator=torch.Generator().manual_seed(0))
    mean, spread, low, median, high, change = time_statistics(frames).view(2, 6, 5).unbind(1)
    torch.testing.assert_close(mean, frames.mean(-1))
    torch.testing.assert_close(spread, frames.std(-1, correction=0), atol=1e-4, rtol=0)
    quantiles = torch.quantile(frames[..., ::2], torch.tensor([0.1, 0.5, 0.9]), dim=-1, interpolation="nearest")
    for found, expected in zip((low, median, high), quantiles, strict=True):
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(change, (frames[..., 1:] - frames[..., :-1]).abs().mean(-1))


def test_every_weight_learns_and_silence_does_no_harm(clip: torch.Tensor) -> None:
    encoder = SpectralEncoder(dim=16, channels=16, n_blocks=2, hidden=32)
    batch = torch.stack([clip, torch.zeros_like(clip), torch.ones_like(clip)])
    (encoder(batch) * torch.randn(3, 16, generator=torch.Generator().manual_seed(2))).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name
        assert float(parameter.grad.abs().sum()) > 0.0, name


def test_the_loudest_that_audio_may_be_has_an_embedding():
    encoder = load_encoder("default")
    loud = torch.randn(2, 44100, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    assert torch.isfinite(encoder.embed(loud * 4.3e9, 44100)).all()
    with pytest.raises(AudioError, match="far beyond full scale"):
        encoder.embed(loud * 1e20, 44100)
    with pytest.raises(ArgumentError, match="1000 to 1536000"):
        encoder.embed(loud, 1)
