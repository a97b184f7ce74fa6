from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from encoders import ContentEncoder, FxEncoderPlusPlus
from encoders.evaluation import (
    RetrievalProtocol,
    System,
    baseline_systems,
    encoder_system,
    retrieval_benchmark,
    retrieval_one_by_one,
    takes_queries,
)
from encoders.queries import ContentQueries
from fxrep.cli.evaluate import retrieval_table
from fxrep.data import Manifest, write_manifest
from fxrep.effects import ChainEffect, EffectChain
from fxrep.errors import ArgumentError, DataError

GAIN = EffectChain([ChainEffect("gain", ranges={"gain_db": (-20.0, 20.0)})])


RATE = 44100


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


def by_content_and_level(audio: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """What a gain cannot change, the first samples up to scale, and a little of the level."""
    start = torch.nn.functional.normalize(audio[:, 0, :64], dim=-1)
    return torch.cat([start, 0.01 * level(audio, sample_rate)], dim=-1)


def euclidean(queries: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    return -torch.cdist(queries, candidates)


def test_own_content_catches_what_listens_to_content(manifest: Manifest) -> None:
    systems = {"level": System(level, nearest), "content": System(by_content_and_level, euclidean)}
    chosen = protocol(own_content=3, same_effects=3, queries=4, candidates=12)
    found = retrieval_benchmark(systems, manifest, chosen)
    assert chosen.shared_candidates == 6
    assert found["content"]["queries"] == 3 * 4
    assert found["content"]["first"] == {"own content": 1.0} and found["content"]["r@1"] == 0.0
    assert found["level"]["r@1"] > 0.8
    assert set(found["level"]["by_effect_count"]) == {"1"} and set(found["level"]["by_effect"]) == {"gain"}


def test_a_harder_protocol_is_the_same_for_any_batch(manifest: Manifest) -> None:
    hard = {"own_content": 2, "same_effects": 2, "level_difference_db": 12.0, "queries": 5, "instruments": ["bass"]}
    first = retrieval_benchmark(baseline_systems(), manifest, protocol(**hard))
    again = retrieval_benchmark(baseline_systems(), manifest, protocol(**hard, batch=3))
    assert first == again


def test_fewer_queries_are_the_first_of_all(manifest: Manifest) -> None:
    seen: dict[int, list[torch.Tensor]] = {4: [], 12: []}

    def recording(queries: int) -> System:
        def embed(audio: torch.Tensor, sample_rate: int) -> torch.Tensor:
            found = level(audio, sample_rate)
            seen[queries].append(found)
            return found

        return System(embed, nearest)

    for queries in seen:
        chosen = protocol(instruments=["bass"], queries=queries, batch=12)
        retrieval_benchmark({"level": recording(queries)}, manifest, chosen)
    (all_candidates, all_queries), (candidates, some_queries) = seen[12], seen[4]
    assert torch.equal(all_candidates, candidates) and torch.equal(all_queries[:4], some_queries)


def test_level_differences_hide_the_gain(manifest: Manifest) -> None:
    systems = {"level": System(level, nearest)}
    plain, offset = (retrieval_benchmark(systems, manifest, protocol(level_difference_db=db)) for db in (0.0, 40.0))
    assert offset["level"]["r@1"] < 0.5 * plain["level"]["r@1"]


def test_candidates_of_another_instrument(manifest: Manifest) -> None:
    chosen = protocol(other_instrument=True)
    found = retrieval_benchmark({"level": System(level, nearest)}, manifest, chosen)
    assert chosen.instruments_used == ["bass", "keys"] and found["level"]["r@1"] > 0.8
    with pytest.raises(DataError, match="two instruments"):
        retrieval_benchmark({}, manifest, protocol(other_instrument=True, instruments=["mixture"]))


def test_inside_a_mixture_who_can_be_asked_is_asked(manifest: Manifest) -> None:
    asked: list[tuple[str, tuple[int, ...]]] = []

    def inside(audio: torch.Tensor, sample_rate: int, instrument: str, clip: torch.Tensor) -> torch.Tensor:
        asked.append((instrument, tuple(clip.shape)))
        return level(audio, sample_rate)

    heard: list[float] = []

    def embed(audio: torch.Tensor, sample_rate: int) -> torch.Tensor:
        heard.append(float(audio.square().mean()))
        return level(audio, sample_rate)

    systems = {"asked": System(embed, nearest, inside=inside), "level": System(level, nearest)}
    chosen = protocol(inside_mixture=True, own_content=1, queries=3, batch=12)
    alone, mixed = (retrieval_benchmark(systems, manifest, one) for one in (protocol(), chosen))
    assert chosen.instruments_used == ["bass", "keys"]
    # Shared candidates and those made for single queries, once each per group; queries are stems, asked for by nobody.
    assert asked == [(name, (2, RATE)) for name in ("bass", "bass", "keys", "keys")]
    assert mixed["asked"]["r@1"] == mixed["level"]["r@1"]
    assert mixed["level"]["mean_rank"] > alone["level"]["mean_rank"]
    with pytest.raises(ArgumentError, match="other_instrument and inside_mixture"):
        protocol(inside_mixture=True, other_instrument=True)


def test_mixtures_are_the_same_for_any_batch(manifest: Manifest) -> None:
    first, again = (
        retrieval_benchmark(baseline_systems(), manifest, protocol(inside_mixture=True, queries=3, batch=batch))
        for batch in (12, 5)
    )
    assert first == again


@pytest.mark.parametrize("length", [0.5, 1.0])
def test_an_encoder_is_asked_by_name_and_by_clip(length: float) -> None:
    torch.manual_seed(0)
    content = ContentEncoder(channels=[4, 8, 8], dim=4, minimum_s=0.1)
    queries = ContentQueries(content, ["bass", "keys"])
    encoder = FxEncoderPlusPlus([4, 8, 8], 6, queries, minimum_s=0.1, window_s=0.6)
    queries.learned.fill_(True)
    audio = 0.1 * torch.randn(2, 2, round(length * RATE))
    by_name, by_clip, plain = (encoder_system(encoder, ask=ask) for ask in ("name", "clip", None))
    assert takes_queries(encoder) and plain.inside is None and by_name.inside and by_clip.inside
    found = by_name.inside(audio, RATE, "bass", audio[0])
    torch.testing.assert_close(found, encoder.embed(audio, RATE, query="bass"), atol=1e-5, rtol=0)
    assert not torch.allclose(found, by_name.inside(audio, RATE, "keys", audio[0]), atol=1e-4)
    torch.testing.assert_close(
        by_clip.inside(audio, RATE, "bass", audio[0]), encoder.embed(audio, RATE, query=audio[0]), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(plain.embed(audio, RATE), by_name.embed(audio, RATE))


def test_effects_one_by_one(manifest: Manifest) -> None:
    both = EffectChain([ChainEffect("gain", 0.5, {"gain_db": (-20.0, 20.0)}), ChainEffect("stereo_width", 0.5)])
    chosen = protocol(chain=both, instruments=["bass"])
    found = retrieval_one_by_one({"level": System(level, nearest)}, manifest, chosen)
    assert list(found) == ["gain", "stereo_width"] and chosen.instruments_used == ["bass"]
    # The gain alone is what it is in a chain of its own; of the width a level tells something, not all.
    only_gain = retrieval_benchmark({"level": System(level, nearest)}, manifest, protocol(instruments=["bass"]))
    assert found["gain"] == only_gain
    assert found["stereo_width"]["level"]["r@1"] < found["gain"]["level"]["r@1"]


@pytest.mark.parametrize("medium", ["low-pass", "vorbis"])
def test_candidates_through_a_medium(manifest: Manifest, medium: str) -> None:
    found = retrieval_benchmark({"level": System(level, nearest)}, manifest, protocol(medium=medium, queries=3))
    assert found["level"]["queries"] == 9


@pytest.mark.parametrize(
    "wrong",
    [
        {"queries": 0},
        {"queries": 13},
        {"own_content": 11},
        {"own_content": -1},
        {"effects": 2},
        {"medium": "wax"},
        {"level_difference_db": float("nan")},
    ],
    ids=str,
)
def test_harder_protocols_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        protocol(**wrong)


def test_command(evaluate: Callable[..., str], manifest_path: Path, model: Path) -> None:
    call = ["retrieval", manifest_path, "--model", model, "--seconds", 1, "--candidates", 12, "--queries", 2]
    found = json.loads(evaluate(*call, "--hard", "--effects", 2, "--json"))
    assert set(found["systems"]) == {str(model), "log_mel", "mfcc", "production"}
    assert found["systems"]["mfcc"]["queries"] == 3 * 2 and found["protocol"]["own_content"] == 5
    assert "own content" in found["table"].splitlines()[0]
    inside = evaluate(*call, "--inside-mixture", "--instrument", "bass", "--no-baselines").splitlines()
    assert len(inside) == 4 and inside[0].endswith("| bass |")
    text = evaluate(*call, "--no-baselines", "--medium", "low-pass", "--level-difference", 12, "--other-instrument")
    assert "own content" not in text and len(text.splitlines()) == 4
    few = "default without parametric_eq, compressor, noise_shaped_reverb, panner, gain"
    alone = evaluate(*call, "--one-by-one", "--chain", few, "--instrument", "bass", "--no-baselines", "--candidates", 3)
    assert alone.splitlines()[0] == "| system, R@1 | saturation | stereo_width | mean |"
    with pytest.raises(ArgumentError, match="leave out --effects"):
        evaluate(*call, "--one-by-one", "--effects", 2)


def test_a_manifest_that_tests_on_what_it_trains_on_is_refused(
    evaluate: Callable[..., str], manifest: Manifest, model: Path, tmp_path: Path
) -> None:
    row = next(row for row in manifest.rows if row.split == "test")
    write_manifest(tmp_path / "wrong.parquet", replace(manifest, rows=[*manifest.rows, replace(row, split="train")]))
    with pytest.raises(DataError, match="must not be trained on"):
        evaluate("retrieval", tmp_path / "wrong.parquet", "--model", model)
