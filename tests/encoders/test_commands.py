"""`fxrep train` and `fxrep models` as they are called."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from encoders.training.command import TrainingReport, run_training
from fxrep.cli import models, train
from fxrep.errors import ArgumentError, CheckpointError


@pytest.fixture
def call():
    app = typer.Typer()
    app.command("train", **train.COMMAND_OPTIONS)(train.run)
    app.add_typer(models.app, name="models")

    def run(*arguments: object) -> str:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


@pytest.fixture
def seen(monkeypatch):
    calls = []

    def run_training(*arguments):
        calls.append(arguments)
        return TrainingReport("fit", 7, "runs/a/best.ckpt", "runs/a", {"train/loss": 1.5})

    monkeypatch.setattr("encoders.training.command.run_training", run_training)
    return calls


def test_train_hands_its_arguments_on(call, seen):
    text = call("train", "-c", "a.yaml", "--trainer.max_steps", "5", "--model.x=-1", "--resume", "last")
    assert seen == [(["a.yaml"], "fit", ["--trainer.max_steps", "5", "--model.x=-1"], "last")]
    assert "fxrep models export runs/a/best.ckpt" in text and "runs/a" in text
    call("train", "-c", "a.yaml", "-c", "b.yaml", "validate", "--data.length", "3")
    assert seen[1] == (["a.yaml", "b.yaml"], "validate", ["--data.length", "3"], None)


def test_what_only_measures_tells_no_steps(call, monkeypatch):
    measured = TrainingReport("test", 0, None, "runs/a", {"test/loss": 1.5})
    monkeypatch.setattr("encoders.training.command.run_training", lambda *_: measured)
    text = call("train", "-c", "a.yaml", "test")
    assert text.startswith("test ended\n  test/loss 1.5\n")


def test_train_prints_one_document(call, seen):
    report = json.loads(call("train", "-c", "a.yaml", "--json"))
    assert report["steps"] == 7 and report["metrics"] == {"train/loss": 1.5}


def test_training_keeps_standard_output_clean(call, configuration):
    report = json.loads(call("train", "-c", configuration, "--json", "--trainer.max_steps", "1"))
    assert report["stage"] == "fit" and report["steps"] == 1


def test_models_export_info_list(call, trained, tmp_path):
    _, report = trained
    folder = tmp_path / "mine"
    exported = json.loads(call("models", "export", report.checkpoint, "-o", folder, "--name", "Mine", "--json"))
    assert exported["name"] == "Mine" and exported["folder"] == str(folder)
    assert json.loads(call("models", "info", folder, "--json")) == exported
    assert "validation/retrieval@1" in call("models", "info", folder)
    listed = json.loads(call("models", "list", "--json"))
    assert listed["architectures"]["fx_encoder"] == "encoders.fx_encoder.FxEncoder"
    assert "architectures" in call("models", "list")


def test_export_replaces_a_release_only_by_force_and_nothing_else(call, trained, tmp_path):
    _, report = trained
    folder, file, photos = tmp_path / "mine", tmp_path / "p.txt", tmp_path / "photos"
    file.write_text("text")
    photos.mkdir()
    (photos / "cat.jpg").touch()
    call("models", "export", report.checkpoint, "-o", folder)
    (tmp_path / "found.json").write_text(json.dumps({"command": "fxrep evaluate retrieval", "table": "| 50% |"}))
    call("models", "card", folder, "--measured", tmp_path / "found.json")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ArgumentError, match="--force"):
        call("models", "export", report.checkpoint, "-o", folder)
    for force in ((), ("--force",)):
        for taken in (file, photos):
            with pytest.raises(ArgumentError, match="choose a new folder"):
                call("models", "export", report.checkpoint, "-o", taken, *force)
    assert file.read_text() == "text" and [path.name for path in photos.iterdir()] == ["cat.jpg"]
    call("models", "export", report.checkpoint, "-o", folder, "--force")
    assert (folder / "notes.txt").read_text() == "mine" and "50%" in (folder / "README.md").read_text()


def test_errors_come_through(call, tmp_path):
    with pytest.raises(CheckpointError, match=r"none\.ckpt"):
        call("models", "export", tmp_path / "none.ckpt", "-o", tmp_path / "out")
    with pytest.raises(CheckpointError, match="no encoder"):
        call("models", "info", "nobody")


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("--data.batch_size", "0", "batch_size=0"),
        ("--model.renderer.chain", "nope", "choose from default, koo"),
        ("--model.encoder.dim", "0", "dim=0"),
        ("--trainer.accelerator", "no-such", "no-such"),
    ],
)
def test_values_that_constructors_refuse_are_one_line(tmp_path, setting, value, message):
    overrides = ["--trainer.default_root_dir", str(tmp_path), setting, value]
    with pytest.raises(ArgumentError, match=message) as refused:
        run_training(["encoders/debug/spectral"], "fit", overrides)
    assert "\n" not in str(refused.value)
