from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from encoders import load_encoder
from encoders.base import EffectEncoder
from encoders.evaluation import BASELINE_OBJECTIVES, MatchingProtocol, encoder_objective, matching_benchmark
from encoders.evaluation.objectives import embed_differentiable
from encoders.evaluation.settings_space import SettingsSpace
from fxrep.data import Manifest
from fxrep.effects import ChainEffect, EffectChain, default_chain
from fxrep.errors import ArgumentError

RATE = 44100
LEVEL_AND_WIDTH = EffectChain(
    [ChainEffect("gain", ranges={"gain_db": (-20.0, 20.0)}), ChainEffect("stereo_width", ranges={"width": (0.2, 1.8)})]
)


def protocol(**changes: object) -> MatchingProtocol:
    settings: dict[str, object] = {"items": 4, "segment_s": 0.3, "chain": LEVEL_AND_WIDTH, "steps": 40, "effects": 2}
    return MatchingProtocol(**{**settings, **changes})  # type: ignore[arg-type]


def test_settings_that_features_tell_are_found(manifest: Manifest) -> None:
    found = matching_benchmark({"mfcc": BASELINE_OBJECTIVES["mfcc"]}, manifest, protocol(steps=60))
    near, start, truth = found["mfcc"], found["neutral start"], found["oracle"]
    # All contents are one kind of noise: what is left is their chance, and the slow slope of a nearly mono signal.
    assert near["by_effect"]["gain"] < 0.03 and near["settings_error"] < 0.1 < 0.2 < start["settings_error"]
    assert near["mrstft"] < 0.2 * start["mrstft"] and near["level_db"] < 0.2 * start["level_db"]
    assert truth["settings_error"] == 0.0 and truth["mrstft"] == truth["level_db"] == 0.0
    assert set(near["by_effect"]) == {"gain", "stereo_width"}
    assert near["found"] < near["start"] and near["found"] <= near["oracle"] + 1e-3
    low, high = near["settings_error_interval"]
    assert low <= near["settings_error"] <= high


def test_neither_batch_nor_repetition_change_the_result(manifest: Manifest) -> None:
    objectives = {"mfcc": BASELINE_OBJECTIVES["mfcc"]}
    first = matching_benchmark(objectives, manifest, protocol(steps=2, starts=2))
    assert first == matching_benchmark(objectives, manifest, protocol(steps=2, starts=2))
    other = matching_benchmark(objectives, manifest, protocol(steps=2, starts=2, batch=3))
    assert other["mfcc"]["settings_error"] == pytest.approx(first["mfcc"]["settings_error"], abs=1e-3)
    assert first != matching_benchmark(objectives, manifest, protocol(steps=2, starts=2, seed=5))


def test_more_starts_never_end_higher(manifest: Manifest) -> None:
    objectives = {"mrstft": BASELINE_OBJECTIVES["mrstft"]}
    one, two = (matching_benchmark(objectives, manifest, protocol(steps=2, starts=n))["mrstft"] for n in (1, 2))
    assert two["found"] <= one["found"] <= one["start"]


def test_every_effect_comes_equally_often(manifest: Manifest) -> None:
    found = matching_benchmark({}, manifest, protocol(chain=default_chain(), effects=1, items=7))
    assert set(found["oracle"]["by_effect"]) == set(default_chain().processors)
    assert 0.15 < found["drawn anew"]["settings_error"] < 0.5


def test_positions_are_shares_of_the_drawn_range() -> None:
    chain = default_chain()
    settings = next(one for one in chain.sample_batch(torch.Generator().manual_seed(0), 20) if len(one) > 5)
    space = SettingsSpace(chain, settings)
    assert bool(((space.truth >= 0.0) & (space.truth <= 1.0)).all())
    placed = space.at(space.truth)
    for entry, again in zip(settings, placed, strict=True):
        for name, value in entry["settings"].items():
            assert again["settings"][name] == value or float(again["settings"][name]) == pytest.approx(value, rel=1e-9)
    assert all(one.low < one.high for one in space.unknowns) and len(space.neutral()) == len(space.unknowns)
    ends = [space.at(torch.full_like(space.truth, end)) for end in (0.0, 1.0)]
    audio = 0.1 * torch.randn(1, 2, 4000)
    assert all(bool(torch.isfinite(chain(audio, RATE, one)).all()) for one in ends)


@pytest.mark.parametrize("seconds", [0.2, 1.5, 2.0, 5.3])
def test_the_differentiable_embedding_is_the_embedding(model: Path, seconds: float) -> None:
    encoder = load_encoder(model)
    audio = 0.1 * torch.randn(2, 2, round(seconds * RATE), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        embed_differentiable(encoder, audio, RATE), encoder.embed(audio, RATE), atol=1e-5, rtol=0
    )
    low = embed_differentiable(encoder, audio, 22050)
    assert float((low * encoder.embed(audio, 22050)).sum(-1).detach().min()) > 0.99


def test_the_gradient_of_the_encoder_objective_is_that_of_finite_differences(model: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    references, source = 0.1 * torch.randn(2, 2, 2, RATE, generator=generator)
    loss = encoder_objective(load_encoder(model))(references, RATE)
    assert float(loss(references, torch.arange(2)).abs().max()) < 1e-5
    gain_db = torch.tensor([3.0, -3.0], requires_grad=True)

    def value(level_db: torch.Tensor) -> torch.Tensor:
        return loss(source * 10.0 ** (level_db / 20.0)[:, None, None], torch.arange(2))

    value(gain_db).sum().backward()
    with torch.no_grad():
        slope = (value(gain_db + 0.2) - value(gain_db - 0.2)) / 0.4
    assert gain_db.grad is not None
    # Float32 embeddings: differences of 1e-3 are known to some percent.
    torch.testing.assert_close(gain_db.grad, slope, rtol=0.1, atol=2e-5)


class Deaf(EffectEncoder):
    """An encoder whose front end cuts the graph."""

    def features(self, audio: torch.Tensor) -> torch.Tensor:
        return audio.detach().square().mean(-1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"chain": "numpy", "effects": 1}, "numpy_three_bands has no gradient"),
        ({"effects": 3}, "effects"),
        ({"steps": 0}, "steps"),
        ({"starts": 0}, "starts"),
        ({"rate": 0.0}, "rate"),
        ({"items": 1}, "items"),
    ],
    ids=str,
)
def test_protocols_that_cannot_be(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        protocol(**wrong)


def test_an_encoder_without_gradient_is_refused(manifest: Manifest) -> None:
    with pytest.raises(ArgumentError, match="Deaf has no finite gradient"):
        matching_benchmark({"deaf": encoder_objective(Deaf(dim=2, minimum_s=0.1))}, manifest, protocol())


def test_command(evaluate: Callable[..., str], manifest_path: Path, model: Path) -> None:
    call = ["matching", manifest_path, "--model", model, "--items", 2, "--seconds", 1, "--steps", 2]
    call += ["--chain", "default without noise_shaped_reverb"]
    found = json.loads(evaluate(*call, "--json"))
    assert set(found["objectives"]) == {
        str(model), "mrstft", "mfcc", "production", "neutral start", "drawn anew", "oracle"
    }  # fmt: skip
    rows = found["table"].splitlines()
    assert len({row.count("|") for row in rows}) == 1 and rows[-1].startswith("| oracle | 0.000 (0.000 to 0.000) |")
