"""Training from shards: a stopped run goes on in the middle of an epoch, whatever the number of workers now."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
import yaml

from encoders.training.command import run_training
from encoders.training.contrastive import ContrastiveTraining
from encoders.training.resumption import TrainingStoppedError, read_checkpoint
from encoders.training.shard_data import ShardPairDataModule, ShardStemSetDataModule
from fxrep.data import read_manifest
from fxrep.data.shards import write_shards
from fxrep.errors import ArgumentError, DataError


@pytest.fixture(scope="module")
def shards(manifest, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write_shards(read_manifest(manifest), folder, codec="flac16", passage_s=1.0, shard_s=4.0)
    return folder


def configuration_of(original: Path, shards: Path, folder: Path) -> Path:
    """The tiny training of these tests with its data in shards."""
    settings = yaml.safe_load(original.read_text())
    given = settings["data"]["init_args"]
    given.pop("manifest")
    given.update(shards=str(shards), window=2, draws_per_passage=1.0)
    settings["data"]["class_path"] = "encoders.training.shard_data.ShardPairDataModule"
    settings["trainer"]["default_root_dir"] = str(folder / "run")
    path = folder / "sharded.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def test_stopped_run_goes_on_with_other_workers(configuration, shards, tmp_path, monkeypatch):
    (tmp_path / "whole").mkdir()
    whole = run_training([str(configuration_of(configuration, shards, tmp_path / "whole"))])
    path = configuration_of(configuration, shards, tmp_path)
    original = ContrastiveTraining.training_step

    def training_step(self, batch, batch_idx):
        if self.global_step == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(ContrastiveTraining, "training_step", training_step)
    with pytest.raises(TrainingStoppedError, match="after step 2"):
        run_training([str(path)])
    monkeypatch.undo()
    report = run_training([str(path)], "fit", ["--data.num_workers", "2"], resume="last")
    first, second = (read_checkpoint(Path(str(run.logs)) / "checkpoints" / "last.ckpt") for run in (whole, report))
    assert first["global_step"] == second["global_step"] == 6
    assert all(torch.equal(value, second["state_dict"][name]) for name, value in first["state_dict"].items())
    described = first["fxrep"]["training"]
    assert described["shards"] == shards.name and described["data"]["songs"] == 4


def test_lanes_are_one_a_worker_of_every_process(shards):
    data = ShardPairDataModule(str(shards), batch_size=2, length=12, num_workers=3, segment_s=0.5)
    assert data.state_dict() == {"position": 0, "lanes": 3}
    data.load_state_dict({"position": 5, "lanes": 2})
    assert data._stream("train").lanes == 2 and data._stream("validation").lanes == 1


def test_sets_of_stems(shards):
    data = ShardStemSetDataModule(str(shards), batch_size=2, length=8, segment_s=0.5, max_stems=2, num_workers=0)
    data.check_stage("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch["a"].shape[0] == 2 and batch["a"].shape[2:] == (2, 22050)
    held_out = next(iter(data.val_dataloader()))
    assert held_out["a"].shape[:2] == (2, 2)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"shards": "nowhere"}, DataError, r"there is no nowhere/index\.json"),
        ({"shards": []}, ArgumentError, "name at least one set with --data.shards"),
        ({"segment_s": 9.0}, DataError, "no passage of 9 s"),
        ({"train_split": "dev"}, DataError, "split 'dev'"),
        ({"length": 1}, DataError, "raise length or lower batch_size"),
    ],
)
def test_wrong_data_are_refused_first(shards, settings, error, words):
    with pytest.raises(error, match=words):
        given = {"shards": str(shards), "batch_size": 2, "length": 4, "segment_s": 0.5, **settings}
        ShardPairDataModule(**given).check_stage("fit")
