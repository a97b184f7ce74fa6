from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from encoders.evaluation import RankingProtocol, System, baseline_systems, ranking_benchmark
from encoders.evaluation.sound_distance import level_distance, level_frames, mrstft
from fxrep.data import Manifest
from fxrep.effects import ChainEffect, EffectChain
from fxrep.errors import ArgumentError, DataError

GAIN = EffectChain([ChainEffect("gain", ranges={"gain_db": (-20.0, 20.0)})])
RATE = 44100


def level(audio: torch.Tensor, sample_rate: int) -> torch.Tensor:
    return audio.square().mean((1, 2)).log()[:, None]


def nearest(queries: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    return -(queries - candidates.T).abs()


def protocol(**changes: object) -> RankingProtocol:
    settings: dict[str, object] = {"candidates": 20, "queries": 5, "segment_s": 1.0, "chain": GAIN}
    return RankingProtocol(**{**settings, **changes})  # type: ignore[arg-type]


def test_levels_are_compared_in_decibels() -> None:
    audio = 0.1 * torch.randn(2, 2, RATE, generator=torch.Generator().manual_seed(0))
    frames, softer = level_frames(audio, RATE), level_frames(0.5 * audio, RATE)
    torch.testing.assert_close(level_distance(frames, softer).diagonal(), torch.full((2,), 6.0206), atol=1e-3, rtol=0)
    assert float(level_distance(frames, frames).diagonal().abs().max()) == 0.0
    # A missing side is as far away as the floor, not infinitely far.
    mono = audio[:, :1].expand(-1, 2, -1)
    assert bool(torch.isfinite(level_distance(frames, level_frames(mono, RATE))).all())
    silent = level_frames(torch.zeros(1, 2, RATE), RATE)
    assert float((silent - silent.min()).abs().max()) == 0.0


def test_the_spectral_distance_is_that_of_auraloss_for_each_clip_alone() -> None:
    from auraloss.freq import MultiResolutionSTFTLoss

    first, second = 0.1 * torch.randn(2, 3, 2, 8000, generator=torch.Generator().manual_seed(0))
    whole = MultiResolutionSTFTLoss([2048, 1024, 512], [512, 256, 128], [2048, 1024, 512])
    found = mrstft(first, second)
    assert found.shape == (3,)
    torch.testing.assert_close(found[1], whole(first[1:2], second[1:2]))
    assert float(mrstft(first, first).abs().max()) == 0.0


def test_what_hears_the_effect_chooses_nearly_as_the_oracle_and_what_hears_nothing_as_chance(
    manifest: Manifest,
) -> None:
    systems = {
        "level": System(level, nearest),
        "blind": System(lambda audio, rate: torch.ones(len(audio), 1), nearest),
    }
    chosen = protocol()
    found = ranking_benchmark(systems, manifest, chosen)
    assert chosen.instruments_used == ["bass", "keys"] and found["level"]["queries"] == 2 * 5
    # The level of a content differs by a little from its loudness: at most the second best of 20 gains is chosen.
    assert found["oracle"]["distance_db"] <= found["level"]["distance_db"] < found["oracle"]["distance_db"] + 1.0
    assert found["level"]["spearman"] > 0.95 and found["oracle"]["spearman"] == pytest.approx(1.0)
    assert found["level"]["beats_source"] > 0.7 > found["chance"]["beats_source"]
    assert found["blind"] == found["chance"] and found["blind"]["spearman"] == 0.0
    assert found["level"]["f1"] == 1.0
    low, high = found["level"]["distance_db_interval"]
    assert low <= found["level"]["distance_db"] <= high


def test_the_same_seed_draws_the_same_clips_for_any_batch(manifest: Manifest) -> None:
    systems = baseline_systems()
    first = ranking_benchmark(systems, manifest, protocol(instruments=["bass"]))
    assert first == ranking_benchmark(systems, manifest, protocol(instruments=["bass"], batch=3))
    assert first != ranking_benchmark(systems, manifest, protocol(instruments=["bass"], seed=5))


def test_sets_of_effects_are_compared(manifest: Manifest) -> None:
    two = EffectChain([ChainEffect("gain", 0.5, {"gain_db": (-20.0, 20.0)}), ChainEffect("stereo_width", 0.5)])
    found = ranking_benchmark({}, manifest, protocol(chain=two, instruments=["keys"], effects=1))
    # Two of one effect agree or do not: chance is the share of pairs that do.
    assert 0.2 < found["chance"]["f1"] < 0.8
    assert set(found) == {"oracle", "chance"}


@pytest.mark.parametrize("wrong", [{"queries": 0}, {"candidates": 1}, {"effects": 2}, {"segment_s": 0.0}], ids=str)
def test_protocols_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ArgumentError):
        protocol(**wrong)


def test_instruments_that_are_not_there(manifest: Manifest) -> None:
    with pytest.raises(DataError, match="zither"):
        ranking_benchmark({}, manifest, protocol(instruments=["zither"]))
    with pytest.raises(DataError, match="9 songs"):
        ranking_benchmark({}, manifest, protocol(minimum_songs=9))


def test_command(evaluate: Callable[..., str], manifest_path: Path, model: Path) -> None:
    call = ["ranking", manifest_path, "--model", model, "--seconds", 1, "--candidates", 4, "--queries", 2]
    found = json.loads(evaluate(*call, "--instrument", "bass", "--effects", 2, "--json"))
    assert set(found["systems"]) == {str(model), "log_mel", "mfcc", "production", "oracle", "chance"}
    assert found["protocol"]["candidates"] == 4
    rows = found["table"].splitlines()
    assert len({row.count("|") for row in rows}) == 1 and rows[-1].startswith("| chance |")
