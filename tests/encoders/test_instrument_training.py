"""Fx-Encoder++'s training on both levels: weights, queries, what is logged and kept, and the way to a query by name."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import encoders
from encoders import ContentEncoder, FxEncoderPlusPlus
from encoders.export import export_encoder
from encoders.queries import ContentQueries
from encoders.training.command import run_training
from encoders.training.instruments import InstrumentTraining, drop_queries
from fxrep.data.mixtures import MixtureRenderer
from fxrep.errors import ArgumentError

DEBUG = "encoders/debug/fx_encoder_plus_plus"


def overrides(manifest: Path, folder: Path, **more) -> list[str]:
    given = {"data.manifest": manifest, "data.segment_s": 0.5, "trainer.default_root_dir": folder, **more}
    return [word for name, value in given.items() for word in (f"--{name}", str(value))]


def rows(report) -> list[dict[str, str]]:
    with (Path(report.logs) / "metrics.csv").open() as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def trained(manifest, tmp_path_factory):
    """Four steps: two on mixtures alone, two on both levels."""
    return run_training(
        [DEBUG], "fit", overrides(manifest, tmp_path_factory.mktemp("run"), **{"trainer.max_epochs": 1})
    )


def test_both_levels_are_weighed_as_published(trained):
    steps = [row for row in rows(trained) if row["train/loss"]]
    assert len(steps) == 4
    assert not steps[0]["train/instrument_loss"] and not steps[1]["train/instrument_loss"]
    for row in steps[2:]:
        mixture, instrument = float(row["train/mixture_loss"]), float(row["train/instrument_loss"])
        assert float(row["train/loss"]) == pytest.approx(0.6 * mixture + 0.4 * instrument, rel=1e-5)


def test_every_way_of_asking_is_measured(trained):
    for way in ("mixture", "clip", "name"):
        assert 0.0 <= trained.metrics[f"validation/stem_by_{way}@1"] <= 1.0
    assert trained.metrics["validation/chance"] == pytest.approx(1 / 16)


def test_the_stage_test_asks_too(trained, manifest, tmp_path):
    last = next(Path(trained.logs).rglob("last.ckpt"))
    more = overrides(manifest, tmp_path, **{"data.test_split": "validation"})
    tested = run_training([DEBUG], "test", more, str(last))
    assert {f"test/stem_by_{way}@1" for way in ("mixture", "clip", "name")} <= set(tested.metrics)
    assert not any(name.startswith("validation/") for name in tested.metrics)


def test_names_heard_in_training_can_be_asked_for(trained, tmp_path):
    encoder = encoders.load_encoder(export_encoder(trained.checkpoint, tmp_path / "release"))
    assert isinstance(encoder, FxEncoderPlusPlus) and encoder.queries.known
    assert set(encoder.queries.known) <= {"bass", "drums"}
    audio = 0.1 * torch.randn(2, 44100, generator=torch.Generator().manual_seed(0))
    for query in (encoder.queries.known[0], audio):
        assert encoder.embed(audio, 44100, query=query).norm().item() == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(ArgumentError, match="'kazoo': choose from"):
        encoder.embed(audio, 44100, query="kazoo")


def test_nothing_of_the_instrument_level_moves_in_the_steps_before_it(manifest, tmp_path):
    def changed(first: Path, second: Path) -> set[str]:
        one, other = (torch.load(path, weights_only=True)["state_dict"] for path in (first, second))
        return {name for name in one if not torch.equal(one[name], other[name])}

    ends = []
    for steps in (1, 2, 3):
        more = {"trainer.max_steps": steps, "model.warmup_steps": 0, "trainer.limit_val_batches": 0}
        report = run_training([DEBUG], "fit", overrides(manifest, tmp_path / str(steps), **more))
        ends.append(next(Path(report.logs).rglob("last.ckpt")))
    early, late = changed(ends[0], ends[1]), changed(ends[1], ends[2])
    assert not any("extractor" in name or "queries" in name for name in early)
    for part in ("extractor", "queries.content", "queries.learned", "convolutions"):
        assert any(part in name for name in late), part


def test_content_encoder_from_a_release_is_kept(manifest, tmp_path):
    content = ContentEncoder(dim=16, channels=[4, 4, 8])
    encoders.save_encoder(content, tmp_path / "content")
    more = {"model.content": tmp_path / "content", "trainer.max_epochs": 1, "trainer.limit_val_batches": 0}
    report = run_training([DEBUG], "fit", overrides(manifest, tmp_path / "run", **more))
    state = torch.load(next(Path(report.logs).rglob("last.ckpt")), weights_only=True)["state_dict"]
    for name, value in content.state_dict().items():
        assert torch.equal(state[f"encoder.queries.content.{name}"], value), name


def test_dropped_queries_keep_their_mean():
    queries = torch.ones(400, 500)
    dropped = drop_queries(queries, 0.75, 0.95, torch.Generator().manual_seed(0))
    shares = (dropped == 0.0).float().mean(dim=1)
    assert 0.68 < float(shares.min()) < 0.78 and 0.92 < float(shares.max()) < 0.99
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.02)
    assert torch.equal(drop_queries(queries, 0.0, 0.0, torch.Generator()), queries)


def test_settings_that_cannot_work(tmp_path):
    plain = FxEncoderPlusPlus([4, 8], 4)
    asked = FxEncoderPlusPlus([4, 8], 4, ContentQueries(ContentEncoder(4, [4, 8])))
    with pytest.raises(ArgumentError, match="has no queries"):
        InstrumentTraining(plain, MixtureRenderer())
    for arguments in (
        {"highest_query_dropout": 1.0},
        {"lowest_query_dropout": 0.96},
        {"instrument_weight": 1.1},
        {"named_share": -0.1},
        {"instrument_from": -1},
    ):
        with pytest.raises(ArgumentError, match="expected"):
            InstrumentTraining(asked, MixtureRenderer(), **arguments)


@pytest.mark.slow
def test_two_processes_train_both_levels(manifest, tmp_path):
    more = {
        "trainer.max_steps": 3,
        "trainer.devices": 2,
        "trainer.strategy": "ddp",
        "trainer.sync_batchnorm": "false",
        "data.batch_size": 2,
    }
    command = [sys.executable, "-m", "fxrep", "train", "-c", DEBUG, "--json"]
    answer = subprocess.run(
        [*command, *overrides(manifest, tmp_path / "run", **more)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["steps"] == 3
