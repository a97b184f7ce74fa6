"""Loudness against pyloudnorm with its exact (De Man) filter, the standard's closed form, and itself."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fxrep.audio import SILENCE_LUFS, LoudnessStream, integrated_loudness, normalize_loudness
from fxrep.audio.k_weighted_energy import k_weighted_energy
from fxrep.audio.k_weighting import k_weight, k_weighting_coefficients
from fxrep.errors import AudioError


def _noise(rate, seconds, channels=2, seed=0):
    return np.random.default_rng(seed).standard_normal((channels, int(rate * seconds))) * 0.1


def _tone(rate, seconds, hertz, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


SIGNALS = {
    "white noise": (_noise(44100, 7), 44100),
    "mono noise": (_noise(44100, 5, channels=1), 44100),
    "rumble of 30 Hz": (np.stack([_tone(48000, 6, 30), _tone(48000, 6, 31)]), 48000),
    "tone of 10 kHz": (np.stack([_tone(44100, 5, 10000), 0 * _tone(44100, 5, 1)]), 44100),
    "half silence": (_noise(44100, 10) * (np.arange(441000) < 220500), 44100),
    "crescendo": (_noise(44100, 12) * np.linspace(0, 1, 529200) ** 3, 44100),
    "bursts": (_noise(22050, 8) * (np.arange(176400) % 22050 < 2000), 22050),
    "quiet": (_noise(48000, 5) * 1e-2, 48000),
    "8 kHz": (_noise(8000, 6), 8000),
    "192 kHz": (_noise(192000, 3), 192000),
    "11.025 kHz": (_noise(11025, 6) * np.linspace(0, 1, 66150), 11025),
    "one block": (_noise(44100, 0.4), 44100),
    "uneven length": (_noise(44100, 20.037), 44100),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_agrees_with_pyloudnorm(name):
    audio, rate = SIGNALS[name]
    expected = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(audio.T.copy())
    measured = integrated_loudness(torch.tensor(audio, dtype=torch.float32), rate)
    assert abs(float(measured) - expected) < 0.01


def test_the_calibration_tone_of_the_standard():
    # BS.1770-4: a 0 dBFS sine of 997 Hz on one channel reads -3.01 LKFS.
    tone = torch.tensor(_tone(48000, 5, 997, amplitude=1.0), dtype=torch.float32)
    one_side = torch.stack([tone, torch.zeros_like(tone)])
    assert float(integrated_loudness(one_side, 48000)) == pytest.approx(-3.01, abs=0.005)
    assert float(integrated_loudness(tone[None], 48000)) == pytest.approx(-3.01, abs=0.005)


def test_coefficients_at_48_khz_are_those_of_the_standard():
    (shelf_b, shelf_a), (pass_b, pass_a) = k_weighting_coefficients(48000)
    np.testing.assert_allclose(shelf_b, [1.53512485958697, -2.69169618940638, 1.19839281085285], atol=1e-9)
    np.testing.assert_allclose(shelf_a, [1, -1.69065929318241, 0.73248077421585], atol=1e-9)
    np.testing.assert_allclose(pass_b, [1, -2, 1])
    np.testing.assert_allclose(pass_a, [1, -1.99004745483398, 0.99007225036621], atol=1e-9)


@pytest.mark.parametrize("samples", [1, 100, 4410, 200001])
def test_both_forms_of_the_filter_match_scipy(samples):
    audio = torch.tensor(_noise(44100, 5)[:, :samples]) + 0.3
    expected = audio.numpy()
    for b, a in k_weighting_coefficients(44100):
        expected = scipy.signal.lfilter(b, a, expected)
    np.testing.assert_allclose(k_weight(audio, 44100).numpy(), expected, atol=1e-7)
    edges = np.array([0, samples // 3, samples])
    sums = np.add.reduceat(expected**2, edges[:-1], axis=-1) if samples > 2 else None
    if sums is not None:
        np.testing.assert_allclose(k_weighted_energy(audio, 44100, edges).numpy(), sums, rtol=1e-9)


def test_gradient_is_that_of_the_filter_in_the_frequency_domain():
    generator = torch.Generator().manual_seed(0)
    audio = torch.randn(3, 2, 9000, generator=generator, dtype=torch.float64, requires_grad=True)
    edges = np.array([0, 1000, 4000, 8000])
    weights = torch.rand(3, 2, 3, generator=generator, dtype=torch.float64)
    (k_weighted_energy(audio, 8000, edges) * weights).sum().backward()
    by_recursion = audio.grad.clone()
    audio.grad = None
    squares = k_weight(audio, 8000)[..., :8000].square()
    total = sum(
        (squares[..., a:b].sum(-1) * weights[..., i]).sum()
        for i, (a, b) in enumerate([(0, 1000), (1000, 4000), (4000, 8000)])
    )
    total.backward()
    torch.testing.assert_close(by_recursion, audio.grad, atol=1e-6, rtol=1e-6)


def test_gradient_points_the_way_a_finite_difference_does():
    audio = torch.tensor(_noise(8000, 1.3), requires_grad=True)
    direction = torch.tensor(_noise(8000, 1.3, seed=1))
    integrated_loudness(audio, 8000).backward()
    with torch.no_grad():
        step = 1e-4
        up, down = (integrated_loudness(audio + sign * step * direction, 8000) for sign in (1, -1))
    assert float((audio.grad * direction).sum()) == pytest.approx(float(up - down) / (2 * step), rel=1e-4)


@pytest.mark.parametrize("samples", [1, 1000, 17640, 100000])
def test_silence_reads_the_floor_with_a_finite_gradient(samples):
    audio = torch.zeros(2, 2, samples, requires_grad=True)
    loudness = integrated_loudness(audio, 44100)
    assert loudness.tolist() == [SILENCE_LUFS, SILENCE_LUFS]
    loudness.sum().backward()
    assert torch.equal(audio.grad, torch.zeros_like(audio))


def test_short_audio_is_one_block_of_what_is_there():
    # A steady tone reads the same over 0.2 s as over 2 s, apart from the filter running in.
    short = torch.tensor(_tone(48000, 0.2, 997))[None]
    long = torch.tensor(_tone(48000, 2, 997))[None]
    assert float(integrated_loudness(short, 48000)) == pytest.approx(float(integrated_loudness(long, 48000)), abs=0.05)
    assert torch.isfinite(integrated_loudness(torch.ones(1, 1), 44100))


def test_a_batch_reads_as_its_items():
    batch = torch.tensor(np.stack([_noise(44100, 3, seed=s) * 0.3**s for s in range(5)]), dtype=torch.float32)
    batch[3] = 0
    together = integrated_loudness(batch, 44100)
    alone = torch.stack([integrated_loudness(item, 44100) for item in batch])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(gain_db=st.floats(-20, 20), seed=st.integers(0, 100))
def test_gain_moves_loudness_by_as_much(gain_db, seed):
    audio = torch.tensor(_noise(16000, 1.5, seed=seed))
    moved = integrated_loudness(audio * 10 ** (gain_db / 20), 16000) - integrated_loudness(audio, 16000)
    assert float(moved) == pytest.approx(gain_db, abs=1e-6)


@pytest.mark.parametrize("rate", [44100, 11025])
@pytest.mark.parametrize("seconds", [0.0333, 0.3, 7.123])
def test_audio_that_arrives_in_blocks_reads_the_same(rate, seconds):
    audio = torch.tensor(_noise(rate, seconds, seed=3)) * torch.linspace(0.05, 1, int(rate * seconds)) + 0.1
    expected = float(integrated_loudness(audio.double(), rate))
    for size in (audio.shape[1], 997, 3 * rate // 2):
        stream = LoudnessStream(rate)
        for block in audio.split(size, dim=1):
            stream.add(block)
        assert stream.loudness() == pytest.approx(expected, abs=1e-5)
    assert LoudnessStream(rate).loudness() == SILENCE_LUFS


def test_nan_is_not_taken_for_silence():
    audio = torch.zeros(2, 2, 44100)
    audio[0, 0, 100] = float("nan")
    loudness = integrated_loudness(audio, 44100)
    assert torch.isnan(loudness[0])
    assert loudness[1] == SILENCE_LUFS


def test_music_that_ends_in_digital_silence_has_no_subnormal_trouble():
    audio = torch.zeros(2, 44100 * 3)
    audio[:, :5000] = torch.tensor(_noise(44100, 1)[:, :5000])
    assert torch.isfinite(integrated_loudness(audio, 44100))


def test_normalizing_reaches_the_target_and_leaves_silence():
    batch = torch.tensor(np.stack([_noise(44100, 2), _noise(44100, 2) * 1e-2, 0 * _noise(44100, 2)]))
    result = normalize_loudness(batch, 44100, -23.0)
    assert integrated_loudness(result, 44100)[:2].tolist() == pytest.approx([-23.0, -23.0], abs=0.01)
    assert torch.equal(result[2], batch[2])
    assert result.dtype == batch.dtype


@pytest.mark.parametrize("shape", [(44100,), (6, 44100), (44100, 2), (2, 0)])
def test_wrong_shapes_are_named(shape):
    with pytest.raises(AudioError, match="audio"):
        integrated_loudness(torch.zeros(shape), 44100)
