from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from encoders.evaluation import BlindSpotProtocol, System, baseline_systems, blind_spot_benchmark
from encoders.evaluation.contrasts import CONTRASTS, HAAS_MS, RENDERS, make_contents
from fxrep.data import Manifest
from fxrep.errors import ArgumentError

RATE = 44100


def cosine(queries: Tensor, candidates: Tensor) -> Tensor:
    return queries @ candidates.T


def at_angle(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()], dim=-1)


def by_correlation(audio: Tensor, sample_rate: int) -> Tensor:
    """Hears the correlation of the channels at no delay, and nothing else: 1 - cosine is 1 - sin for a sign."""
    left, right = audio.unbind(1)
    power = (left.square().sum(-1) * right.square().sum(-1)).sqrt().clamp(min=1e-9)
    return at_angle((left * right).sum(-1) / power)


def by_level(audio: Tensor, sample_rate: int) -> Tensor:
    return at_angle(audio.square().mean((1, 2)).clamp(min=1e-9).log10() / 2.0)


def protocol(**changes: object) -> BlindSpotProtocol:
    return BlindSpotProtocol(**{"contents": 6, "segment_s": 1.0, "batch": 4, **changes})  # type: ignore[arg-type]


def test_each_system_is_told_what_it_does_not_hear(manifest: Manifest) -> None:
    systems = {
        "correlation": System(by_correlation, cosine),
        "level": System(by_level, cosine),
        "deaf": System(lambda audio, rate: torch.ones(len(audio), 3), cosine),
    }
    found = blind_spot_benchmark(systems, manifest, protocol())
    heard = {
        name: {one for one, what in of["contrasts"].items() if what["distance"] > 1e-6} for name, of in found.items()
    }
    assert heard["deaf"] == set() and found["deaf"]["smallest"] == 0.0
    assert {"level, 6 dB"} <= heard["level"]
    silent_to_level = {"polarity of one channel", "dual mono, anti-phase", "hard left, hard right", "compression, 8:1"}
    assert not silent_to_level & heard["level"]
    assert {"polarity of one channel", "dual mono, anti-phase", "width 1 to 0"} <= heard["correlation"]
    assert not {"level, 6 dB", "hard left, hard right", "channel swap, 6 dB apart"} & heard["correlation"]
    phase = found["correlation"]["contrasts"]["dual mono, anti-phase"]
    assert phase["told_apart"] == 1.0 and phase["cosine_distance"] == pytest.approx(1.0 - np.cos(2.0), abs=1e-5)
    low, high = phase["distance_interval"]
    assert low <= phase["distance"] <= high
    assert all(one["told_apart"] == 0.5 for one in found["deaf"]["contrasts"].values())


def test_known_blind_spots_of_the_baselines(manifest: Manifest) -> None:
    found = blind_spot_benchmark(baseline_systems(), manifest, protocol())
    # Mid and side magnitudes do not tell left from right.
    assert found["log_mel"]["contrasts"]["hard left, hard right"]["distance"] < 1e-6
    assert found["production"]["contrasts"]["hard left, hard right"]["distance"] > 0.1


def test_the_same_seed_gives_the_same_figures_for_any_batch(manifest: Manifest) -> None:
    systems = {"correlation": System(by_correlation, cosine)}
    first, again, other = (
        blind_spot_benchmark(systems, manifest, protocol(**changes)) for changes in ({}, {"batch": 6}, {"seed": 5})
    )
    assert first["correlation"]["style_distance"] == pytest.approx(again["correlation"]["style_distance"], rel=1e-5)
    assert first["correlation"]["style_distance"] != other["correlation"]["style_distance"]


def test_renders_differ_in_what_they_say() -> None:
    generator = torch.Generator().manual_seed(0)
    sources = 0.1 * torch.randn(2, 3, 2, RATE, generator=generator)
    sources[:, :, 1] *= 0.5
    contents = make_contents(sources[0], sources[1], RATE)
    renders = {name: render(contents) for name, render in RENDERS.items()}
    assert all(audio.shape == (3, 2, RATE) for audio in renders.values())
    assert torch.equal(contents.mono, sources[0][:, 0])
    stage = renders["stage"]
    assert torch.equal(renders["right inverted"], torch.stack([stage[:, 0], -stage[:, 1]], 1))
    assert torch.equal(renders["anti-phase"].sum(1), torch.zeros(3, RATE))
    assert torch.equal(renders["left louder"], renders["right louder"].flip(1))
    assert torch.allclose(renders["mono"][:, 0], renders["mono"][:, 1], atol=1e-7)
    assert torch.allclose(renders["wide"].sum(1), stage.sum(1), atol=1e-6)
    power = {name: audio.square().mean() for name, audio in renders.items()}
    assert 10 * torch.log10(power["6 dB softer"] / power["stage"]) == pytest.approx(-6.0, abs=1e-4)
    for matched in ("compressed", "saturated"):
        assert power[matched] == pytest.approx(float(power["stage"]), rel=1e-4)
    for time_ms in HAAS_MS:
        left, right = renders[f"right {time_ms:g} ms later"].unbind(1)
        shift = round(time_ms * RATE / 1000)
        assert torch.equal(right[:, shift:], left[:, :-shift]) and not right[:, :shift].any()
    for contrast in CONTRASTS.values():
        assert not torch.equal(renders[contrast.first], renders[contrast.second])


@pytest.mark.parametrize("wrong", [{"split": "holdout"}, {"contents": 1}, {"segment_s": 0.0}, {"seed": -1}], ids=str)
def test_a_protocol_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ArgumentError, match="clip" if "segment_s" in wrong else next(iter(wrong))):
        protocol(**wrong)


def test_command(evaluate: Callable[..., str], manifest_path: Path, model: Path) -> None:
    call = ["blind-spots", manifest_path, "--model", model, "--queries", 3, "--seconds", 1]
    found = json.loads(evaluate(*call, "--json"))
    assert set(found["systems"]) == {str(model), "log_mel", "mfcc", "production"}
    rows = evaluate(*call, "--no-baselines").splitlines()
    assert len(rows) == 2 + len(CONTRASTS) + 1 and rows[-1].startswith("| smallest (aim 0.1)")
    with pytest.raises(ArgumentError, match="no device 'abacus'"):
        evaluate(*call, "--device", "abacus")
