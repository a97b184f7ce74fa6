"""STFT loss, embedding loss and weighted sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fxrep.errors import ArgumentError, AudioError
from fxrep.losses import EmbeddingLoss, ProductionStyleLoss, StftLoss, WeightedSum, cosine_distance

RATE = 44100


def mixes(seed: int, samples: int = 12000, batch: int = 2) -> Tensor:
    return 0.1 * torch.randn(batch, 2, samples, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def spectrograms(audio: np.ndarray, size: int) -> np.ndarray:
    padded = np.pad(audio, ((0, 0), (0, 0), (size // 2, size // 2)), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=2)[:, :, :: size // 2]
    power = np.abs(np.fft.rfft(frames * np.hanning(size + 1)[:-1])) ** 2
    return np.sqrt(np.maximum(power, 1e-8))


@pytest.mark.parametrize("form", ["published", "log_linear"])
@pytest.mark.parametrize("sum_and_difference", [False, True])
def test_stft_loss_is_its_formula(form: str, sum_and_difference: bool) -> None:
    first, second = mixes(0), mixes(1)
    parts = [(first.numpy(), second.numpy())]
    if sum_and_difference:
        signs = np.array([1.0, -1.0])
        parts = [
            tuple((x.numpy() * s[:, None]).sum(1, keepdims=True) for x in (first, second))
            for s in (1 + 0 * signs, signs)
        ]
    expected = []
    for a, b in parts:
        for size in (512, 2048, 8192):
            x, y = spectrograms(a, size), spectrograms(b, size)
            log = np.abs(np.log(x) - np.log(y)).mean()
            other = np.linalg.norm(y - x) / np.linalg.norm(y) if form == "published" else np.abs(x - y).mean()
            expected.append(log + other)
    found = StftLoss(form, sum_and_difference)(first, second)  # type: ignore[arg-type]
    assert float(found) == pytest.approx(float(np.mean(expected)), rel=1e-6)


@pytest.mark.parametrize("sum_and_difference", [False, True])
def test_stft_loss_is_finite_in_value_and_gradient(sum_and_difference: bool) -> None:
    loss = StftLoss(sum_and_difference=sum_and_difference)
    wide = mixes(2).float()
    mono = wide.mean(1, keepdim=True).expand(-1, 2, -1)
    cases = [wide, mono, mono * torch.tensor([[1.0], [-1.0]]), torch.zeros_like(wide)]
    for estimate in cases:
        for reference in cases:
            heard = estimate.clone().requires_grad_(True)
            value = loss(heard, reference)
            value.backward()
            assert bool(torch.isfinite(value)) and heard.grad is not None
            assert bool(torch.isfinite(heard.grad).all())
    assert float(loss(wide, wide)) == 0.0


def test_swapped_channels_are_heard() -> None:
    audio = mixes(3) * torch.tensor([[1.0], [0.3]])
    assert float(StftLoss()(audio, audio.flip(1))) > 0.5
    # Middle and side of swapped channels have the same magnitudes: this form alone does not hear it.
    assert float(StftLoss(sum_and_difference=True)(audio, audio.flip(1))) == pytest.approx(0.0, abs=1e-9)


def test_gradient_of_the_stft_loss_is_right() -> None:
    estimate, reference = mixes(4, 400, 1).requires_grad_(True), mixes(5, 400, 1)
    loss = StftLoss(windows=[64, 256])
    assert torch.autograd.gradcheck(lambda audio: loss(audio, reference), (estimate,), fast_mode=True)


class Energies(nn.Module):
    """An encoder with a closed form: level of left and right, times a weight each."""

    sample_rate = 22050

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, 1.0], dtype=torch.float64))
        self.norm = nn.BatchNorm1d(2, affine=False)

    def forward(self, audio: Tensor) -> Tensor:
        return self.weight * audio.square().mean(-1).sqrt() + 0.0 * self.norm(audio.float()).mean(-1)


def test_embedding_loss_is_one_minus_cosine_and_trains_only_the_audio() -> None:
    encoder = Energies()
    loss = EmbeddingLoss(encoder).train()
    tone = torch.ones(1, 2, 1000, dtype=torch.float64)
    estimate = (tone * torch.tensor([[1.0], [0.0]])).requires_grad_(True)
    value = loss(estimate, tone).detach()
    assert float(value) == pytest.approx(1 - 0.5**0.5, rel=1e-12)
    reference = tone.clone().requires_grad_(True)
    loss(mixes(6).requires_grad_(True), reference.expand(2, -1, -1)).backward()
    assert reference.grad is None
    assert not [one for one in loss.parameters() if one.requires_grad]
    assert encoder.weight.requires_grad and encoder.weight.grad is None
    assert not loss.encoder.training
    assert float(loss.encoder.norm.num_batches_tracked) == 0  # type: ignore[union-attr, arg-type]
    with torch.no_grad():
        encoder.weight[1] = 0.0
    assert float(loss(estimate, tone).detach()) == pytest.approx(float(value))


def test_gradient_of_the_embedding_loss_is_right() -> None:
    loss, reference = EmbeddingLoss(Energies()), mixes(7, 50)
    estimate = mixes(8, 40).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda audio: loss(audio, reference), (estimate,))


def test_embedding_loss_resamples() -> None:
    from fxrep.audio import resample_differentiable

    first, second = mixes(9).float(), mixes(10).float()
    at_rate = [resample_differentiable(audio, RATE, 22050) for audio in (first, second)]
    expected = EmbeddingLoss(Energies())(*at_rate)
    assert float(EmbeddingLoss(Energies(), RATE)(first, second)) == pytest.approx(float(expected), rel=1e-6)
    with pytest.raises(ArgumentError, match="Identity has no sample_rate"):
        EmbeddingLoss(nn.Identity(), RATE)


def test_embedding_loss_of_the_encoder_that_ships() -> None:
    from encoders import load_encoder

    loss = EmbeddingLoss(load_encoder(), RATE)
    estimate, reference = 3.0 * mixes(11, RATE).float(), mixes(12, RATE).float()
    heard = estimate.requires_grad_(True)
    value = loss(heard, reference)
    value.backward()
    assert 0.0 < float(value) < 2.0
    assert heard.grad is not None and float(heard.grad.abs().max()) > 0.0
    embeddings = loss.embed(estimate).detach(), loss.embed(reference)
    assert float(loss.between(*embeddings)) == pytest.approx(float(value), rel=1e-5)


def test_cosine_distance_of_known_angles() -> None:
    vectors = torch.tensor([[2.0, 0.0], [0.0, 0.1], [-1.0, 0.0]])
    assert cosine_distance(vectors, torch.tensor([[1.0, 0.0]])).tolist() == pytest.approx([0.0, 1.0, 2.0])


def test_weighted_sum_adds_up() -> None:
    first, second = mixes(13), mixes(14)
    style, stft = ProductionStyleLoss(RATE), StftLoss()
    both = WeightedSum({"style": (2.0, style), "stft": (0.5, stft), "unused": (0.0, StftLoss("log_linear"))})
    terms = both.terms(first, second)
    assert list(terms) == ["style", "stft"]
    assert float(both(first, second)) == pytest.approx(2 * float(style(first, second)) + float(stft(first, second)) / 2)
    with pytest.raises(ArgumentError, match="losses is empty"):
        WeightedSum({})
    with pytest.raises(ArgumentError, match="-1"):
        WeightedSum({"style": (-1.0, style)})


def test_bad_input_is_named() -> None:
    audio = mixes(15)
    with pytest.raises(ArgumentError, match="published, log_linear"):
        StftLoss("linear")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="windows"):
        StftLoss(windows=[])
    with pytest.raises(AudioError, match="all of one length"):
        StftLoss()(audio, audio[..., 1:])
    with pytest.raises(AudioError, match="at least 4097"):
        StftLoss()(audio[..., :4096], audio[..., :4096])
