"""Echoes, modulated delays, phaser and tremolo against float64 loops written from their definitions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from fxrep import effects

RATE = 8000


def noise(channels: int = 2, samples: int = 4000, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, channels, samples, generator=generator, dtype=torch.float64) * 0.3


def read_cubic(signal: Callable[[int], float], place: float) -> float:
    """Catmull-Rom through four samples, from its matrix."""
    k = math.floor(place)
    t = place - k
    matrix = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    return float(np.array([1, t, t * t, t**3]) @ matrix @ np.array([signal(k + j) for j in (-1, 0, 1, 2)]))


def sweep(audio: np.ndarray, delay: Callable[[int], float], feedback: float) -> np.ndarray:
    line, wet = audio.copy(), np.zeros_like(audio)

    def at(n: int) -> float:
        return line[n] if 0 <= n < line.size else 0.0

    for n in range(audio.size):
        wet[n] = read_cubic(at, n - delay(n))
        line[n] += feedback * wet[n]
    return wet


@pytest.mark.parametrize("name", ["chorus", "flanger"])
def test_a_modulated_delay_is_its_definition(name: str) -> None:
    audio = noise(samples=2500)
    settings = {"rate_hz": 3.7, "delay_ms": 2.3, "depth_ms": 1.9, "feedback": -0.7, "phase_deg": 60.0, "mix": 0.7}
    output = effects.create_processor(name)(audio, RATE, **settings)
    for channel in range(2):

        def delay(n: int, lead: float = channel * 60.0 / 360.0) -> float:
            swing = (1 + math.sin(2 * math.pi * (3.7 * n / RATE + lead))) / 2
            return (2.3 + 1.9 * swing) * RATE / 1000

        dry = audio[0, channel].numpy()
        expected = 0.3 * dry + 0.7 * sweep(dry, delay, -0.7)
        np.testing.assert_allclose(output[0, channel].numpy(), expected, atol=1e-10)


def test_vibrato_is_its_definition_and_stays_in_place() -> None:
    audio = noise(1, 2500)
    output = effects.vibrato(audio, RATE, rate_hz=6.0, depth_ms=2.0)
    expected = sweep(audio[0, 0].numpy(), lambda n: 16.0 * math.sin(2 * math.pi * 6.0 * n / RATE), 0.0)
    np.testing.assert_allclose(output[0, 0].numpy(), expected, atol=1e-10)
    spectra = torch.fft.rfft(torch.stack((audio[0, 0], output[0, 0])), n=8192)
    correlation = torch.fft.irfft(spectra[1] * spectra[0].conj(), n=8192).roll(4096)
    centre = (correlation.abs() * torch.arange(-4096, 4096)).sum() / correlation.abs().sum()
    assert abs(float(centre)) < 200


def test_vibrato_swings_the_pitch_as_documented() -> None:
    rate, time = 44100, torch.arange(44100, dtype=torch.float64) / 44100
    audio = torch.sin(2 * math.pi * 1000.0 * time).reshape(1, 1, -1)
    output = effects.vibrato(audio, rate, rate_hz=5.0, depth_ms=1.0)
    swung = time - 0.001 * torch.sin(2 * math.pi * 5.0 * time)
    expected = torch.sin(2 * math.pi * 1000.0 * swung)
    # A cubic through samples at 44 per period is good to -75 dB.
    torch.testing.assert_close(output[0, 0, 100:-100], expected[100:-100], rtol=0, atol=3e-4)


@pytest.mark.parametrize("time_ms", [1.0, 12.5, 33.37])
def test_echoes_are_their_definition(time_ms: float) -> None:
    audio = noise(samples=2000)
    settings = {"time_ms": time_ms, "feedback": 0.8, "damping_hz": 1500.0, "mix": 0.6}
    output = effects.delay(audio, RATE, **settings)
    pole, samples = math.exp(-2 * math.pi * 1500.0 / RATE), time_ms * RATE / 1000
    for channel in range(2):
        dry = audio[0, channel].numpy()
        line, wet, low = dry.copy(), np.zeros_like(dry), 0.0
        for n in range(dry.size):
            wet[n] = read_cubic(lambda k: line[k] if k >= 0 else 0.0, n - samples)  # noqa: B023
            low = wet[n] + pole * (low - wet[n])
            line[n] += 0.8 * low
        np.testing.assert_allclose(output[0, channel].numpy(), 0.4 * dry + 0.6 * wet, atol=1e-10)


def test_ping_pong_goes_from_side_to_side() -> None:
    click = torch.zeros(1, 2, 2000, dtype=torch.float64)
    click[0, 0, 0], click[0, 1, 0] = 1.0, 0.5
    settings = {"time_ms": 50.0, "feedback": 0.5, "damping_hz": 20000.0, "mix": 1.0}
    output = effects.delay(click, RATE, pattern="ping_pong", **settings)[0]
    low_pass = 1 - math.exp(-2 * math.pi * 20000.0 / RATE)
    for number in range(4):
        at = 400 * (number + 1)
        level = 0.75 * (0.5 * low_pass) ** number
        assert float(output[number % 2, at]) == pytest.approx(level, rel=1e-9)
        assert abs(float(output[1 - number % 2, at])) < 1e-12
    mono = click[:, :1]
    straight = effects.delay(mono, RATE, **settings)
    assert torch.equal(effects.delay(mono, RATE, pattern="ping_pong", **settings), straight)


def test_a_delay_time_can_be_learnt() -> None:
    """The gradient of a fraction of a sample leads to the right delay."""
    smooth = torch.nn.functional.avg_pool1d(noise(1, 3000), 25, 1)
    target = effects.delay(smooth, RATE, time_ms=20.0, feedback=0.3, mix=1.0)
    time = torch.tensor([19.2], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([time], lr=0.05)
    for _ in range(60):
        optimiser.zero_grad()
        (effects.delay(smooth, RATE, time_ms=time, feedback=0.3, mix=1.0) - target).square().mean().backward()
        optimiser.step()
    assert float(time.detach()) == pytest.approx(20.0, abs=0.05)


@pytest.mark.parametrize("stages", [2, 6])
def test_the_phaser_is_its_definition(stages: int) -> None:
    audio = noise(samples=1500)
    settings = {"rate_hz": 4.0, "centre_hz": 700.0, "depth_octaves": 2.0, "feedback": 0.6, "phase_deg": 90.0}
    output = effects.phaser(audio, RATE, mix=0.5, stages=str(stages), **settings)
    for channel in range(2):
        times = np.arange(0, 1520, 16) / RATE
        frequency = 700.0 * 2 ** (2.0 * np.sin(2 * np.pi * (4.0 * times + channel / 4)))
        warp = np.tan(np.pi * np.minimum(frequency, 0.45 * RATE) / RATE)
        coefficient = np.interp(np.arange(1500), np.arange(0, 1520, 16), (1 - warp) / (1 + warp))
        dry, state, last = audio[0, channel].numpy(), np.zeros(stages), 0.0
        wet = np.zeros_like(dry)
        for n, a in enumerate(coefficient):
            x = dry[n] + 0.6 * last
            for stage in range(stages):
                y = state[stage] - a * x
                state[stage] = x + a * y
                x = y
            wet[n] = last = x
        np.testing.assert_allclose(output[0, channel].numpy(), (dry + wet) / 2, atol=1e-10)


def test_a_standing_phaser_has_its_notches_where_the_phase_turns_by_180_degrees() -> None:
    click = torch.zeros(1, 1, 44100, dtype=torch.float64)
    click[..., 0] = 1.0
    settings = {"centre_hz": 1000.0, "depth_octaves": 0.0, "feedback": 0.0}
    response = torch.fft.rfft(effects.phaser(click, 44100, mix=0.5, stages="2", **settings)[0, 0]).abs()
    assert int(response.argmin()) == 1000
    assert float(response.min()) < 1e-9
    turned = torch.fft.rfft(effects.phaser(click, 44100, mix=1.0, stages="12", **settings)[0, 0]).abs()
    torch.testing.assert_close(turned, torch.ones_like(turned), rtol=0, atol=1e-9)


def test_tremolo_is_its_definition() -> None:
    audio, time = noise(), np.arange(4000) / RATE
    for shape in (0.0, 0.2, 1.0):
        output = effects.tremolo(audio, RATE, rate_hz=7.0, depth=0.8, shape=shape, phase_deg=180.0)
        for channel in range(2):
            cosine = np.cos(2 * np.pi * 7.0 * time + np.pi * channel)
            wave = cosine * np.sqrt((1 + 400 * shape) / (1 + 400 * shape * cosine**2))
            expected = audio[0, channel].numpy() * (1 - 0.8 * (1 - wave) / 2)
            np.testing.assert_allclose(output[0, channel].numpy(), expected, atol=1e-10)


@pytest.mark.parametrize("name", ["delay", "chorus", "flanger", "vibrato", "phaser"])
def test_float32_is_float64_to_100_db(name: str) -> None:
    audio = noise(samples=8000)
    settings = effects.create_processor(name).sample(torch.Generator().manual_seed(4))
    exact = effects.create_processor(name)(audio, RATE, **settings)
    single = effects.create_processor(name)(audio.float(), RATE, **settings).double()
    assert 20 * math.log10(float((single - exact).norm() / exact.norm())) < -100


@pytest.mark.parametrize(("hz", "loss_db"), [(5000.0, -0.05), (10000.0, -0.74), (15000.0, -3.53), (18000.0, -7.63)])
def test_an_echo_between_samples_loses_the_treble_that_is_documented(hz: float, loss_db: float) -> None:
    rate = 44100
    turn = 2.0 * math.pi * hz / rate
    cubic = 9.0 / 8.0 * math.cos(turn / 2.0) - 1.0 / 8.0 * math.cos(3.0 * turn / 2.0)
    assert 20.0 * math.log10(cubic) == pytest.approx(loss_db, abs=0.006)
    tone = torch.sin(turn * torch.arange(rate, dtype=torch.float64)).reshape(1, 1, -1)
    for samples, expected in ((100.5, cubic), (100.0, 1.0)):
        echo = effects.delay(tone, rate, time_ms=samples * 1000.0 / rate, feedback=0.0, mix=1.0)[..., 1000:]
        assert float(echo.square().mean().sqrt()) * math.sqrt(2.0) == pytest.approx(expected, rel=1e-3)
