from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import soundfile
import torch

from fxrep import effects
from fxrep.effects.convolution import fft_convolve
from fxrep.effects.noise_bank import BAND_CENTRES, band_weights, noise_bank
from fxrep.effects.reverb import noise_response
from fxrep.errors import ArgumentError, FxrepError

RATE = 44100


def columns(*values: float) -> list[torch.Tensor]:
    return [torch.tensor([value], dtype=torch.float64) for value in values]


@pytest.mark.parametrize("samples", [1, 2, 777, 4000, 4001])
@pytest.mark.parametrize("taps", [1, 2, 100, 101, 5000])
def test_convolution_is_exact_at_odd_and_even_lengths(samples: int, taps: int) -> None:
    generator = torch.Generator().manual_seed(samples + taps)
    audio = torch.randn(2, 2, samples, generator=generator, dtype=torch.float64)
    response = torch.randn(2, 1, taps, generator=generator, dtype=torch.float64)
    truth = scipy.signal.fftconvolve(audio.numpy(), response.numpy(), axes=-1)[..., :samples]
    np.testing.assert_allclose(fft_convolve(audio, response).numpy(), truth, atol=1e-10)


@pytest.mark.parametrize(("decay_s", "damping"), [(0.3, 0.0), (1.0, 0.5), (2.0, 1.0)])
def test_decay_is_rt60(decay_s: float, damping: float) -> None:
    response = noise_response(*columns(decay_s, damping, 0.0), RATE)[0].double().numpy()
    low = scipy.signal.sosfilt(scipy.signal.butter(4, [150, 450], "bandpass", fs=RATE, output="sos"), response)
    energy = np.cumsum((low**2).sum(0)[::-1])[::-1]
    curve = 10 * np.log10(energy / energy[0] + 1e-12)
    begin, end = np.argmax(curve < -5), np.argmax(curve < -35)
    assert 2 * (end - begin) / RATE == pytest.approx(decay_s, rel=0.08)


def test_damping_shortens_the_treble() -> None:
    treble = scipy.signal.butter(4, 6000, "highpass", fs=RATE, output="sos")
    late = []
    for damping in (0.0, 0.8):
        tail = noise_response(*columns(1.0, damping, 0.0), RATE)[0, :, RATE // 3 :].double().numpy()
        late.append(np.square(scipy.signal.sosfilt(treble, tail)).sum())
    assert late[1] < 0.05 * late[0]


def test_the_response_has_unit_energy_and_starts_after_the_pre_delay() -> None:
    response = noise_response(*columns(0.5, 0.5, 50.0), RATE)
    assert float(response.square().sum() / 2) == pytest.approx(1.0, rel=1e-5)
    assert not response[..., : int(0.05 * RATE)].any()
    assert not response[..., math.ceil(0.55 * RATE) + 1 :].any()


def test_left_and_right_are_different_rooms() -> None:
    left, right = noise_response(*columns(1.0, 0.0, 0.0), RATE)[0].double()
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
    bank = noise_bank(RATE, 4096, 5)
    assert bank.shape == (len(BAND_CENTRES), 2, 4096)
    assert float(bank.sum(0).std()) == pytest.approx(1.0, rel=0.05)


def test_mix_0_is_the_identity(noise: torch.Tensor) -> None:
    assert torch.equal(effects.noise_shaped_reverb(noise, RATE, mix=0.0), noise)
    assert torch.equal(effects.convolution_reverb(noise, RATE, impulse_response=torch.ones(3), mix=0.0), noise)


def test_gradients_match_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    audio = torch.randn(1, 2, 700, generator=generator, dtype=torch.float64)
    settings = [value.requires_grad_() for value in columns(0.15, 0.3, 21.0, 0.6)]
    names = ("decay_s", "damping", "pre_delay_ms", "mix")

    def wet(*values: torch.Tensor) -> torch.Tensor:
        output = effects.noise_shaped_reverb(audio, 8000, **dict(zip(names, values, strict=True)))
        return output[..., ::50]

    assert torch.autograd.gradcheck(wet, tuple(settings), eps=1e-5, atol=1e-4, rtol=1e-3)


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
    assert mono.shape == noise[:, :1].shape


@pytest.mark.parametrize("response", [torch.zeros(9), torch.ones(6, 9), torch.ones(0), torch.full((9,), float("nan"))])
def test_an_unusable_impulse_response_is_refused(response: torch.Tensor, noise: torch.Tensor) -> None:
    with pytest.raises(ArgumentError, match="impulse_response"):
        effects.convolution_reverb(noise, RATE, impulse_response=response, mix=0.5)


def test_a_missing_impulse_response_is_named(noise: torch.Tensor) -> None:
    with pytest.raises(FxrepError, match="no-such-room"):
        effects.convolution_reverb(noise, RATE, impulse_response="no-such-room.wav", mix=0.5)
    with pytest.raises(ArgumentError, match="impulse_response="):
        effects.create_processor("convolution_reverb")(noise, RATE, mix=0.5)
