"""The benchmark of what was held out: who is trained on what, what is kept, and how answers are counted."""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from encoders import SpectralEncoder
from fxrep.data import Manifest
from fxrep.errors import ArgumentError, DataError

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("held_out")


SMALL = partial(SpectralEncoder, dim=8, channels=8, n_blocks=1, hidden=16, window_s=2.0, n_fft=512, hop=256, n_mels=16)


@pytest.fixture
def small(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for module in ("held_out", "heard_pairs"):
        monkeypatch.setattr(f"{module}.SpectralEncoder", SMALL)
    return benchmark


def options(folder: Path, **changes: object) -> SimpleNamespace:
    settings: dict[str, object] = {
        "keep": folder,
        "pairs": 16,
        "epochs": 1,
        "batch_size": 4,
        "segment_s": 0.5,
        "seed": 0,
        "split": "test",
    }
    settings |= dict.fromkeys(("family", "instrument", "effect", "on"))
    return SimpleNamespace(**{**settings, **changes})


def test_each_training_hears_as_many_pairs_without_one_thing(
    small: ModuleType, manifest: Manifest, tmp_path: Path
) -> None:
    pairs = small.HeardPairs(tmp_path, manifest, 0.5)
    pairs.render(3)
    parts = [np.load(tmp_path / f"part-{number:05d}.npz") for number in range(3)]
    active, instruments = (np.stack([part[name] for part in parts]) for name in ("active", "instruments"))
    assert active.shape == (3, 32, 7) and set(instruments.flat) == {"bass", "keys"}
    assert 0.4 < active.mean() < 0.6
    choose = importlib.import_module("heard_pairs").choose
    dry = choose(pairs.without(3, "saturation", None), 30, 0)
    bass_free = choose(pairs.without(3, None, "bass"), 30, 0)
    assert dry.sum() == bass_free.sum() == 30
    assert not active[dry][:, pairs.labels.index("saturation")].any() and active[dry].any()
    assert set(instruments[bass_free]) == {"keys"}
    ((batch, on),) = pairs.batches(dry, 1, 30, 0)
    assert batch.shape[:2] == (2, 30) and batch.isfinite().all()
    assert on.sum() == active[dry].sum() and not on[:, pairs.labels.index("saturation")].any()
    stored = np.concatenate([part["frames"][:, rows] for part, rows in zip(parts, dry, strict=True)], axis=1)
    assert batch.sum().item() == pytest.approx(stored.astype(np.float64).sum(), rel=1e-4)
    with pytest.raises(DataError, match="pairs are without what is held out, not 90"):
        choose(pairs.without(3, "panner", None), 90, 0)


def test_parts_are_rendered_once_and_alike(small: ModuleType, manifest: Manifest, tmp_path: Path) -> None:
    first = small.HeardPairs(tmp_path, manifest, 0.5)
    first.render(2)
    before = [(tmp_path / f"part-{number:05d}.npz").stat().st_mtime_ns for number in range(2)]
    again = np.load(tmp_path / "part-00001.npz")["frames"]
    (tmp_path / "part-00001.npz").unlink()
    small.HeardPairs(tmp_path, manifest, 0.5).render(2)
    assert (tmp_path / "part-00000.npz").stat().st_mtime_ns == before[0]
    assert np.array_equal(np.load(tmp_path / "part-00001.npz")["frames"], again)


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
    small: ModuleType, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = small.Training(instrument="bass")
    first = small.trained(training, manifest, options(tmp_path))
    assert first.fingerprint != small.trained(small.Training(effect="gain"), manifest, options(tmp_path)).fingerprint
    monkeypatch.setattr(small, "train_on_frames", lambda *_: pytest.fail("trained again"))
    assert small.trained(training, manifest, options(tmp_path)).fingerprint == first.fingerprint
    with pytest.raises(ArgumentError, match="another pairs"):
        small.trained(training, manifest, options(tmp_path, pairs=8))


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
