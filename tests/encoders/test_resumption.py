"""A run that was stopped or killed and resumed ends with the weights of one that was not."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from encoders.training.command import run_training
from encoders.training.contrastive import ContrastiveTraining
from encoders.training.resumption import TrainingStoppedError, read_checkpoint
from fxrep.errors import CheckpointError

ROOT = Path(__file__).parents[2]


def last(report_or_folder) -> Path:
    folder = getattr(report_or_folder, "logs", None) or report_or_folder
    return Path(folder) / "checkpoints" / "last.ckpt"


def assert_same_run(one: Path, other: Path) -> None:
    """Weights, optimiser and schedule agree bit for bit."""
    first, second = read_checkpoint(one), read_checkpoint(other)
    assert first["global_step"] == second["global_step"]
    for name, value in first["state_dict"].items():
        assert torch.equal(value, second["state_dict"][name]), name
    states = [content["optimizer_states"][0]["state"] for content in (first, second)]
    for number, state in states[0].items():
        for name, value in state.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(states[1][number][name])), (number, name)
    assert first["lr_schedulers"] == second["lr_schedulers"]


@pytest.mark.parametrize(("step", "number"), [(2, signal.SIGTERM), (3, signal.SIGINT), (4, signal.SIGTERM)])
def test_stopped_run_resumes_exactly(trained, configuration, monkeypatch, step, number):
    """Stops in the middle of an epoch (2, 4) and at its end (3); three steps make an epoch."""
    _, reference = trained
    stop_at(monkeypatch, step, number)
    before = signal.getsignal(number)
    with pytest.raises(
        TrainingStoppedError, match=f"stopped by {number.name} after step {step}; .*--resume last"
    ) as caught:
        run_training([str(configuration)])
    assert caught.value.exit_code == 130
    assert signal.getsignal(number) is before
    monkeypatch.undo()
    report = run_training([str(configuration)], resume="last")
    assert report.steps == reference.steps
    assert_same_run(last(reference), last(report))
    steps = [
        int(row["step"]) for row in csv.DictReader((Path(report.logs) / "metrics.csv").open()) if row["train/loss"]
    ]
    assert steps == [0, 1, 2, 3, 4, 5], "the log of the resumed run has gaps or repetitions"


def stop_at(monkeypatch, step: int, number: int) -> None:
    original = ContrastiveTraining.training_step

    def training_step(self, batch, batch_idx):
        if self.global_step == step - 1:
            os.kill(os.getpid(), number)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(ContrastiveTraining, "training_step", training_step)


def test_best_checkpoint_resumes_exactly(trained, configuration):
    """A checkpoint written by Lightning's own callback after validation, at the end of the first epoch."""
    _, reference = trained
    override = ["--trainer.callbacks.init_args.save_top_k", "-1", "--trainer.callbacks.init_args.filename", "{step}"]
    report = run_training([str(configuration)], "fit", override)
    found = sorted((Path(report.logs) / "checkpoints").glob("step*3.ckpt")) or sorted(
        (Path(report.logs) / "checkpoints").glob("*3.ckpt")
    )
    resumed = run_training([str(configuration)], resume=str(found[0]))
    assert_same_run(last(reference), last(resumed))


def test_killed_process_resumes_exactly(trained, configuration):
    """SIGKILL leaves no time to save: the run goes on from the last periodic checkpoint."""
    _, reference = trained
    arguments = [str(configuration), "--checkpoint_every", "1"]
    # The pause after the third step is when the kill comes; it changes nothing that is computed.
    program = (
        "import sys, time\n"
        "from encoders.training.contrastive import ContrastiveTraining as training\n"
        "from encoders.training.command import run_training\n"
        "original = training.training_step\n"
        "def step(self, batch, number):\n"
        "    if self.global_step == 4: time.sleep(600)\n"
        "    return original(self, batch, number)\n"
        "training.training_step = step\n"
        "run_training([sys.argv[1]], 'fit', sys.argv[2:])\n"
    )
    checkpoint = configuration.parent / "run" / "version_0" / "checkpoints" / "last.ckpt"
    process = subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 240
        while not (checkpoint.is_file() and read_checkpoint(checkpoint)["global_step"] == 4):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.3)
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
    report = run_training([str(configuration)], resume="last")
    assert_same_run(last(reference), last(report))


def test_checkpoints_hold_plain_values(trained, tmp_path):
    _, report = trained
    content = torch.load(last(report), weights_only=True)
    assert content["fxrep"]["encoder"]["class_path"] == "encoders.fx_encoder.FxEncoder"
    assert content["fxrep"]["training"]["seed"] == 3
    other = tmp_path / "pickled.ckpt"
    torch.save({"state_dict": {}, "trainer": Trainer}, other)
    with pytest.raises(CheckpointError, match=r"pickled\.ckpt is not a readable checkpoint"):
        read_checkpoint(other)
