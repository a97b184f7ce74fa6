from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import soundfile
import torch

from fxrep import effects
from fxrep.effects.noise_bank import BAND_CENTRES, band_weights, noise_bank, octave_weights
from fxrep.effects.noise_shaping import STRIDE, shape_noise
from fxrep.effects.reverb import noise_response
from fxrep.errors import ArgumentError, FxrepError

RATE = 44100


def response_of(decay_s: float, damping: float, pre_delay_ms: float, **octaves: float) -> torch.Tensor:
    values = {"decay_s": decay_s, "damping": damping, "pre_delay_ms": pre_delay_ms, **octaves}
    columns = {name: torch.tensor([value], dtype=torch.float64) for name, value in values.items()}
    return noise_response(RATE, **columns)


def test_damping_shortens_the_treble() -> None:
    treble = scipy.signal.butter(4, 6000, "highpass", fs=RATE, output="sos")
    late = []
    for damping in (0.0, 0.8):
        tail = response_of(1.0, damping, 0.0)[0, :, RATE // 3 :].double().numpy()
        late.append(np.square(scipy.signal.sosfilt(treble, tail)).sum())
    assert late[1] < 0.05 * late[0]


def test_the_response_has_unit_energy_and_starts_after_the_pre_delay() -> None:
    response = response_of(0.5, 0.5, 50.0)
    assert float(response.square().sum() / 2) == pytest.approx(1.0, rel=1e-5)
    assert not response[..., : int(0.05 * RATE)].any()
    assert not response[..., math.ceil(0.55 * RATE) + 1 :].any()


def test_the_sound_of_the_simple_settings_is_pinned() -> None:
    # Encoders are trained with this sound: these samples of the response must never change.
    response = response_of(1.0, 0.5, 10.0)[0, :, [450, 1000, 5000, 20000]]
    left = [0.00024074778775684536, 0.002706768922507763, -0.001950461883097887, 0.00010564109834376723]
    right = [-0.0009586023516021669, -0.018498023971915245, 0.014357666485011578, -0.00011752755381166935]
    torch.testing.assert_close(response, torch.tensor([left, right]), rtol=1e-4, atol=1e-8)


def test_neutral_octaves_change_nothing() -> None:
    plain = response_of(0.5, 0.4, 10.0)
    for octaves in ({"octave_63_decay": 1.0}, {"octave_2000_gain_db": 0.0}):
        torch.testing.assert_close(response_of(0.5, 0.4, 10.0, **octaves), plain, rtol=1e-4, atol=1e-6)


def inside_octaves(response: np.ndarray) -> dict[int, np.ndarray]:
    """The inner two thirds of every octave from 125 Hz to 8 kHz, cut out without phase."""
    points = 4 * response.shape[1]
    spectrum, hz = np.fft.rfft(response, points), np.fft.rfftfreq(points, 1 / RATE)
    parts = {}
    for octave in (125, 250, 500, 1000, 2000, 4000, 8000):
        outside = (np.abs(np.log2(np.maximum(hz, 1.0) / octave)) - 0.28) / 0.1
        weight = np.cos(0.5 * np.pi * np.clip(outside, 0.0, 1.0)) ** 2
        parts[octave] = np.fft.irfft(spectrum * weight, points)[:, : response.shape[1]]
    return parts


def decay_of(part: np.ndarray) -> float:
    """ISO 3382: T30, as a line through the backward integral from -5 to -35 dB."""
    energy = np.cumsum(np.square(part).sum(0)[::-1])[::-1]
    curve = 10 * np.log10(energy / energy[0] + 1e-30)
    begin, end = int(np.argmax(curve < -5)), int(np.argmax(curve < -35))
    return -60 / float(np.polyfit(np.arange(begin, end) / RATE, curve[begin:end], 1)[0])


def test_every_octave_decays_as_it_is_set() -> None:
    times = {125: 1.0, 250: 2.4, 500: 1.5, 1000: 0.8, 2000: 2.0, 4000: 1.2, 8000: 2.6}
    factors = {f"octave_{octave}_decay": time_s / 1.5 for octave, time_s in times.items()}
    changed = inside_octaves(response_of(1.5, 0.0, 0.0, **factors)[0].double().numpy())
    plain = inside_octaves(response_of(1.5, 0.0, 0.0)[0].double().numpy())
    for octave, time_s in times.items():
        # The noise itself makes narrow bands read up to a tenth wrong: what is asked for is a factor.
        factor = decay_of(changed[octave]) / decay_of(plain[octave])
        assert factor == pytest.approx(time_s / 1.5, rel=0.05 if octave > 125 else 0.1)


def test_the_decay_is_the_one_asked_for() -> None:
    for octave, part in inside_octaves(response_of(2.0, 0.0, 0.0)[0].double().numpy()).items():
        assert decay_of(part) == pytest.approx(2.0, rel=0.05 if octave > 250 else 0.1)


def test_one_octave_moves_alone() -> None:
    plain = inside_octaves(response_of(1.0, 0.0, 0.0)[0].double().numpy())
    for name, value in (("octave_1000_decay", 2.0), ("octave_1000_gain_db", -24.0)):
        changed = inside_octaves(response_of(1.0, 0.0, 0.0, **{name: value})[0].double().numpy())
        levels = {
            octave: 10 * np.log10(np.square(changed[octave]).sum() / np.square(plain[octave]).sum()) for octave in plain
        }
        for octave in plain:
            if octave != 1000:
                assert decay_of(changed[octave]) == pytest.approx(decay_of(plain[octave]), rel=0.01)
                # The scaling to unit energy moves all levels alike.
                assert levels[octave] == pytest.approx(levels[125], abs=0.1)
        if name.endswith("gain_db"):
            assert levels[1000] - levels[125] == pytest.approx(-24.0, abs=1.0)


def test_an_octave_may_outlast_the_noise_that_is_kept() -> None:
    response = response_of(5.0, 0.0, 100.0, octave_500_decay=2.0)
    assert response.shape[-1] > 10 * RATE
    assert response[..., 7 * RATE : 8 * RATE].any()


def test_the_shaping_is_the_same_in_tensor_operations() -> None:
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(3, 2, 4, STRIDE, generator=generator, dtype=torch.float64)
    slow = torch.rand(2, 3, 4, generator=generator, dtype=torch.float64).requires_grad_()
    fast = torch.rand(2, 3, STRIDE, generator=generator, dtype=torch.float64).requires_grad_()
    weight = torch.randn(2, 2, 4 * STRIDE, generator=generator, dtype=torch.float64)
    results = [shape_noise(noise, slow, fast, parallel=parallel) for parallel in (False, True)]
    slopes = [torch.autograd.grad((result * weight).sum(), (slow, fast)) for result in results]
    torch.testing.assert_close(results[0], results[1])
    torch.testing.assert_close(slopes[0], slopes[1])


def test_left_and_right_are_different_rooms() -> None:
    left, right = response_of(1.0, 0.0, 0.0)[0].double()
    assert abs(float((left * right).sum())) < 0.1


def test_the_same_settings_give_the_same_sound_every_time(noise: torch.Tensor) -> None:
    first = effects.noise_shaped_reverb(noise, RATE, decay_s=0.4, mix=0.5)
    torch.manual_seed(99)
    noise_bank.cache_clear()
    assert torch.equal(first, effects.noise_shaped_reverb(noise, RATE, decay_s=0.4, mix=0.5))
    assert not torch.allclose(first, effects.noise_shaped_reverb(noise, RATE, decay_s=0.4, mix=0.5, seed=1))


def test_the_bands_add_up_to_white_noise() -> None:
    frequencies = torch.linspace(0, 22050, 500, dtype=torch.float64)
    torch.testing.assert_close(band_weights(frequencies).sum(0), torch.ones(500, dtype=torch.float64))
    torch.testing.assert_close(octave_weights(frequencies).sum(0), torch.ones(500, dtype=torch.float64))
    bank, octaves = noise_bank(RATE, 4096, 5), noise_bank(RATE, 4096, 5, True)
    assert bank.shape == (len(BAND_CENTRES), 2, 4096)
    assert float(bank.sum(0).std()) == pytest.approx(1.0, rel=0.05)
    torch.testing.assert_close(octaves.sum(0), bank.sum(0))


def test_convolution_reverb_is_the_convolution(noise: torch.Tensor, tmp_path) -> None:  # type: ignore[no-untyped-def]
    generator = torch.Generator().manual_seed(8)
    response = torch.randn(2, 999, generator=generator) * torch.exp(-torch.arange(999) / 200)
    wet = effects.convolution_reverb(noise, RATE, impulse_response=response, mix=1.0)
    scaled = (response / (response.square().sum() / 2).sqrt()).double().numpy()
    truth = scipy.signal.fftconvolve(noise.double().numpy(), scaled[None], axes=-1)[..., : noise.shape[-1]]
    np.testing.assert_allclose(wet.numpy(), truth, atol=1e-5)
    path = tmp_path / "room.wav"
    soundfile.write(path, response.T.numpy(), RATE, subtype="FLOAT")
    from_file = effects.convolution_reverb(noise, RATE, impulse_response=str(path), mix=1.0)
    torch.testing.assert_close(from_file, wet)
    mono = effects.convolution_reverb(noise[:, :1], RATE, impulse_response=response, mix=1.0)
    mean = effects.convolution_reverb(noise[:, :1], RATE, impulse_response=response.mean(0), mix=1.0)
    torch.testing.assert_close(mono, mean)


def test_a_given_impulse_response_gets_its_gradient() -> None:
    generator = torch.Generator().manual_seed(5)
    audio = torch.randn(2, 2, 50, generator=generator, dtype=torch.float64)
    for channels, samples in ((1, 30), (2, 70)):
        response = torch.randn(channels, samples, generator=generator, dtype=torch.float64).requires_grad_()

        def wet(response: torch.Tensor) -> torch.Tensor:
            return effects.convolution_reverb(audio, RATE, impulse_response=response, mix=0.7)

        assert torch.autograd.gradcheck(wet, response)


@pytest.mark.parametrize("response", [torch.zeros(9), torch.ones(6, 9), torch.ones(0), torch.full((9,), float("nan"))])
def test_an_unusable_impulse_response_is_refused(response: torch.Tensor, noise: torch.Tensor) -> None:
    with pytest.raises(ArgumentError, match="impulse_response"):
        effects.convolution_reverb(noise, RATE, impulse_response=response, mix=0.5)


def test_a_missing_impulse_response_is_named(noise: torch.Tensor) -> None:
    with pytest.raises(FxrepError, match="no-such-room"):
        effects.convolution_reverb(noise, RATE, impulse_response="no-such-room.wav", mix=0.5)
    with pytest.raises(ArgumentError, match="impulse_response="):
        effects.create_processor("convolution_reverb")(noise, RATE, mix=0.5)
