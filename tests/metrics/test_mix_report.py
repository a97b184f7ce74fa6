from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fxrep.errors import ArgumentError, AudioError
from fxrep.metrics import embedding_distance, mix_features, mix_report

RATE = 44100


def test_embedding_distance_is_one_less_the_cosine() -> None:
    first, second = torch.tensor([3.0, 0.0]), torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [1.0, 1.0]])
    found = embedding_distance(first, second)
    torch.testing.assert_close(found, torch.tensor([0.0, 1.0, 2.0, 1.0 - math.sqrt(0.5)]))
    assert embedding_distance(first, second[1]).shape == ()
    torch.testing.assert_close(embedding_distance(second, second), torch.zeros(4))


def test_embedding_distance_has_exact_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    pair = [torch.randn(3, 5, dtype=torch.float64, generator=generator, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(embedding_distance, pair)


@pytest.mark.parametrize("scale", [1e30, 1e-30, 1e200, 1e-200])
def test_embedding_distance_hears_the_direction_whatever_the_length(scale: float) -> None:
    dtype = torch.float32 if 1e-30 <= scale <= 1e30 else torch.float64
    pair = scale * torch.tensor([[3.0, 0.0], [1.0, 1.0]], dtype=dtype)
    expected = torch.tensor(1.0 - math.sqrt(0.5), dtype=dtype)
    torch.testing.assert_close(embedding_distance(pair[0], pair[1]), expected)


def test_embedding_distance_takes_arrays_and_lists() -> None:
    first, second = [3.0, 0.0], [[1.0, 0.0], [1.0, 1.0]]
    expected = torch.tensor([0.0, 1.0 - math.sqrt(0.5)], dtype=torch.float64)
    torch.testing.assert_close(embedding_distance(first, second), expected)
    torch.testing.assert_close(embedding_distance(np.array(first), torch.tensor(second)), expected)
    single = embedding_distance(np.array(first, np.float32), torch.tensor(second).bfloat16())
    torch.testing.assert_close(single, expected.float())
    for bad in ([[1.0], [1.0, 2.0]], ["a", "b"], None, np.array([1j, 2.0]), torch.tensor([True, False])):
        with pytest.raises(ArgumentError, match="estimate"):
            embedding_distance(bad, first)


def test_embedding_distance_refuses_what_has_no_direction() -> None:
    good = torch.ones(4, 3)
    for bad, message in [
        (torch.zeros(3), "length 0"),
        (torch.full((3,), torch.nan), "NaN"),
        (torch.ones(4, 2), "expected"),
        (torch.ones(3, 3), "expected"),
        (torch.ones(1, 4, 3), "expected"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            embedding_distance(bad, good)


def tone(seconds: float = 2.0, left: float = 1.0, right: float = 1.0, frequency_hz: float = 1000.0) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    sine = np.sin(2 * np.pi * frequency_hz * t)
    return np.stack([left * sine, right * sine]).astype(np.float32)


def faded(audio: np.ndarray) -> np.ndarray:
    """Without the clicks at its ends, which sound in every band."""
    ramp = np.sin(np.linspace(0, np.pi / 2, RATE // 4)) ** 2
    audio = audio.copy()
    audio[:, : len(ramp)] *= ramp
    audio[:, -len(ramp) :] *= ramp[::-1]
    return audio


def test_features_of_a_sine_are_known() -> None:
    found = mix_features(tone(), RATE)
    assert found["loudness: peak (dB)"] == pytest.approx(0.0, abs=0.01)
    # 997 Hz at full scale reads -3.01 LUFS in one channel, 3 dB more in two.
    assert found["loudness: integrated (LUFS)"] == pytest.approx(0.0, abs=0.05)
    assert found["dynamics: crest (dB)"] == pytest.approx(3.01, abs=0.05)
    assert found["dynamics: spread (dB)"] == pytest.approx(0.0, abs=0.01)
    assert found["spectrum: centroid (octaves)"] == pytest.approx(math.log2(1000), abs=0.1)
    assert found["panning: RMS total"] == pytest.approx(0.0, abs=1e-3)
    assert found["width: side share"] == pytest.approx(0.0, abs=1e-6)
    left = mix_features(faded(tone(right=0.0)), RATE)
    assert left["panning: RMS mid"] == pytest.approx(1.0, abs=1e-3)
    assert math.isnan(left["panning: RMS high"])
    assert left["width: side share"] == pytest.approx(0.5, abs=1e-6)


def test_features_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = 0.1 * np.random.default_rng(0).standard_normal((2, RATE)).astype(np.float32)
    whole = mix_features(audio, RATE)
    monkeypatch.setattr("fxrep.metrics.frame_features.FRAMES", 5)
    assert mix_features(audio, RATE) == pytest.approx(whole, rel=1e-5)


class Spectrum:
    """An encoder whose embedding can be told beforehand: mean square of left and right."""

    def embed(self, audio: torch.Tensor, sample_rate: int | None = None) -> torch.Tensor:
        assert sample_rate == RATE
        return audio.square().mean(-1)


def test_report_sets_two_mixes_side_by_side(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 0.5 * tone().T, RATE, subtype="FLOAT")
    report = mix_report(tmp_path / "a.wav", faded(tone(3.0, right=0.0)), RATE, encoder=Spectrum())
    assert report["embedding_distance"] == pytest.approx(1 - math.sqrt(0.5), abs=1e-4)
    level = report["features"]["loudness: peak (dB)"]
    assert level["difference"] == pytest.approx(-6.02, abs=0.02)
    assert level["estimate"] - level["reference"] == level["difference"]
    assert report["features"]["panning: RMS high"]["reference"] is None
    json.dumps(report, allow_nan=False)
    same = mix_report(tone(), tone(), RATE, encoder=Spectrum())
    assert {value["difference"] for value in same["features"].values()} <= {0.0, None}
    assert same["embedding_distance"] == 0.0


def test_report_resamples_and_loads_the_encoder_that_ships() -> None:
    noise = (0.1 * np.random.default_rng(1).standard_normal((2, 2 * RATE))).astype(np.float32)
    report = mix_report(noise, noise[:, :RATE], RATE, reference_rate=RATE // 2)
    assert report["embedding_distance"] > 0.0
    assert report["features"]["spectrum: centroid (octaves)"]["difference"] > 0.5
    assert mix_report(noise, noise, RATE, encoder=None)["embedding_distance"] is None


def test_report_says_which_recording_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="reference: audio is silent"):
        mix_report(tone(), 0.0 * tone(), RATE, encoder=None)
    with pytest.raises(AudioError, match="estimate: audio has shape"):
        mix_report(tone(0.2), tone(), RATE, encoder=None)
    with pytest.raises(AudioError, match=r"reference: .*missing.wav"):
        mix_report(tone(), tmp_path / "missing.wav", RATE, encoder=None)
    with pytest.raises(ArgumentError, match="sample_rate"):
        mix_report(tone(), tone(), encoder=None)
    with pytest.raises(ArgumentError, match="encoder is a int"):
        mix_report(tone(), tone(), RATE, encoder=3)  # type: ignore[arg-type]
