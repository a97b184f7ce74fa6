"""The reverbs made of delays against recursions sample by sample and a dense solution."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
import scipy.signal
import torch

from fxrep import effects
from fxrep.effects.damped_network import DECAYS, FADE_SHARE, TAPER_FROM, Circle

DECAY_S = 0.15
TOLERANCE_DB = -100


class Line:
    """A delay of whole samples that loses as much as `decay_s` asks."""

    def __init__(self, samples: int, rate: int) -> None:
        self.held, self.place = np.zeros(samples), 0
        self.kept = 1e-3 ** (samples / (DECAY_S * rate))

    def read(self, ago: int | None = None) -> float:
        """Return the sample written `ago` samples before, the oldest by default."""
        samples = len(self.held)
        lost = self.kept if ago is None else self.kept ** (ago / samples)
        return lost * self.held[(self.place - (samples if ago is None else ago)) % samples]

    def write(self, value: float) -> None:
        self.held[self.place] = value
        self.place = (self.place + 1) % len(self.held)


class AllPass(Line):
    def __init__(self, samples: int, gain: float, rate: int) -> None:
        super().__init__(samples, rate)
        self.gain, self.entering = gain, 0.0

    def send(self, value: float) -> float:
        old = self.read()
        self.entering = value - self.gain * old
        return self.gain * self.entering + old

    def step(self) -> None:
        self.write(self.entering)


def finished(raw: np.ndarray, rate: int) -> np.ndarray:
    """Taper the spectrum, fade the end and scale to unit energy, as the documentation says."""
    points = 4 * raw.shape[1]
    place = np.fft.rfftfreq(points) * 2
    taper = np.cos(0.5 * np.pi * np.clip((place - TAPER_FROM) / (1 - TAPER_FROM), 0, 1)) ** 2
    tapered = np.fft.irfft(np.fft.rfft(raw, points) * taper, points)[:, : raw.shape[1]]
    lasting = DECAYS * DECAY_S * rate
    rise = np.clip((lasting - np.arange(raw.shape[1])) / (FADE_SHARE * lasting), 0, 1)
    windowed = tapered * rise**2 * (3 - 2 * rise)
    return windowed / np.sqrt((windowed**2).sum() / 2)


def check(name: str, raw: np.ndarray, rate: int, **settings: float) -> None:
    settings = {"decay_s": DECAY_S, "damping": 0.0, "pre_delay_ms": 0.0, **settings}
    result = effects.create_processor(name).impulse_response(rate, **settings)[0].double().numpy()
    truth = finished(raw[:, : result.shape[1]], rate)
    assert 20 * math.log10(np.linalg.norm(result - truth) / np.linalg.norm(truth)) < TOLERANCE_DB


def taps_of(rate: int) -> int:
    return math.ceil(DECAYS * DECAY_S * rate) + 1


def test_the_combs_and_all_passes_are_schroeders() -> None:
    rate, gain = 44100, 0.5
    raw = np.zeros((2, taps_of(rate)))
    impulse = np.eye(1, raw.shape[1])[0]
    kept = 1e-3 ** (1 / (DECAY_S * rate))
    for channel, spread in enumerate((0, 23)):
        for number, length in enumerate((1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617)):
            delay = np.eye(1, length + spread + 1, length + spread)[0] * kept ** (length + spread)
            raw[channel] += (-1) ** number * scipy.signal.lfilter(delay, np.eye(1, len(delay))[0] - delay, impulse)
        for length in (556, 441, 341, 225):
            delay = np.eye(1, length + spread + 1, length + spread)[0] * kept ** (length + spread)
            one = np.eye(1, len(delay))[0]
            raw[channel] = scipy.signal.lfilter(delay - gain * one, one - gain * delay, raw[channel])
    check("schroeder_reverb", raw, rate, diffusion=gain)


def test_the_plate_is_dattorros_figure_1() -> None:
    # At the rate of the paper all lengths are whole samples.
    rate = 29761
    diffusers = [AllPass(n, g, rate) for n, g in ((142, 0.75), (107, 0.75), (379, 0.625), (277, 0.625))]
    halves = [
        (AllPass(a, -0.7, rate), Line(b, rate), AllPass(c, 0.5, rate), Line(d, rate))
        for a, b, c, d in ((672, 4453, 1800, 3720), (908, 4217, 2656, 3163))
    ]
    left, right = halves
    raw = np.zeros((2, taps_of(rate)))
    for n in range(raw.shape[1]):
        value = float(n == 0)
        for diffuser in diffusers:
            value = diffuser.send(value)
        returned = (right[3].read(), left[3].read())
        (_, a, b, c), (_, d, e, f) = left, right
        raw[0, n] = d.read(266) + d.read(2974) - e.read(1913) + f.read(1996) - a.read(1990) - b.read(187) - c.read(1066)
        raw[1, n] = a.read(353) + a.read(3627) - b.read(1228) + c.read(2673) - d.read(2111) - e.read(335) - f.read(121)
        for (first, delay, second, last), other in zip(halves, returned, strict=True):
            entering = first.send(value + other)
            middle = second.send(delay.read())
            delay.write(entering)
            last.write(middle)
            first.step()
            second.step()
        for diffuser in diffusers:
            diffuser.step()
    check("plate_reverb", raw, rate)


def test_a_spring_is_a_loop_of_stretched_all_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("fxrep.effects.spring_reverb")
    rate, gain, travel, stretch = 16000, 0.5, 480, 10
    monkeypatch.setattr(module, "SPRINGS", (module.Spring(travel / rate, 800.0, 1.0, 0.5),))
    kept = 1e-3 ** (1 / (DECAY_S * rate))
    wave, heard = np.eye(1, taps_of(rate))[0], np.zeros(taps_of(rate))
    one, delay = np.eye(1, stretch + 1)[0], np.eye(1, stretch + 1, stretch)[0] * kept**stretch
    for trip in range(6):
        wave = np.concatenate((np.zeros(travel), wave[:-travel])) * kept**travel
        for _ in range(64):
            wave = scipy.signal.lfilter(gain * one + delay, one + gain * delay, wave)
        heard += (-1) ** trip * wave
    place = np.fft.rfftfreq(4 * len(heard), 1 / rate) / 800.0
    band = np.cos(0.5 * np.pi * np.clip((place - 0.8) / 0.2, 0, 1)) ** 2
    heard = np.fft.irfft(np.fft.rfft(heard, 4 * len(heard)) * band)[: len(heard)]
    check("spring_reverb", heard * np.array([[1.0], [0.5]]), rate, dispersion=gain)


@pytest.mark.parametrize(
    ("decay_s", "size", "damping"), [(0.1, 2.0, 0.0), (0.1, 1.0, 1.0), (0.8, 2.0, 0.5), (2.0, 1.0, 0.0)]
)
@pytest.mark.parametrize("name", ["feedback_delay_network", "schroeder_reverb", "plate_reverb", "spring_reverb"])
def test_nothing_comes_round_on_the_circle(
    name: str, decay_s: float, size: float, damping: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = effects.create_processor(name)
    columns = {parameter.name: parameter.default for parameter in processor.parameter_table if parameter.name != "mix"}
    columns |= {"decay_s": decay_s, "size": size, "damping": damping, "diffusion": 0.0, "dispersion": 0.0}
    known = {parameter.name for parameter in processor.parameter_table}
    given = {key: torch.tensor([value], dtype=torch.float64) for key, value in columns.items() if key in known}
    result = type(processor).response(22050, torch.float64, **given)
    module = importlib.import_module("fxrep.effects.damped_network")
    points = module.circle_points
    monkeypatch.setattr(module, "circle_points", lambda taps, rate: points(2 * taps + 3 * rate, rate))
    truth = type(processor).response(22050, torch.float64, **given)
    assert 20 * math.log10(float((result - truth).norm() / truth.norm())) < -100


@pytest.mark.parametrize("lines", ["8", "16"])
def test_the_network_solves_its_feedback_matrix(lines: str) -> None:
    module = importlib.import_module("fxrep.effects.feedback_delay_network")
    count, rate = int(lines), 44100
    circle = Circle(4096, torch.linspace(1e-4, 3e-4, 2049, dtype=torch.float64).unsqueeze(0), rate)
    size, diffusion = torch.tensor([[0.7], [0.4]], dtype=torch.float64)
    result = module._transfer(circle, size=size, diffusion=diffusion, lines=count, seed=5)[0].numpy()
    seconds, signs = (table.numpy() for table in module.network_layout(count, 5))
    matrix = np.eye(count) - 2 / count
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(count), atol=1e-12)
    assert not signs.sum(1).any()
    assert signs[0] @ signs[1] == 0
    for index in range(0, 2049, 97):
        exponent = -(2j * np.pi * index / 4096 + float(circle.loss[0, index]))
        length = 0.7 * seconds * rate
        inner = np.exp(exponent * module.ALL_PASS_SHARE * length)
        line = np.exp(exponent * (1 - module.ALL_PASS_SHARE) * length) * (0.4 + inner) / (1 + 0.4 * inner)
        outputs = np.linalg.solve(np.diag(1 / line) - matrix, np.ones(count))
        np.testing.assert_allclose(result[:, index], signs @ outputs, rtol=1e-8, atol=1e-10)


def test_seeds_choose_the_network_and_nothing_else_does(noise: torch.Tensor) -> None:
    first = effects.feedback_delay_network(noise, 44100, decay_s=0.3, mix=0.5)
    torch.manual_seed(99)
    assert torch.equal(first, effects.feedback_delay_network(noise, 44100, decay_s=0.3, mix=0.5))
    assert not torch.allclose(first, effects.feedback_delay_network(noise, 44100, decay_s=0.3, mix=0.5, seed=1))
    assert not torch.allclose(first, effects.feedback_delay_network(noise, 44100, decay_s=0.3, mix=0.5, lines="8"))
