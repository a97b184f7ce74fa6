"""The benchmark of what was held out: who is trained on what, what is kept, and how answers are counted."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from encoders import SpectralEncoder
from fxrep.data import Manifest
from fxrep.errors import ArgumentError

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("held_out")


def options(folder: Path, **changes: object) -> SimpleNamespace:
    settings: dict[str, object] = {
        "keep": folder,
        "pairs": 4,
        "batch_size": 2,
        "segment_s": 2.0,
        "seed": 0,
        "split": "test",
    }
    settings |= dict.fromkeys(("family", "instrument", "effect", "on"))
    return SimpleNamespace(**{**settings, **changes})


def test_each_training_misses_one_thing(benchmark: ModuleType, manifest: Manifest) -> None:
    whole, drive, bass = (
        benchmark.Training(),
        benchmark.Training(effect="saturation"),
        benchmark.Training(instrument="bass"),
    )
    assert [one.name for one in (whole, drive, bass)] == ["everything", "without-saturation", "without-bass"]
    assert [one.chain for one in (whole, drive, bass)] == ["default", "default without saturation", "default"]
    assert whole.heard(manifest) is manifest and drive.heard(manifest) is manifest
    heard = bass.heard(manifest).filter(split="train", kind="stem").rows
    assert {row.instrument for row in heard} == {"keys"}


def test_all_that_is_measured_is_held_out_unless_some_is_named(
    benchmark: ModuleType, manifest: Manifest, tmp_path: Path
) -> None:
    trainings, (effects, instruments) = benchmark.plan(options(tmp_path), manifest)
    assert instruments == ["bass", "keys"] and len(effects) == 7
    assert [training.effect or training.instrument for training in trainings] == [None, *effects, *instruments]
    trainings, measured = benchmark.plan(options(tmp_path, instrument=["keys"]), manifest)
    assert [training.name for training in trainings] == ["everything", "without-keys"]
    assert measured == (effects, instruments)
    with pytest.raises(ArgumentError, match="gain: held out and not measured"):
        benchmark.plan(options(tmp_path, family=["gain"], effect=["panner"]), manifest)
    with pytest.raises(ArgumentError, match="the chain has no effect 'chorus'"):
        benchmark.plan(options(tmp_path, family=["chorus"], effect=["chorus"]), manifest)


def test_what_is_trained_is_kept_and_not_taken_for_another_training(
    benchmark: ModuleType, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(_: object) -> SpectralEncoder:
        return SpectralEncoder(dim=8, channels=8, n_blocks=1, hidden=16, window_s=2.0, n_fft=512, hop=256, n_mels=16)

    monkeypatch.setattr(benchmark, "build_encoder", small)
    training = benchmark.Training(instrument="bass")
    first = benchmark.trained(training, manifest, options(tmp_path))
    monkeypatch.setattr(benchmark, "train_on_pairs", lambda *_: pytest.fail("trained again"))
    assert benchmark.trained(training, manifest, options(tmp_path)).fingerprint == first.fingerprint
    with pytest.raises(ArgumentError, match="another pairs"):
        benchmark.trained(training, manifest, options(tmp_path, pairs=8))


def test_answers_are_summed_over_what_was_held_out_and_over_the_rest(benchmark: ModuleType) -> None:
    cells = [(effect, instrument) for effect in ("gain", "panner") for instrument in ("bass", "keys")]
    names = ("everything", "without-gain", "without-bass", *benchmark.BESIDE)
    hits: dict[str, Any] = {name: dict(zip(cells, (1, 2, 4, 8), strict=True)) for name in names}
    recalls = benchmark.Recalls(hits, 10)
    trainings = [benchmark.Training(), benchmark.Training(effect="gain"), benchmark.Training(instrument="bass")]
    gain, bass = benchmark.result_rows(recalls, trainings)
    assert (gain["never"], gain["rest, never"]) == ((3, 20), (12, 20))
    assert (bass["never"], bass["rest, heard"]) == ((5, 20), (10, 20))
    both = [*trainings, benchmark.Training(instrument="keys")]
    hits["without-keys"] = hits["everything"]
    assert benchmark.result_rows(recalls, both)[-1]["never"] == (15, 40)
    shown = benchmark.table([gain, bass], 20)
    assert "| gain | 15.0% (0.0% to 30.0%) | 15.0% (0.0% to 30.0%) | +0.0 (" in shown


def test_intervals_are_those_of_a_bootstrap_over_queries(benchmark: ModuleType) -> None:
    # Normal approximation: 0.5 ± 1.96 / (2 sqrt(n)), and about sqrt(2) times as much for a difference.
    assert benchmark.share(20000, 40000) == "50.0% (49.5% to 50.5%)"
    assert benchmark.difference((24000, 40000), (20000, 40000)) == "+10.0 (+9.3 to +10.7)"
