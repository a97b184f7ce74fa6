from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from encoders import SpectralEncoder
from encoders.front_ends import StereoFrames, mel_filter_bank
from encoders.stereo_frame_kernels import band_edges, band_powers, step_powers, wants_numbers_only

RATE = 44100


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def music(samples: int) -> torch.Tensor:
    """Decaying tones with clicks over quiet noise, panned and delayed between the channels: (1, 2, samples)."""
    t = torch.arange(samples) / RATE
    tones = sum(0.2 * torch.sin(2 * torch.pi * f * t) * torch.exp(-((t * 3) % 1) * 5) for f in (55.0, 440.0, 6010.0))
    left = tones + 1e-3 * noise(samples)
    left[:: RATE // 4] += 0.5
    return torch.stack([left, 0.3 * left.roll(9) + 1e-4 * noise(samples, seed=1)])[None]


def cases(samples: int) -> dict[str, torch.Tensor]:
    mono = noise(1, 1, samples).expand(-1, 2, -1)
    return {
        "music": music(samples),
        "noise": noise(1, 2, samples),
        "mono": mono,
        "anti-phase": mono * torch.tensor([[1.0], [-1.0]]),
        "hard left": mono * torch.tensor([[1.0], [0.0]]),
        "silence": torch.zeros(1, 2, samples),
        "DC": torch.full((1, 2, samples), 0.5),
        "clipped": (30 * noise(1, 2, samples)).clamp(-1, 1),
        "faint": 1e-6 * noise(1, 2, samples),
    }


@pytest.mark.parametrize("settings", [{}, {"hop": 2048, "n_mels": 40}, {"n_fft": 512, "hop": 768, "n_steps": 3}])
@pytest.mark.parametrize("samples", [1, 700, 1536, 50001])
def test_kernels_give_what_the_tensor_operations_give(settings: dict[str, int], samples: int) -> None:
    module = StereoFrames(RATE, **settings)
    for name, audio in cases(samples).items():
        found, expected = module(audio), module(audio.clone().requires_grad_(True)).detach()
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0, msg=lambda text, name=name: f"{name}: {text}")


def test_a_batch_of_strided_audio_gives_what_its_items_give() -> None:
    module = StereoFrames(RATE)
    audio = noise(3, 20000, 2).transpose(1, 2)[..., 7:]
    torch.testing.assert_close(module(audio), torch.cat([module(item[None].contiguous()) for item in audio]))


def test_gradients_still_come_by_tensor_operations() -> None:
    audio = music(8000).requires_grad_(True)
    (gradient,) = torch.autograd.grad(StereoFrames(RATE)(audio).square().sum(), audio)
    assert float(gradient.abs().sum()) > 0.0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_is_none_shows_in_the_same_places(bad: float) -> None:
    audio = noise(1, 2, 20000)
    audio[0, 1, 9000] = bad
    module = StereoFrames(RATE)
    found, expected = module(audio), module(audio.clone().requires_grad_(True)).detach()
    assert bool(found.isnan().any())
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0, equal_nan=True)


def test_band_powers_are_those_of_numpy_in_float64() -> None:
    # Noise has power in every band; where there is none, float32 only tells how much less it is than the loudest.
    padded, hop = noise(1, 2, 20480), 1024
    filters, window = mel_filter_bank(64, 2048, RATE, 30.0, 20000.0), torch.hann_window(2048)
    found = band_powers(padded, window, hop, filters, band_edges(filters))
    frames = np.lib.stride_tricks.sliding_window_view(padded[0].double().numpy(), 2048, axis=-1)[:, ::hop]
    left, right = np.fft.rfft(frames * window.double().numpy())
    cross = left * right.conj()
    planes = np.stack([np.abs(left) ** 2, np.abs(right) ** 2, cross.real, cross.imag])
    expected = (planes @ filters.double().numpy()).transpose(0, 2, 1)
    scale = np.sqrt(expected[0] * expected[1])
    assert np.abs((found[0].numpy() - expected) / np.stack([expected[0], expected[1], scale, scale])).max() < 1e-5


def test_step_powers_are_those_of_numpy_in_float64() -> None:
    audio, hop, n_steps = music(20480), 1024, 8
    found = step_powers(audio, hop, n_steps)[0].numpy()
    left, right = np.pad(audio[0].double().numpy(), ((0, 0), (hop // 2, hop // 2)))
    middle, side = (((left + sign * right) / 2).reshape(-1, n_steps, hop // n_steps) for sign in (1, -1))
    expected = np.concatenate([(middle**2).mean(-1).T, (side**2).mean(-1).T])
    np.testing.assert_allclose(found[: 2 * n_steps], expected, rtol=1e-5, atol=1e-15)
    peaks = np.stack([np.abs(channel.reshape(-1, hop)).max(-1) ** 2 for channel in (left, right)])
    np.testing.assert_allclose(found[2 * n_steps :], peaks, rtol=1e-6)


def test_only_plain_numbers_leave_pytorch() -> None:
    audio = noise(1, 2, 4000)
    assert wants_numbers_only(audio)
    assert not wants_numbers_only(audio, audio.clone().requires_grad_(True))
    assert not wants_numbers_only(audio.double())
    assert not wants_numbers_only(audio.to("meta"))
    with torch.autocast("cpu", torch.bfloat16):
        assert not wants_numbers_only(audio)
        assert bool(torch.isfinite(StereoFrames(RATE)(audio)).all())


def test_embeddings_are_alike_with_and_without_gradients_and_from_many_threads() -> None:
    encoder = SpectralEncoder(dim=16, channels=16, n_blocks=2, hidden=32).eval()
    clips = [music(RATE), noise(1, 2, RATE), noise(1, 1, RATE).expand(-1, 2, -1)]
    with torch.no_grad(), ThreadPoolExecutor(3) as pool:
        found = list(pool.map(encoder, clips * 3))
    for clip, embedding in zip(clips * 3, found, strict=True):
        torch.testing.assert_close(embedding, encoder(clip.clone().requires_grad_(True)).detach(), atol=1e-5, rtol=0)
