from __future__ import annotations

import pytest
import torch

from encoders.front_ends import FLOOR_DB, RunningStandardization, StereoFrames, mel_filter_bank

RATE = 44100


def to_db(levels: torch.Tensor) -> torch.Tensor:
    """Undo the scaling of the front end."""
    return (levels - 1.0) / 2.0 * -FLOOR_DB


@pytest.fixture(scope="module")
def noise() -> torch.Tensor:
    return 0.1 * torch.randn(1, 1, RATE, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def frames() -> StereoFrames:
    return StereoFrames(RATE)


def views(frames: StereoFrames, audio: torch.Tensor) -> dict[str, torch.Tensor]:
    found = frames(audio)[0, :, 5:-5]
    names = ("left", "right", "mid", "side", "correlation", "quadrature")
    return dict(zip(names, found[: 6 * 64].split(64), strict=True))


def test_no_band_is_empty_at_any_rate() -> None:
    for rate in (8000, 16000, 44100, 192000):
        filters = mel_filter_bank(64, 2048, rate, 30.0, 20000.0)
        assert bool((filters.sum(0) > 0.4).all())


def test_a_full_scale_sine_reads_minus_three_decibels_at_any_window() -> None:
    t = torch.arange(RATE) / RATE
    sine = torch.sin(2 * torch.pi * 8000 * t).expand(1, 2, -1)
    for n_fft in (1024, 2048, 4096):
        found = to_db(StereoFrames(RATE, n_fft=n_fft)(sine)[0, :64, 20])
        assert float((10 ** (found / 10)).sum()) == pytest.approx(0.5, rel=0.06)


def test_level_is_kept(frames: StereoFrames, noise: torch.Tensor) -> None:
    stereo = noise.expand(-1, 2, -1)
    quiet, loud = views(frames, stereo), views(frames, 4 * stereo)
    assert float(to_db(loud["left"]).mean() - to_db(quiet["left"]).mean()) == pytest.approx(12.04, abs=0.01)


def test_polarity_side_and_delay_each_show(frames: StereoFrames, noise: torch.Tensor) -> None:
    dual_mono, anti_phase = torch.cat([noise, noise], 1), torch.cat([noise, -noise], 1)
    assert float(views(frames, dual_mono)["correlation"].mean()) == pytest.approx(1.0, abs=1e-3)
    assert float(views(frames, anti_phase)["correlation"].mean()) == pytest.approx(-1.0, abs=1e-3)
    hard_left = views(frames, torch.cat([noise, 0 * noise], 1))
    hard_right = views(frames, torch.cat([0 * noise, noise], 1))
    assert float((hard_left["left"] - hard_right["left"]).mean()) > 0.5
    torch.testing.assert_close(hard_left["mid"], hard_right["mid"])
    delayed = views(frames, torch.cat([noise, noise.roll(8, -1)], 1))
    # The channel that comes later lags by 2 pi f d / rate: sine of it, near 500 Hz, where the band is narrow.
    band = 15
    centre_hz = 700 * (10 ** ((_mel(30) + (band + 1) * (_mel(20000) - _mel(30)) / 65) / 2595) - 1)
    expected = torch.sin(torch.tensor(2 * torch.pi * centre_hz * 8 / RATE))
    assert float(delayed["quadrature"][band].mean().abs()) == pytest.approx(float(expected), abs=0.05)


def _mel(frequency: float) -> float:
    return 2595 * float(torch.log10(torch.tensor(1 + frequency / 700)))


def test_envelope_shows_a_transient_inside_the_frame(frames: StereoFrames) -> None:
    click = torch.zeros(1, 2, RATE)
    click[..., 10 * 1024 + 100] = 1.0
    steps = to_db(frames(click)[0, 6 * 64 : 6 * 64 + 8])
    loudest = (steps == steps.max()).nonzero()
    assert loudest.tolist() == [[4, 10]]


@pytest.mark.parametrize("samples", [1, 700, 1024, 1535, 1536, 50001])
def test_any_length_gives_finite_frames_and_gradients(frames: StereoFrames, samples: int) -> None:
    for audio in (torch.zeros(2, 2, samples), torch.ones(2, 2, samples)):
        audio.requires_grad_(True)
        found = frames(audio)
        assert found.shape == (2, frames.n_features, samples // 1024 + 1)
        (gradient,) = torch.autograd.grad(found.sum(), audio)
        assert bool(torch.isfinite(found).all() and torch.isfinite(gradient).all())


def test_running_standardization_averages_what_it_saw_and_then_stays() -> None:
    generator = torch.Generator().manual_seed(0)
    batches = [5.0 + 3.0 * torch.randn(4, 2, 50, generator=generator) for _ in range(5)]
    module = RunningStandardization(2, batches=3)
    torch.testing.assert_close(module(batches[0]), batches[0] / (1 + 1e-5) ** 0.5)
    for batch in batches[1:]:
        module(batch)
    seen = torch.stack([batch.mean((0, 2)) for batch in batches[:3]]).mean(0)
    torch.testing.assert_close(module.mean, seen)
    standard = module.eval()(torch.cat(batches))
    assert abs(float(standard.mean())) < 0.1
    assert abs(float(standard.std()) - 1.0) < 0.05
    torch.testing.assert_close(module.train()(batches[4]), module.eval()(batches[4]))
