"""A batch on a device gives every item what it gets alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fxrep.errors import ArgumentError, AudioError
from fxrep.normalization import CONFIGURATIONS, STEPS, FitTrack, FxNormalizer

RATE = 44100
Maker = Callable[..., np.ndarray]
INSTRUMENTS = ["drums", "vocals", "other", "bass", "vocals"]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


@pytest.fixture(scope="module")
def tracks(hits: Maker, pink_noise: Maker) -> torch.Tensor:
    """Five unlike segments; one of them silent, one hard left."""
    first = hits(3.0) + 0.05 * pink_noise(3.0, seed=1)
    second = 0.4 * hits(3.0, interval_s=0.6, seed=2)
    third = np.diff(pink_noise(3.0, seed=3), axis=-1, prepend=0)
    fourth = hits(3.0, interval_s=0.5, seed=4, bed=0.001) * np.array([[1.0], [0.02]])
    return torch.from_numpy(np.stack([first, second, third, np.zeros_like(first), fourth]).astype(np.float32))


@pytest.fixture(scope="module")
def fitted(hits: Maker, pink_noise: Maker) -> FxNormalizer:
    wide = 0.2 * hits(4.0, interval_s=0.7) + 0.05 * pink_noise(4.0)
    return FxNormalizer.fit_tracks([FitTrack(wide, name, RATE) for name in set(INSTRUMENTS)], steps=[*STEPS])


def signal_to_difference_db(output: torch.Tensor, expected: torch.Tensor) -> float:
    return float(10 * torch.log10(expected.square().sum() / (output - expected).square().sum().clamp(min=1e-20)))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("steps", [[name] for name in STEPS] + [[*STEPS], ["default"]])
def test_an_item_comes_out_as_it_does_alone(
    steps: list[str], device: str, tracks: torch.Tensor, fitted: FxNormalizer
) -> None:
    normalizer = FxNormalizer(fitted.statistics, steps)
    output = normalizer.batch(tracks.to(device), RATE, INSTRUMENTS)
    assert output.device.type == device
    assert output.dtype == torch.float32
    for item, (track, instrument) in enumerate(zip(tracks, INSTRUMENTS, strict=True)):
        alone = normalizer(track, RATE, instrument)
        if instrument == "bass":
            assert torch.equal(output[item].cpu(), alone)  # silence
        else:
            assert signal_to_difference_db(output[item].cpu(), alone) > 80, instrument


def test_one_name_serves_all_and_mono_becomes_stereo(tracks: torch.Tensor, fitted: FxNormalizer) -> None:
    kept = tracks.clone()
    output = fitted.batch(tracks[:2, :1], RATE, "vocals")
    assert output.shape == (2, 2, tracks.shape[-1])
    assert signal_to_difference_db(output[1], fitted(tracks[1, :1], RATE, "vocals")) > 80
    assert torch.equal(tracks, kept)
    fitted.batch(tracks[3:4], RATE, "bass").add_(1.0)
    assert torch.equal(tracks, kept)


@pytest.mark.parametrize("samples", [1, 1000])
def test_short_segments_get_their_loudness(samples: int, fitted: FxNormalizer) -> None:
    output = fitted.batch(torch.full((2, 2, samples), 0.5), RATE, "vocals")
    assert output.shape == (2, 2, samples)
    assert (output / output[0, 0, 0] - 1).abs().max() < 1e-6


def test_bad_batches_are_refused(tracks: torch.Tensor, fitted: FxNormalizer) -> None:
    with pytest.raises(ArgumentError, match="2 instruments for 5 items"):
        fitted.batch(tracks, RATE, ["vocals", "drums"])
    broken = tracks.clone()
    broken[2, 1, 77] = torch.nan
    with pytest.raises(AudioError, match="item 2"):
        fitted.batch(broken, RATE, INSTRUMENTS)
    for shape in ((2, 100), (1, 3, 100), (1, 2, 0), (0, 2, 100)):
        with pytest.raises(AudioError):
            fitted.batch(torch.zeros(shape), RATE, "vocals")


def test_configurations_are_orders_by_name() -> None:
    names = {name: [step.name for step in steps] for name, steps in CONFIGURATIONS.items()}
    assert names["fxnorm-automix"] == ["reverb", "eq", "dynamics", "panning", "loudness"]
    assert names["koo"] == ["loudness", "eq", "dynamics", "imager", "loudness"]
    assert names["default"] == ["eq", "dynamics", "panning", "loudness"]


@pytest.mark.parametrize("rate", [8000, 192000])
def test_all_steps_work_at_every_rate(rate: int, fitted: FxNormalizer, hits: Maker) -> None:
    audio = torch.from_numpy(hits(1.5, rate=rate))
    output = fitted(audio, rate, "vocals")
    assert output.shape == audio.shape
    assert torch.isfinite(output).all()


def test_published_orders_bring_a_track_to_their_targets(tracks: torch.Tensor, fitted: FxNormalizer) -> None:
    for name in CONFIGURATIONS:
        normalizer = FxNormalizer(fitted.statistics, name)
        measured = normalizer.measure(normalizer(tracks[1], RATE, "vocals"), RATE, "vocals")
        before, targets = normalizer.measure(tracks[1], RATE, "vocals"), normalizer.targets("vocals")
        for step in normalizer.steps:
            if step.name != "dynamics":  # onsets that stand out less than the average's are left as they are
                distance = step.distance(before[step.name], targets[step.name])
                assert step.distance(measured[step.name], targets[step.name]) < max(0.5 * distance, 0.02), step.name
