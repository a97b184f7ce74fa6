from __future__ import annotations

import pytest
import torch

from encoders.evaluation import RetrievalProtocol, System, baseline_systems, retrieval_benchmark
from fxrep.cli.evaluate import retrieval_table
from fxrep.data import Manifest
from fxrep.effects import ChainEffect, EffectChain
from fxrep.errors import ArgumentError, DataError

GAIN = EffectChain([ChainEffect("gain", ranges={"gain_db": (-20.0, 20.0)})])


def level(audio: torch.Tensor, sample_rate: int) -> torch.Tensor:
    return audio.square().mean((1, 2)).log()[:, None]


def nearest(queries: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    return -(queries - candidates.T).abs()


def protocol(**changes: object) -> RetrievalProtocol:
    settings: dict[str, object] = {"candidates": 12, "segment_s": 1.0, "chain": GAIN, "batch": 5}
    return RetrievalProtocol(**{**settings, **changes})  # type: ignore[arg-type]


def test_what_sees_the_effect_finds_it_and_what_sees_nothing_is_at_chance(manifest: Manifest) -> None:
    systems = {
        "level": System(level, nearest),
        "blind": System(lambda audio, rate: torch.ones(len(audio), 1), nearest),
    }
    chosen = protocol(groups=2)
    found = retrieval_benchmark(systems, manifest, chosen)
    assert chosen.instruments_used == ["bass", "keys", "mixture"]
    assert found["level"]["queries"] == found["blind"]["queries"] == 2 * 3 * 12
    # Every content has one loudness, so the level is the gain; mean square and loudness differ by a little for noise.
    assert found["level"]["r@1"] > 0.8
    assert found["blind"]["r@1"] == 0.0
    assert found["blind"]["mean_rank"] == 6.5
    low, high = found["level"]["r@1_interval"]
    assert low <= found["level"]["r@1"] <= high


def test_the_same_seed_draws_the_same_clips_for_any_batch(manifest: Manifest) -> None:
    systems = baseline_systems()
    first = retrieval_benchmark(systems, manifest, protocol(instruments=["bass"]))
    again = retrieval_benchmark(systems, manifest, protocol(instruments=["bass"], batch=12))
    other = retrieval_benchmark(systems, manifest, protocol(instruments=["bass"], seed=5))
    assert first == again
    assert first != other


def test_the_table_ends_with_chance(manifest: Manifest) -> None:
    chosen = protocol(instruments=["keys"])
    found = retrieval_benchmark({"level": System(level, nearest)}, manifest, chosen)
    rows = retrieval_table(found, chosen.candidates, chosen.instruments_used).splitlines()
    assert rows[-1].startswith("| chance | 8.3%")
    assert len({row.count("|") for row in rows}) == 1


def test_bad_requests_are_named(manifest: Manifest) -> None:
    with pytest.raises(DataError, match="zither"):
        retrieval_benchmark({}, manifest, protocol(instruments=["zither"]))
    with pytest.raises(DataError, match="9 songs"):
        retrieval_benchmark({}, manifest, protocol(minimum_songs=9))
    with pytest.raises(DataError, match="validation"):
        retrieval_benchmark({}, manifest, protocol(split="validation"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"split": "holdout"},
        {"chain": "nope"},
        {"candidates": 1},
        {"candidates": 10**12},
        {"segment_s": float("nan")},
        {"segment_s": -1.0},
        {"seed": -1},
        {"seed": 2**64},
    ],
    ids=str,
)
def test_a_protocol_that_cannot_be_is_refused_before_anything_is_read(wrong: dict[str, object]) -> None:
    name = "chain" if "chain" in wrong else "clip" if "segment_s" in wrong else next(iter(wrong))
    with pytest.raises(ArgumentError, match=name):
        protocol(**wrong)
