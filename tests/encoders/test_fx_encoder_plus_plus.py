"""Fx-Encoder++: published size, front end against torchaudio, what it hears and what it cannot hear."""

from __future__ import annotations

import math

import pytest
import torch

from encoders import FxEncoderPlusPlus, build_encoder
from encoders.log_mel import LogMel, slaney_filters
from encoders.training.configurations import find_configuration
from fxrep.errors import ArgumentError, AudioError

SMALL = {"channels": [4, 8, 8], "projection_dim": 6, "minimum_s": 0.1}
RATE = 44100


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def noise(seconds: float, items: int = 1, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(items, 2, round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


def test_published_size():
    with torch.device("meta"):
        encoder = FxEncoderPlusPlus()
    assert count(encoder.convolutions) == 79_674_240
    assert count(encoder.projection) == 278_784
    assert encoder.dim == 128
    # The released module holds more that is frozen or never used: the Fourier transform and mel filters as weights, the
    # normalisation of 64 bands, a second projection 128 → 128 → 128 and two temperatures. The extractor is of use.
    frozen = 2 * 1025 * 2048 + 1025 * 64
    unused = 2 * 64 + 2 * (128 * 128 + 128) + 2
    extractor = (640 * 128 + 128) + 2 * (128 * 128 + 128)
    assert round(frozen / 1e6, 2) == 4.26
    assert round((count(encoder.convolutions) + 2 * 64) / 1e6, 2) == 79.67
    assert round((count(encoder) + unused + extractor) / 1e6, 2) == 80.10
    assert round((count(encoder) + unused + extractor + frozen) / 1e6, 2) == 84.37


def test_configuration_is_the_published_size():
    import yaml

    tree = yaml.safe_load(find_configuration("encoders/fx_encoder_plus_plus").read_text())
    with torch.device("meta"):
        encoder = build_encoder(tree["model"]["init_args"]["encoder"])
    assert count(encoder.convolutions) + count(encoder.projection) == 79_674_240 + 278_784


def test_mel_filters_are_those_of_torchaudio():
    from torchaudio.functional import melscale_fbanks

    # torchaudio draws its triangles in float32.
    expected = melscale_fbanks(1025, 50.0, 18000.0, 64, RATE, norm="slaney", mel_scale="slaney")
    torch.testing.assert_close(slaney_filters(64, 2048, RATE, 50.0, 18000.0), expected, rtol=1e-3, atol=1e-7)


def test_log_mel_in_float64():
    audio = noise(0.5)
    found = LogMel()(audio)
    spectrum = torch.stft(
        audio[0].double(),
        2048,
        512,
        window=torch.hann_window(2048, dtype=torch.float64),
        pad_mode="reflect",
        return_complex=True,
    )
    power = spectrum.abs().square().transpose(1, 2) @ slaney_filters(64, 2048, RATE, 50.0, 18000.0).double()
    level_db = 10.0 * torch.log10(power)
    assert found.shape == (1, 2, audio.shape[-1] // 512 + 1, 64)
    torch.testing.assert_close(found[0].double(), (level_db + 80.0) / 60.0 - 1.0, rtol=0.0, atol=1e-5)


def test_log_mel_is_clamped_and_in_float32_under_autocast():
    mel = LogMel()
    assert bool((mel(torch.zeros(1, 2, 9000)) == -1.0).all())
    assert float(mel(1e6 * noise(0.2)).max()) == 1.0
    audio = noise(0.2)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(mel(audio), LogMel()(audio))


def test_level_and_sides_are_heard_and_polarity_is_not():
    torch.manual_seed(0)
    encoder = FxEncoderPlusPlus(**SMALL).eval()
    audio = noise(0.5) * torch.tensor([[1.0], [0.3]])
    # Before the projection: fresh weights leave little beside its bias.
    own = encoder.body(audio)
    for name, changed in {
        "level": 0.5 * audio,
        "side": audio.flip(1),
        "left alone": audio * torch.eye(2)[0, :, None],
    }.items():
        assert (encoder.body(changed) - own).norm() > 1e-3 * own.norm(), name
    inverted = audio * torch.tensor([[1.0], [-1.0]])
    torch.testing.assert_close(encoder.body(inverted), own, rtol=1e-4, atol=1e-6)


def test_items_of_a_batch_do_not_touch_each_other():
    encoder = FxEncoderPlusPlus(**SMALL).eval()
    batch = noise(0.3, items=5)
    together = encoder(batch)
    assert together.shape == (5, 6)
    torch.testing.assert_close(torch.cat([encoder(item[None]) for item in batch]), together, rtol=0.0, atol=1e-5)
    assert encoder.body(batch).shape == (5, 8)


@pytest.mark.parametrize("samples", [1, 999, 1025, 15871, 15872, RATE + 1])
def test_any_length_is_embedded(samples):
    encoder = FxEncoderPlusPlus(channels=[2, 2, 2, 2, 2, 2], projection_dim=4)
    embedding = encoder.embed(noise(2.0)[0, :, :samples], RATE)
    assert embedding.norm().item() == pytest.approx(1.0, abs=1e-6)


def test_mono_is_both_channels_and_silence_is_refused():
    encoder = FxEncoderPlusPlus(**SMALL)
    mono = noise(1.0)[0, :1]
    assert torch.equal(encoder.embed(mono, RATE), encoder.embed(mono.repeat(2, 1), RATE))
    with pytest.raises(AudioError, match="silent"):
        encoder.embed(torch.zeros(2, RATE), RATE)
    with pytest.raises(AudioError, match=r"needs at least 0\.360 s"):
        FxEncoderPlusPlus(channels=[2, 2, 2, 2, 2, 2]).features(noise(0.2))


def test_silence_has_finite_gradients():
    encoder = FxEncoderPlusPlus(**SMALL)
    audio = torch.zeros(2, 2, 9000, requires_grad=True)
    encoder(audio).sum().backward()
    assert audio.grad is not None and bool(torch.isfinite(audio.grad).all())


def test_gradients_reach_every_weight():
    encoder = FxEncoderPlusPlus(**SMALL)
    (encoder(noise(0.3, items=4)) * torch.randn(4, 6)).sum().backward()
    assert all(bool(torch.isfinite(parameter.grad).all()) for parameter in encoder.parameters())
    assert all(float(weight.grad.abs().sum()) > 0 for name, weight in encoder.named_parameters() if "weight" in name)


def test_settings_that_cannot_work():
    for arguments in (
        {"channels": []},
        {"channels": [4, 0]},
        {"dropout": 1.0},
        {"minimum_s": 0.01},
        {"n_mels": 3},
        {"n_mels": 600},
        {"minimum_hz": 20000.0},
        {"maximum_hz": 30000.0},
        {"hop": 0},
    ):
        with pytest.raises(ArgumentError):
            FxEncoderPlusPlus(**{**SMALL, **arguments})


def test_levels_are_the_documented_ones():
    """A tone of amplitude 1 in the middle of a band: power (n_fft / 4)² under a Hann window, times the filter."""
    mel = LogMel()
    hz = 60 * RATE / 2048
    seconds = torch.arange(RATE, dtype=torch.float64) / RATE
    tone = torch.sin(2 * math.pi * hz * seconds).float().expand(1, 2, -1)
    weights = mel.filters.double()
    band = int(weights[60].argmax())
    # The window spreads the tone over its bin and the two beside it, a quarter of the power in each.
    power = 512.0**2 * (weights[60, band] + 0.25 * (weights[59, band] + weights[61, band]))
    expected = (10.0 * math.log10(float(power)) + 80.0) / 60.0 - 1.0
    assert float(mel(tone)[0, 0, 40, band]) == pytest.approx(expected, abs=1e-3)
