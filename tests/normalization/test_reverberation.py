from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import signal

from fxrep.effects import noise_shaped_reverb
from fxrep.normalization import ReverbStep, decay_time

RATE = 44100
Maker = Callable[..., np.ndarray]


def decaying_noise(seconds: float, decay_s: float, every_s: float = 1.5, rate: int = RATE) -> np.ndarray:
    """(2, T) noise struck at an interval, falling by 60 dB in `decay_s`."""
    rng = np.random.default_rng(0)
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * rng.standard_normal((2, time.size)) * 10 ** (-3 * (time % every_s) / decay_s)).astype(np.float32)


@pytest.mark.parametrize("rate", [24000, 44100, 96000])
@pytest.mark.parametrize("decay_s", [0.5, 1.0, 1.4])
def test_an_exponential_decay_reads_its_time_constant(decay_s: float, rate: int) -> None:
    time = np.arange(9 * rate) / rate
    tones = sum(np.sin(2 * np.pi * frequency * time) for frequency in (1000, 2000, 4000, 8000))
    lag, constant = 2048 / 44100, decay_s / np.log(1000.0)
    expected = lag / (1 - np.exp(-lag / constant))
    assert decay_time(tones * 10 ** (-3 * (time % 1.5) / decay_s), rate) == pytest.approx(expected, rel=0.15)


def test_longer_decays_and_stronger_reverberation_read_more(hits: Maker) -> None:
    decays = [decay_time(decaying_noise(6.0, decay_s), RATE) for decay_s in (0.1, 0.3, 1.0)]
    assert decays == sorted(decays)
    dry = torch.from_numpy(hits(6.0, interval_s=0.5))[None]
    wet = noise_shaped_reverb(dry, RATE, decay_s=1.0, mix=1.0)
    times = [decay_time((dry + gain * wet)[0], RATE) for gain in (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)]
    assert times == sorted(times)
    assert times[-1] > 1.5 * times[0]


def test_gain_polarity_silence_and_channels_do_not_matter(hits: Maker) -> None:
    audio = hits(4.0, interval_s=0.5)
    expected = decay_time(audio, RATE)
    assert decay_time(-0.01 * audio, RATE) == pytest.approx(expected, rel=1e-3)
    assert decay_time(np.pad(audio, ((0, 0), (0, 10 * RATE))), RATE) == pytest.approx(expected, rel=0.02)
    assert decay_time(audio[::-1].copy(), RATE) == pytest.approx(expected, rel=1e-4)
    assert np.isnan(decay_time(np.zeros((2, RATE)), RATE))
    assert np.isnan(decay_time(np.ones((2, 10)), RATE))


@pytest.mark.parametrize("octaves", [0.2, 0.5, 0.7])
def test_the_target_is_met_and_twice_is_once(octaves: float, hits: Maker) -> None:
    audio = hits(6.0, interval_s=0.5)
    step = ReverbStep()
    target = step.measure(audio, RATE, "vocals") + octaves
    output = step.apply(audio, RATE, target, "vocals").numpy()
    assert step.distance(step.measure(output, RATE, "vocals"), target) < 0.02
    again = step.apply(output, RATE, target, "vocals").numpy()
    assert 10 * np.log10(np.mean((again - output) ** 2) / np.mean(output**2) + 1e-20) < -40


def test_what_is_added_is_the_send_alone(hits: Maker) -> None:
    audio = hits(6.0, interval_s=0.5)
    step = ReverbStep()
    target = step.measure(audio, RATE, "vocals") + 0.5
    wet = step.apply(audio, RATE, target, "vocals").numpy() - audio
    assert np.abs(wet).max() > 1e-3
    response, after = step._response(RATE)
    expected = signal.fftconvolve(audio.astype(float), response, axes=-1)[:, after : after + audio.shape[1]]
    scale = float(np.sum(wet * expected) / np.sum(expected**2))
    assert 0 < scale <= 1
    np.testing.assert_allclose(wet, scale * expected, atol=1e-6)
    frequencies, power = signal.welch(response, RATE, nperseg=8192)
    inside = power[:, (frequencies > 800) & (frequencies < 4000)].mean()
    assert 10 * np.log10(power[:, frequencies < 300].mean() / inside) < -25


def test_wet_and_dry_instruments_are_left_alone(hits: Maker) -> None:
    audio = hits(4.0)
    step = ReverbStep()
    own = step.measure(audio, RATE, "vocals")
    for target, instrument in ((own - 0.5, "vocals"), (own, "vocals"), (own + 1, "drums"), (own * np.nan, "vocals")):
        assert torch.equal(step.apply(audio, RATE, target, instrument), torch.from_numpy(audio))


def test_a_target_out_of_reach_gets_the_strongest_send(hits: Maker) -> None:
    audio = hits(4.0)
    weak, strong = (ReverbStep(strongest_send_db=level) for level in (-20.0, 0.0))
    far = weak.measure(audio, RATE, "vocals") + 9.0
    times = [step.measure(step.apply(audio, RATE, far, "vocals"), RATE, "vocals")[0] for step in (weak, strong)]
    assert weak.measure(audio, RATE, "vocals")[0] < times[0] < times[1] < far[0]
