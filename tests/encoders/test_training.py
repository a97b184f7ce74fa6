"""A training end to end: what it logs, what it keeps, and what a wrong call says."""

from __future__ import annotations

import csv
import errno
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning.pytorch.loggers import CSVLogger

import encoders
from encoders.export import export_encoder
from encoders.training.command import run_training
from encoders.training.configurations import find_configuration, list_configurations
from encoders.training.resumption import read_checkpoint
from fxrep.audio import load_audio
from fxrep.data import Manifest, read_manifest, segments, write_manifest
from fxrep.data.shards import write_shards
from fxrep.errors import ArgumentError, CheckpointError, DataError, FxrepError, OutputError


def weights(checkpoint: str | Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, weights_only=True)["state_dict"]


def last(report) -> Path:
    return Path(report.logs) / "checkpoints" / "last.ckpt"


def same_weights(one: str | Path, other: str | Path) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_run_logs_and_exports(trained, tmp_path):
    _, report = trained
    assert report.steps == 6
    logs = Path(report.logs)
    assert list(logs.glob("events.out.tfevents*")), "no TensorBoard log"
    rows = list(csv.DictReader((logs / "metrics.csv").open()))
    columns = set(rows[0])
    for stage in ("train", "validation"):
        assert {f"{stage}/{name}" for name in ("loss", "loss_ratio", "alignment", "uniformity", "spread")} <= columns
    assert "validation/retrieval@1" in columns
    steps = [row for row in rows if row["train/loss"]]
    # Hard negatives make 8 pairs of 4 contents: chance is log(2 * 8 - 1).
    for row in steps:
        assert float(row["train/loss_ratio"]) == pytest.approx(float(row["train/loss"]) / math.log(15), rel=1e-5)

    release = export_encoder(report.checkpoint, tmp_path / "release")
    encoder = encoders.load_encoder(release)
    trained = weights(report.checkpoint)
    assert all(torch.equal(value, trained[f"encoder.{name}"]) for name, value in encoder.state_dict().items())
    card = (release / "README.md").read_text()
    assert "validation/retrieval@1" in card and "NTXentObjective" in card and "pairs_per_epoch" in card


def test_same_seed_same_weights_other_seed_others(trained, configuration):
    _, reference = trained
    again = run_training([str(configuration)])
    other = run_training([str(configuration)], "fit", ["--seed_everything", "4", "--trainer.limit_val_batches", "0"])
    assert same_weights(last(reference), last(again))
    assert not same_weights(last(reference), last(other))


def test_validate_takes_a_checkpoint(trained):
    configuration, report = trained
    taken = run_training([str(configuration)], "validate", resume=str(last(report)))
    assert taken.stage == "validate"
    assert taken.metrics["validation/retrieval@1"] == report.metrics["validation/retrieval@1"]


def test_the_stage_test_hears_the_test_songs_alone(trained, manifest, tmp_path, monkeypatch):
    configuration, report = trained
    rows = [replace(row, split="test") if row.song == "song5" else row for row in read_manifest(manifest).rows]
    write_manifest(tmp_path / "m.parquet", Manifest(rows, manifest.parent))
    read = []
    monkeypatch.setattr(
        segments, "load_audio", lambda path, **kw: read.append(path.parent.name) or load_audio(path, **kw)
    )
    override = ["--data.manifest", str(tmp_path / "m.parquet")]
    tested = run_training([str(configuration)], "test", override, resume=str(last(report)))
    assert set(read) == {"song5"}
    assert {"test/retrieval@1", "test/chance", "test/loss", "test/spread"} <= set(tested.metrics)
    assert not any(name.startswith("validation/") for name in tested.metrics)


@pytest.mark.parametrize(
    ("stage", "overrides", "words"),
    [
        ("test", [], "no stem in split 'test'"),
        ("validate", ["--data.validation_split", "dev"], "no stem in split 'dev'"),
        ("fit", ["--data.train_split", "dev"], "no stem in split 'dev'"),
        ("fit", ["--data.segment_s", "99"], "no stem of 99 s"),
        ("fit", ["--data.manifest", "nope.parquet"], "no manifest nope.parquet"),
        ("fit", ["--data.manifest", "{tmp_path}/broken.parquet"], "cannot be read as Parquet"),
        ("fit", ["--data.manifest", "{tmp_path}/moved.parquet"], "is not there: move it back, or scan"),
        ("fit", ["--data.length", "3"], "raise length or lower batch_size"),
        ("fit", ["--data.sample_rate", "48000"], "48000 Hz and the encoder at 44100"),
    ],
)
def test_data_that_cannot_be_used_leave_no_folder(configuration, manifest, tmp_path, stage, overrides, words):
    (tmp_path / "broken.parquet").write_bytes(b"no Parquet")
    write_manifest(tmp_path / "moved.parquet", Manifest(read_manifest(manifest).rows, tmp_path / "gone"))
    given = [override.format(tmp_path=tmp_path) for override in overrides]
    with pytest.raises(FxrepError) as caught:
        run_training([str(configuration)], stage, given)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_bfloat16(configuration):
    report = run_training(
        [str(configuration)], "fit", ["--trainer.precision", "bf16-mixed", "--trainer.max_steps", "2"]
    )
    assert math.isfinite(report.metrics["train/loss"])
    assert all(value.dtype != torch.bfloat16 for value in weights(report.checkpoint).values())


def test_metric_learning_loss_by_class_path(configuration):
    override = [
        "--model.objective",
        "encoders.objectives.MetricLearningObjective",
        "--model.objective.loss",
        "pytorch_metric_learning.losses.SupConLoss",
    ]
    report = run_training([str(configuration)], "fit", [*override, "--trainer.max_steps", "2"])
    assert math.isfinite(report.metrics["train/loss"])


@pytest.mark.parametrize(
    ("overrides", "error", "words"),
    [
        (["--model.learning_rat", "1"], ArgumentError, "learning_rat"),
        (["--model.learning_rate", "hot"], ArgumentError, "learning_rate: expected float, got hot"),
        (["--model.encoder", "NoSuch"], ArgumentError, "NoSuch is no class path"),
        (["--trainer.nonsense", "1"], ArgumentError, "nonsense"),
        (["--data.manifest", "nowhere.parquet"], DataError, "nowhere.parquet"),
        (["--data.manifest", "[]"], ArgumentError, "name at least one"),
        (["--checkpoint_every", "0"], ArgumentError, "checkpoint_every is 0"),
        (["--data.batch_size", "1", "--model.renderer.hard_negatives", "false"], ArgumentError, "batch_size of 2"),
        (["--data.length", "3"], DataError, "raise length or lower batch_size"),
        (["--data.sample_rate", "48000"], ArgumentError, "48000 Hz and the encoder at 44100"),
        (["--model.learning_rate", "1e30"], FxrepError, "diverged"),
    ],
)
def test_wrong_settings_say_what_is_wrong(configuration, overrides, error, words):
    with pytest.raises(error) as caught:
        run_training([str(configuration)], "fit", overrides)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["log_metrics", "save"])
def test_a_full_disk_in_the_middle_of_a_run_is_one_line(configuration, tmp_path, monkeypatch, method):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(CSVLogger, method, full)
    with pytest.raises(OutputError, match=r"cannot write .*run: No space left on device"):
        run_training([str(configuration)])


def test_a_folder_that_cannot_be_made_is_one_line(configuration):
    with pytest.raises(OutputError, match=r"cannot write /proc/run"):
        run_training([str(configuration)], "fit", ["--trainer.default_root_dir", "/proc/run"])


def test_one_pair_alone_is_at_chance_on_validation(configuration):
    override = ["--model.renderer.hard_negatives", "false", "--data.validation_length", "3", "--data.batch_size", "2"]
    report = run_training([str(configuration)], "fit", [*override, "--trainer.max_epochs", "1"])
    assert math.isfinite(report.metrics["validation/loss_ratio"])


def test_several_manifests_are_trained_on_together(configuration, manifest, tmp_path):
    rows = read_manifest(manifest).rows
    for name, chosen in (("a", rows[:4]), ("b", rows[4:])):
        write_manifest(tmp_path / f"{name}.parquet", Manifest(chosen, manifest.parent))
    given = f"['{tmp_path / 'a.parquet'}', '{tmp_path / 'b.parquet'}']"
    report = run_training([str(configuration)], "fit", ["--data.manifest", given, "--trainer.max_steps", "1"])
    described = read_checkpoint(Path(str(report.checkpoint)))["fxrep"]["training"]
    assert described["manifest"] == "a.parquet, b.parquet"
    assert described["data"]["songs"] == 4


def test_wrong_calls(configuration, tmp_path):
    with pytest.raises(ArgumentError, match="unknown stage"):
        run_training([str(configuration)], "predict")
    with pytest.raises(ArgumentError, match=r"encoders/fx_encoder\.yaml"):
        run_training(["nothing.yaml"])
    with pytest.raises(CheckpointError, match="nothing to resume"):
        run_training([str(configuration)], resume="last")
    broken = tmp_path / "broken.ckpt"
    broken.write_bytes(b"PK\x03\x04 but not for long")
    with pytest.raises(CheckpointError, match=r"broken\.ckpt is not a readable checkpoint"):
        run_training([str(configuration)], resume=str(broken))


def test_configurations_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("configs/encoders/fx_encoder.yaml", "encoders/fx_encoder.yaml", "encoders/fx_encoder"):
        assert find_configuration(name).name == "fx_encoder.yaml"
    mine = tmp_path / "encoders" / "fx_encoder.yaml"
    mine.parent.mkdir()
    mine.write_text("trainer: {}")
    assert find_configuration("encoders/fx_encoder.yaml").resolve() == mine


@pytest.mark.parametrize("name", [name for name in list_configurations() if name.startswith("encoders/debug/")])
def test_debug_configurations_run(name, manifest, tmp_path):
    data = ["--data.manifest", str(manifest)]
    if name.endswith("at_scale.yaml"):
        write_shards(read_manifest(manifest), tmp_path / "shards", passage_s=1.0)
        data = ["--data.shards", str(tmp_path / "shards")]
    overrides = [*data, "--data.segment_s", "0.5", "--trainer.max_epochs", "1"]
    report = run_training([name], "fit", [*overrides, "--trainer.default_root_dir", str(tmp_path)])
    assert report.steps == 4
