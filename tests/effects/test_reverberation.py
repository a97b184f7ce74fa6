"""What holds for every reverb."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import scipy.signal
import torch

from fxrep import effects
from fxrep.effects.response_ending import finish_response
from fxrep.effects.reverb import decay_curve
from fxrep.effects.streaming import stream_blocks
from fxrep.errors import ArgumentError

RATE = 44100
MADE = ("noise_shaped_reverb", "feedback_delay_network", "schroeder_reverb", "plate_reverb", "spring_reverb")
NETWORKS = MADE[1:]
REVERBS = (*MADE, "convolution_reverb")
BANDS = (250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)


def reverb(name: str) -> effects.Reverb:
    if name == "convolution_reverb":
        generator = torch.Generator().manual_seed(4)
        room = torch.randn(2, 30001, generator=generator) * torch.exp(-torch.arange(30001) / 5000.0)
        return effects.ConvolutionReverb(room)
    processor = effects.create_processor(name)
    assert isinstance(processor, effects.Reverb)
    return processor


def settings(name: str) -> dict[str, Any]:
    return {} if name == "convolution_reverb" else {"decay_s": 0.4, "damping": 0.3, "pre_delay_ms": 3.0}


def difference_db(result: torch.Tensor, truth: np.ndarray) -> float:
    error = np.linalg.norm(result.double().numpy() - truth) / np.linalg.norm(truth)
    return float(20 * np.log10(error + 1e-20))


# 999 samples: the response is longer than the audio.
@pytest.mark.parametrize("samples", [999, 22050, 22051])
@pytest.mark.parametrize("name", REVERBS)
def test_a_reverb_is_the_convolution_with_its_impulse_response(name: str, samples: int, noise: torch.Tensor) -> None:
    processor = reverb(name)
    audio = torch.cat((noise, noise), -1)[..., :samples]
    response = processor.impulse_response(RATE, **settings(name))
    assert response.shape[:2] == (1, 2)
    wet = scipy.signal.oaconvolve(audio.double().numpy(), response.double().numpy(), axes=-1)[..., :samples]
    result = processor(audio, RATE, **settings(name), mix=1.0)
    assert difference_db(result, wet) < -100
    mixed = processor(audio, RATE, **settings(name), mix=0.3)
    assert difference_db(mixed, 0.7 * audio.double().numpy() + 0.3 * wet) < -100


@pytest.mark.parametrize("name", REVERBS)
def test_the_response_has_unit_energy(name: str) -> None:
    for tensors in ({}, {"mix": torch.tensor([0.1, 0.9])}):
        response = reverb(name).impulse_response(RATE, **settings(name), **tensors)
        energy = response.double().square().sum((1, 2)) / 2
        torch.testing.assert_close(energy, torch.ones_like(energy), rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", REVERBS)
def test_mix_0_is_the_identity_and_its_gradient_is_not_lost(name: str, noise: torch.Tensor) -> None:
    processor = reverb(name)
    assert torch.equal(processor(noise, RATE), noise)
    mix = torch.zeros(3, requires_grad=True)
    output = processor(noise, RATE, mix=mix)
    assert torch.equal(output, noise)
    output.square().sum().backward()
    assert mix.grad is not None
    assert mix.grad.abs().min() > 0


@pytest.mark.parametrize("name", REVERBS)
@pytest.mark.parametrize("channels", [1, 2])
def test_blocks_joined_are_the_whole(name: str, channels: int, noise: torch.Tensor) -> None:
    processor = reverb(name)
    audio = torch.cat([noise[:, :channels]] * 6, -1)
    chosen = {**settings(name), "mix": torch.tensor([0.2, 0.5, 1.0])}
    whole = processor(audio, RATE, **chosen)
    blocks = audio.split([1, 7, 1000, 65536, 17, audio.shape[-1] - 66561], -1)
    joined = torch.cat(list(stream_blocks(processor.stream(RATE, **chosen), blocks)), -1)
    assert joined.shape == whole.shape
    # Both are exact; what remains is float32 rounding of two ways to cut the convolution.
    assert difference_db(joined, whole.double().numpy()) < -120


@pytest.mark.parametrize("name", REVERBS)
def test_a_dry_stream_is_the_identity(name: str, noise: torch.Tensor) -> None:
    stream = reverb(name).stream(RATE, mix=0.0)
    assert torch.equal(torch.cat(list(stream_blocks(stream, noise.split(9000, -1))), -1), noise)


@pytest.mark.parametrize("name", MADE)
def test_gradients_match_finite_differences(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    audio = torch.randn(1, 2, 900, generator=generator, dtype=torch.float64)
    processor = reverb(name)
    # A point inside the ranges, the lengths of the responses not next to a whole number of samples.
    values = {"decay_s": 0.1503, "damping": 0.3, "pre_delay_ms": 11.03, "mix": 0.6, "size": 0.4}
    values |= {"diffusion": 0.55, "dispersion": 0.4}
    if name == "noise_shaped_reverb":
        values |= {"octave_500_gain_db": -3.0, "octave_1000_decay": 1.3, "octave_125_decay": 0.6}
    names = [known for known in values if known in processor.setting_names()]
    inputs = [torch.tensor([values[known]], dtype=torch.float64, requires_grad=True) for known in names]

    def wet(audio: torch.Tensor, *columns: torch.Tensor) -> torch.Tensor:
        return processor(audio, 8000, **dict(zip(names, columns, strict=True)))[..., 40::50]

    assert torch.autograd.gradcheck(lambda *columns: wet(audio, *columns), inputs, eps=1e-6, atol=1e-4, rtol=1e-3)
    short = audio[..., :60].clone().requires_grad_()
    fixed = [column.detach() for column in inputs]
    assert torch.autograd.gradcheck(lambda signal: wet(signal, *fixed), short, fast_mode=True)


@pytest.mark.parametrize("name", MADE)
def test_no_setting_is_dead(name: str, hits: torch.Tensor) -> None:
    processor = reverb(name)
    start = {p.name: 0.5 * (p.minimum + p.maximum) for p in processor.parameter_table} | {"decay_s": 0.5}
    columns = {key: torch.full((2,), value, requires_grad=True) for key, value in start.items()}
    processor(hits, RATE, **columns)[..., 20000:].square().sum().backward()
    for key, column in columns.items():
        assert column.grad is not None, key
        assert column.grad.abs().min() > 1e-6, key


@pytest.mark.parametrize("name", MADE)
def test_items_of_a_batch_have_the_response_they_have_alone(name: str) -> None:
    decays = torch.tensor([0.2, 1.0, 0.5])
    together = reverb(name).impulse_response(RATE, decay_s=decays)
    for index, decay_s in enumerate(decays):
        alone = reverb(name).impulse_response(RATE, decay_s=float(decay_s))[0]
        assert difference_db(together[index, :, : alone.shape[-1]], alone.double().numpy()) < -100
        assert not together[index, :, alone.shape[-1] :].any()


def expected_decay(decay_s: float, damping: float, centre: float) -> float:
    """Return the decay time of an octave of ideal diffuse sound, whose every frequency decays as asked.

    Within an octave with damping, what decays slowest lasts longest: the time is not that of the centre alone.
    """
    frequency = torch.fft.rfftfreq(8192, 1.0 / RATE, dtype=torch.float64)
    column = torch.tensor([[decay_s], [damping]], dtype=torch.float64)
    times = decay_curve(column[0], column[1], frequency)[0].numpy()
    weight = np.abs(scipy.signal.sosfreqz(octave_filter(centre), frequency.numpy(), fs=RATE)[1]) ** 4
    time = np.arange(0, 1.2 * decay_s, 0.001)
    return fitted(10 * np.log10(((weight * times)[:, None] * 1e-6 ** (time / times[:, None])).sum(0)), 0.001)


def octave_filter(centre: float) -> np.ndarray:
    edges = [centre / np.sqrt(2), centre * np.sqrt(2)]
    return scipy.signal.butter(4, edges, "bandpass", fs=RATE, output="sos")


def measured_decay(response: torch.Tensor, centre: float) -> float:
    """Return T30 of an octave: a line through the backward integral from -5 to -35 dB (ISO 3382)."""
    # Backwards and forwards, so that the filter's own ringing does not lengthen the decay.
    band = scipy.signal.sosfiltfilt(octave_filter(centre), response.double().numpy())
    energy = np.cumsum((band**2).sum(0)[::-1])[::-1]
    return fitted(10 * np.log10(energy + 1e-30), 1.0 / RATE)


def fitted(curve: np.ndarray, step_s: float) -> float:
    curve = curve - curve[0]
    begin, end = int(np.argmax(curve < -5)), int(np.argmax(curve < -35))
    return float(-60 / np.polyfit(np.arange(begin, end) * step_s, curve[begin:end], 1)[0])


@pytest.mark.parametrize(("decay_s", "damping"), [(2.5, 0.0), (2.5, 0.5), (3.0, 0.8)])
@pytest.mark.parametrize("name", MADE)
def test_every_octave_decays_as_asked(name: str, decay_s: float, damping: float) -> None:
    response = reverb(name).impulse_response(RATE, decay_s=decay_s, damping=damping)[0]
    # Springs carry nothing above 4.5 kHz.
    for centre in BANDS[:4] if name == "spring_reverb" else BANDS:
        assert measured_decay(response, centre) == pytest.approx(expected_decay(decay_s, damping, centre), rel=0.05)


@pytest.mark.parametrize("name", MADE)
def test_nothing_sounds_before_the_pre_delay(name: str) -> None:
    response = reverb(name).impulse_response(RATE, decay_s=0.5, pre_delay_ms=50.0)[0]
    before = response[:, : int(0.05 * RATE)].double().square().sum()
    # The networks' responses are rounded off by a taper towards Nyquist, which rings before the first echo.
    assert float(before / response.double().square().sum()) < 1e-7


@pytest.mark.parametrize("size", [0.25, 2.0])
@pytest.mark.parametrize("name", NETWORKS)
def test_size_moves_the_echoes_smoothly(name: str, size: float) -> None:
    processor = reverb(name)
    step = 1e-7 if size < 1 else -1e-7
    near = [processor.impulse_response(RATE, decay_s=0.3, size=size * factor) for factor in (1.0, 1.0 + step)]
    assert difference_db(near[1], near[0].double().numpy()) < -60


def test_the_window_is_the_same_in_tensor_operations() -> None:
    generator = torch.Generator().manual_seed(2)
    response = torch.randn(2, 2, 300, generator=generator, dtype=torch.float64).requires_grad_()
    columns = [torch.tensor(pair, dtype=torch.float64).requires_grad_() for pair in ((3.2, 9), (200.3, 250), (60, 199))]
    results, slopes = [], []
    for parallel in (False, True):
        start, end, fade = columns
        results.append(finish_response(response, start, 20.5, end, fade, parallel=parallel))
        weight = torch.linspace(-1, 1, 300, dtype=torch.float64).square()
        slopes.append(torch.autograd.grad((results[-1] * weight).sum(), (response, *columns)))
    torch.testing.assert_close(results[0], results[1])
    torch.testing.assert_close(slopes[0], slopes[1])


def test_an_exported_response_can_be_given_back(noise: torch.Tensor) -> None:
    settings = {"decay_s": torch.tensor([0.3, 0.5, 0.8], dtype=torch.float64), "damping": 0.4}
    rooms = effects.PlateReverb().impulse_response(RATE, **settings)
    wanted = effects.plate_reverb(noise, RATE, mix=0.3, **settings)
    torch.testing.assert_close(effects.convolution_reverb(noise, RATE, impulse_response=rooms, mix=0.3), wanted)
    chain = effects.EffectChain(["convolution_reverb"])
    entry = {"effect": "convolution_reverb", "settings": {"impulse_response": rooms, "mix": 0.3}}
    torch.testing.assert_close(chain(noise, RATE, [entry]), wanted)
    joined = torch.cat(list(stream_blocks(chain.stream(RATE, [entry]), noise.split(5000, -1))), -1)
    torch.testing.assert_close(joined, wanted, rtol=0, atol=1e-4)
    one = effects.convolution_reverb(noise, RATE, impulse_response=rooms[:1], mix=0.3)
    torch.testing.assert_close(one[0], wanted[0])


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (torch.ones(2, 1, 4), "2 impulse responses for a batch of 3"),
        (torch.ones(4).numpy(), "is a ndarray"),
        (torch.stack([torch.ones(1, 4), torch.zeros(1, 4), torch.ones(1, 4)]), "is silent"),
    ],
)
def test_an_unusable_response_is_named(response: object, message: str, noise: torch.Tensor) -> None:
    with pytest.raises(ArgumentError, match=message):
        effects.convolution_reverb(noise, RATE, impulse_response=response, mix=0.3)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MADE)
def test_a_seed_gives_another_room_of_the_same_decay(name: str, noise: torch.Tensor) -> None:
    reverb, settings = effects.create_processor(name), {"decay_s": 0.5, "damping": 0.0, "mix": 1.0}
    assert "seed" in reverb.setting_names()
    usual, other = (reverb.impulse_response(RATE, **settings, **seed)[0] for seed in ({}, {"seed": 3}))
    length = min(usual.shape[-1], other.shape[-1])
    likeness = (usual[..., :length] * other[..., :length]).sum() / (usual.norm() * other.norm())
    assert abs(float(likeness)) < 0.3
    late = [20.0 * torch.log10(room[..., 8820:13230].norm() / room.norm()) for room in (usual, other)]
    assert abs(float(late[0] - late[1])) < 3.0
    again = reverb.impulse_response(RATE, **settings, seed=3)[0]
    assert torch.equal(again, other)
    chain = effects.EffectChain([])
    entries = [{"effect": name, "settings": {**settings, "seed": seed}} for seed in (3, 4)]
    both = chain(noise[:2], RATE, [[entry] for entry in json.loads(json.dumps(entries))])
    torch.testing.assert_close(both[0], effects.convolution_reverb(noise[:1], RATE, impulse_response=other, mix=1.0)[0])
    assert not torch.allclose(both[1], reverb(noise[1:2], RATE, **settings, seed=3)[0], atol=1e-3)
    for wrong in (-1, 0.5, "a", True):
        with pytest.raises(ArgumentError, match="seed is"):
            reverb(noise, RATE, **{**settings, "seed": wrong})
