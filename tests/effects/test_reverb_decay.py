"""Decay times as they are measured: T30 of ISO 3382 from octave filters that run backwards."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch

from fxrep import effects
from fxrep.effects.reverb import decay_curve, noise_response
from fxrep.effects.steady_noise import steady_spectrum

RATE = 44100
OCTAVES = tuple(62.5 * 2**number for number in range(9))


def octave_filter(centre: float) -> np.ndarray:
    edges = [centre / np.sqrt(2), min(centre * np.sqrt(2), 0.49 * RATE)]
    return scipy.signal.butter(4, edges, "bandpass", fs=RATE, output="sos")


def measured_decay(response: np.ndarray, centre: float) -> float:
    """T30 of the sum of the channels: run backwards, the filter does not add its own ringing to the decay."""
    lead = int(4 * RATE / centre)
    turned = np.pad(response, ((0, 0), (lead, 0)))[:, ::-1]
    energy = np.cumsum(np.square(scipy.signal.sosfilt(octave_filter(centre), turned)).sum(0))[::-1]
    return fitted(energy, 1.0 / RATE)


def fitted(energy: np.ndarray, step_s: float) -> float:
    curve = 10 * np.log10(energy / energy[0] + 1e-30)
    begin, end = int(np.argmax(curve < -5)), int(np.argmax(curve < -35))
    return float(-60 / np.polyfit(np.arange(begin, end) * step_s, curve[begin:end], 1)[0])


def diffuse_decay(decay_s: float, damping: float, centre: float) -> float:
    """T30 of ideal diffuse sound whose every frequency decays as asked: with damping not quite that of the centre."""
    if not damping or centre < 200.0:
        return decay_s
    frequency = torch.fft.rfftfreq(2048, 1.0 / RATE, dtype=torch.float64)
    column = torch.tensor([[decay_s], [damping]], dtype=torch.float64)
    times = decay_curve(column[0], column[1], frequency)[0].numpy()
    weight = np.abs(scipy.signal.sosfreqz(octave_filter(centre), frequency.numpy(), fs=RATE)[1]) ** 2
    # Steps short enough for the shortest decay.
    step_s = decay_s / 500
    time = np.arange(0, 1.2 * decay_s, step_s)
    return fitted(((weight * times)[:, None] * 1e-6 ** (time / times[:, None])).sum(0), step_s)


def room(decay_s: float, damping: float, pre_delay_ms: float, seed: int = 20230) -> np.ndarray:
    values = {"decay_s": decay_s, "damping": damping, "pre_delay_ms": pre_delay_ms}
    columns = {name: torch.tensor([value], dtype=torch.float64) for name, value in values.items()}
    return np.asarray(noise_response(RATE, seed=seed, **columns)[0].double())


def within_limit(centre: float, decay_s: float) -> bool:
    return decay_s * centre / np.sqrt(2) >= 10.0


@pytest.mark.parametrize("decay_s", [0.1, 0.25, 0.7, 5.0])
@pytest.mark.parametrize(("pre_delay_ms", "seed"), [(0.0, 20230), (47.0, 20230), (100.0, 20230), (10.0, 3)])
def test_every_octave_decays_as_asked(decay_s: float, pre_delay_ms: float, seed: int) -> None:
    response = room(decay_s, 0.0, pre_delay_ms, seed)
    for centre in OCTAVES:
        if within_limit(centre, decay_s):
            assert measured_decay(response, centre) == pytest.approx(decay_s, rel=0.05), centre


@pytest.mark.parametrize(
    ("name", "decay_s"),
    [("feedback_delay_network", 1.0), ("schroeder_reverb", 2.0), ("plate_reverb", 1.5), ("spring_reverb", 0.6)],
)
def test_every_octave_of_a_network_decays_as_asked(name: str, decay_s: float) -> None:
    processor = effects.create_processor(name)
    assert isinstance(processor, effects.Reverb)
    response = processor.impulse_response(RATE, decay_s=decay_s, damping=0.0)[0].double().numpy()
    for centre in OCTAVES:
        assert measured_decay(response, centre) == pytest.approx(decay_s, rel=0.05), centre


@pytest.mark.parametrize("damping", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("decay_s", [0.25, 0.6, 3.0])
def test_damped_octaves_decay_like_diffuse_sound(decay_s: float, damping: float) -> None:
    response = room(decay_s, damping, 10.0)
    for centre in OCTAVES:
        assert measured_decay(response, centre) == pytest.approx(diffuse_decay(decay_s, damping, centre), rel=0.05)


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
def test_steady_noise_is_white(rate: int) -> None:
    samples = 2**17
    spectrum = steady_spectrum(rate, samples, 1)
    frequency = torch.fft.rfftfreq(samples, 1.0 / rate)
    assert spectrum.shape == (2, samples // 2 + 1)
    for centre in (40.0, 50.0, 63.0, 88.0, 125.0, 177.0, 250.0, 354.0, 500.0, 1000.0, 1414.0, 2828.0):
        third = (frequency > centre * 2 ** (-1 / 6)) & (frequency < centre * 2 ** (1 / 6))
        power_db = 10 * torch.log10(spectrum[:, third].abs().square().mean() / samples)
        # A third of an octave is wider than what a round makes good for, by which it may differ.
        assert abs(float(power_db)) < 1.0, centre
    left, right = spectrum
    assert float((left * right.conj()).sum().abs() / (left.norm() * right.norm())) < 0.02


def test_steady_noise_is_steadier_than_gaussian_noise() -> None:
    samples = 2**17
    gaussian = torch.fft.rfft(torch.randn(2, samples, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    for centre in (62.5, 500.0, 4000.0):
        spread = []
        for spectrum in (steady_spectrum(RATE, samples, 1), gaussian):
            noise = torch.fft.irfft(spectrum, n=samples).numpy()
            octave = scipy.signal.hilbert(scipy.signal.sosfilt(octave_filter(centre), noise)[:, 8192:])
            spread.append(np.abs(octave).std() / np.abs(octave).mean())
        # That of Gaussian noise is 0.52.
        assert spread[0] < 0.6 * spread[1]
