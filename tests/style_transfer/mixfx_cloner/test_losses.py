"""The losses against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from fxrep.errors import ArgumentError, AudioError
from style_transfer.mixfx_cloner.losses import FLOOR, MultiScaleSpectralLoss, RmsLoss, cloner_loss

from .conftest import sound


def test_a_gain_has_its_loss_in_closed_form() -> None:
    audio, gain = 10.0 * sound(1, 0.5)[None].double(), 1.5
    loss = MultiScaleSpectralLoss([1024])
    window = torch.hann_window(1024, dtype=torch.float64)
    magnitude = torch.stft(audio[0], 1024, 256, window=window, center=False, return_complex=True).abs()
    assert float(magnitude.min()) > FLOOR
    wanted = 0.9 * 0.5 * float(magnitude.mean()) + 0.1 * math.log10(gain) ** 2
    assert float(loss(gain * audio, audio)) == pytest.approx(wanted, rel=1e-9)
    rms = audio.square().mean(-1).sqrt()
    assert float(RmsLoss()(gain * audio, audio)) == pytest.approx(float((0.5 * rms).square().mean()), rel=1e-9)


def test_the_whole_is_the_published_sum() -> None:
    estimate, reference = sound(2, 0.3)[None], sound(3, 0.3)[None]
    terms = cloner_loss().terms(estimate, reference)
    assert float(terms["rms"]) == pytest.approx(100.0 * float(RmsLoss()(estimate, reference)))
    both = torch.stack([one[:, 0] + sign * one[:, 1] for one in (estimate, reference) for sign in (1, -1)])
    by_hand = MultiScaleSpectralLoss()(both[:2].transpose(0, 1), both[2:].transpose(0, 1))
    assert float(terms["mid_side"]) == pytest.approx(float(by_hand), rel=1e-5)
    assert float(cloner_loss()(estimate, reference)) == pytest.approx(sum(map(float, terms.values())))
    assert float(cloner_loss()(reference, reference)) == 0.0


def test_mid_and_side_tell_what_the_channels_do_not() -> None:
    mono = sound(4, 0.3, 1)[None].expand(1, 2, -1)
    turned = mono * torch.tensor([1.0, -1.0])[:, None]
    assert float(MultiScaleSpectralLoss()(turned, mono)) < 1e-9
    assert float(MultiScaleSpectralLoss(sum_and_difference=True)(turned, mono)) > 1.0


def test_gradients_are_finite_on_silence_and_mono() -> None:
    for reference in (torch.zeros(1, 2, 5000), sound(5, 0.2, 1)[None].expand(1, 2, -1)):
        estimate = reference.clone().requires_grad_()
        loss = cloner_loss()(estimate, torch.zeros_like(reference))
        loss.backward()
        assert estimate.grad is not None and bool(estimate.grad.isfinite().all())


def test_windows_longer_than_the_audio_are_left_out() -> None:
    estimate, reference = sound(7, 0.1)[None, :, :1500], sound(8, 0.1)[None, :, :1500]
    whole = MultiScaleSpectralLoss()(estimate, reference)
    assert float(whole) == pytest.approx(float(MultiScaleSpectralLoss([1024, 512])(estimate, reference)))
    with pytest.raises(AudioError, match="512 or more"):
        MultiScaleSpectralLoss()(estimate[..., :100], reference[..., :100])
    with pytest.raises(AudioError, match="one length"):
        MultiScaleSpectralLoss()(estimate, reference[..., :1000])
    with pytest.raises(ArgumentError, match="4 samples"):
        MultiScaleSpectralLoss([])
