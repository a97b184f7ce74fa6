"""The band-split encoder: published size, features against closed forms, one stem and several."""

from __future__ import annotations

import math

import pytest
import torch

from encoders.band_split_encoder import BandSplitEncoder
from encoders.mixing_features import count_features, mixing_features
from fxrep.errors import ArgumentError, AudioError

RATE = 44100
SMALL = {"dim": 8, "channels": [4, 4], "hidden": 8}


def noise(seconds: float = 0.6, items: int = 1, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(items, 2, round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


def small(**more) -> BandSplitEncoder:
    torch.manual_seed(0)
    return BandSplitEncoder(**{**SMALL, **more}).eval()


def test_published_size():
    encoder = BandSplitEncoder()
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 1_909_297
    assert count_features(4) == 64 and count_features(1) == 14


def test_features_of_a_sine_and_of_noise():
    seconds = torch.arange(RATE) / RATE
    sine = 0.5 * torch.sin(2.0 * math.pi * 1000.0 * seconds)
    stems = torch.stack([sine, 0.5 * sine])[None, None]
    power = torch.zeros(1, 1, 2, 4, 1025)
    power[..., round(1000 / (RATE / 2048))] = 1.0
    found = mixing_features(stems, power, power.mean(2), RATE)[0]
    rms_db = 10.0 * math.log10(0.125 * (1.0 + 0.25) / 2.0)
    peak_db = 20.0 * math.log10(0.5)
    assert found[0].item() == pytest.approx(rms_db / 30.0 + 1.0, abs=1e-3)
    assert found[1].item() == pytest.approx(peak_db / 30.0 + 0.5, abs=1e-3)
    assert found[2].item() == pytest.approx((peak_db - rms_db) / 15.0 - 1.0, abs=1e-3)
    # One bin: the centroid lies on it and has no width.
    centroid = math.log2(round(1000 / (RATE / 2048)) * RATE / 2048 / 1000.0)
    assert found[6].item() == pytest.approx(centroid / 3.0, abs=1e-2)
    assert found[7].item() == pytest.approx(-0.5, abs=1e-2)
    # 6 dB between the channels, fully correlated, and the side's share (L - R)² / 2 (L² + R²).
    assert found[11].item() == pytest.approx(20.0 * math.log10(2.0) / 20.0, abs=1e-3)
    assert found[12].item() == pytest.approx(1.0, abs=1e-4)
    assert found[13].item() == pytest.approx(2.0 * (0.25 / 2.0 / 1.25) - 0.5, abs=1e-3)


def test_loudness_and_masking_among_stems():
    loud, soft = noise(seed=1), 0.1 * noise(seed=2)
    encoder = small(stems=2)
    found = encoder._describe(torch.stack([loud, soft], dim=1))[1][0].unflatten(0, (2, 16))
    relative, masked = found[:, 14], found[:, 15]
    assert relative[0].item() == pytest.approx(1.0, abs=0.01)
    assert relative[1].item() == pytest.approx(0.0, abs=0.05), "20 dB below"
    assert masked[0].item() < -0.9 and masked[1].item() > 0.9


def test_level_and_sides_are_heard_through_the_features_alone():
    encoder = small(stems=1)
    audio = noise() * torch.tensor([[1.0], [0.5]])
    one, other = (encoder.normalize(encoder._describe(x[:, None])[0]) for x in (audio, 0.25 * audio))
    torch.testing.assert_close(one, other, rtol=0.0, atol=1e-3)
    for changed in (0.25 * audio, audio.flip(1), audio * torch.tensor([[1.0], [-1.0]])):
        assert (encoder.features(changed) - encoder.features(audio)).norm() > 1e-4 * encoder.features(audio).norm()


def test_batches_silence_and_any_length():
    encoder = small()
    batch = noise(items=3)
    torch.testing.assert_close(torch.cat([encoder(item[None]) for item in batch]), encoder(batch), rtol=0.0, atol=1e-5)
    assert encoder.features(torch.zeros(1, 2, RATE)).isfinite().all()
    for seconds in (0.02, 0.5, 11.0):
        assert encoder.embed(noise(seconds)[0], RATE).norm().item() == pytest.approx(1.0, abs=1e-6)


def test_a_recording_is_a_first_stem_among_silent_ones():
    encoder = small(stems=3)
    audio = noise()
    alone = encoder.embed_stems([audio[0]], RATE)
    torch.testing.assert_close(alone, encoder.embed(audio[0], RATE), rtol=0.0, atol=1e-5)
    company = encoder.embed_stems([audio[0], noise(0.9, seed=3)[0]], RATE)
    assert (company - alone).norm() > 1e-4
    for stems, words in (([], "0 stems"), ([audio[0]] * 4, "4 stems"), ([0 * audio[0], audio[0]], "silent")):
        with pytest.raises(AudioError, match=words):
            encoder.embed_stems(stems, RATE)
    with pytest.raises(AudioError, match="1 to 3"):
        encoder.stem_features(noise(items=4)[None])


@pytest.mark.parametrize("wrong", [{"stems": 0}, {"band": 100}, {"minimum_s": 0.1}])
def test_wrong_sizes(wrong):
    with pytest.raises(ArgumentError):
        BandSplitEncoder(**{**SMALL, **wrong})
