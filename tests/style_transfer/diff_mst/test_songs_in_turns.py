"""Both methods in turn: which batch is of which task, what the card says, and gradients that mean nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from encoders.training.command import run_training
from encoders.training.songs import SongDataset
from fxrep.data import read_manifest
from fxrep.errors import ArgumentError
from style_transfer.diff_mst import load_controller
from style_transfer.diff_mst.gradient_limit import limit_gradient
from style_transfer.diff_mst.release import export_controller
from style_transfer.diff_mst.songs_in_turns import SongsInTurns, SongsInTurnsDataModule

DRAWING: dict[str, Any] = {"segment_s": 1.0, "min_tracks": 2, "max_tracks": 3, "grid": 1}


def test_each_batch_is_of_one_task(manifest: Path) -> None:
    data = SongsInTurnsDataModule(
        turns=["same_song", "other_song", "other_song"],
        manifest=str(manifest),
        batch_size=2,
        length=12,
        validation_length=2,
        num_workers=0,
        **DRAWING,
    )
    songs = data._dataset("train", 0)
    assert isinstance(songs, SongsInTurns) and len(songs) == 12
    asked = ["reference" in songs[index] for index in range(12)]
    assert asked == 2 * [False, False, True, True, True, True]
    # An item is what the data set of its turn gives at its place, and the next epoch has others.
    alone = SongDataset([read_manifest(manifest)], "train", "other_song", length=12, **DRAWING)
    torch.testing.assert_close(songs[3]["tracks"], alone[3]["tracks"], rtol=0, atol=0)
    songs.set_epoch(1)
    alone.set_epoch(1)
    torch.testing.assert_close(songs[3]["reference"], alone[3]["reference"], rtol=0, atol=0)
    assert data.description()["reference"] == "same_song, other_song, other_song"


def test_turns_are_checked(manifest: Path) -> None:
    for turns in ([], ["own_mix"]):
        with pytest.raises(ArgumentError, match="name same_song and other_song"):
            SongsInTurnsDataModule(turns=turns, manifest=str(manifest))  # type: ignore[arg-type]


def test_a_training_tells_both_tasks_apart(manifest: Path, tmp_path: Path) -> None:
    given = ["--data.manifest", str(manifest), "--trainer.default_root_dir", str(tmp_path)]
    # The songs of this test have mixes of other songs in their training half only.
    given += ["--data.validation_split", "train", "--data.validation_length", "4"]
    given += ["--trainer.enable_model_summary", "false"]
    report = run_training(["style_transfer/debug/diff_mst_both"], "fit", given)
    measured = report.metrics
    assert "validation/other_song_settings" not in measured
    both = [measured[f"validation/{task}_style"] for task in ("same_song", "other_song")]
    assert measured["validation/style"] == pytest.approx(sum(both) / 2, rel=1e-4)
    ratios = [measured[f"validation/{task}_loss_ratio"] for task in ("same_song", "other_song")]
    assert measured["validation/loss_ratio"] == pytest.approx(sum(ratios) / 2, rel=1e-4)
    assert report.checkpoint is not None
    load_controller(export_controller(report.checkpoint, tmp_path / "release"))


def test_gradients_are_limited_by_element() -> None:
    positions = torch.tensor([[0.2, 0.4], [0.6, 0.8]], requires_grad=True)
    passed = limit_gradient(positions, 0.5)
    torch.testing.assert_close(passed, positions, rtol=0, atol=0)
    (passed * torch.tensor([[100.0, -100.0], [0.25, -0.25]])).sum().backward()
    assert positions.grad is not None
    torch.testing.assert_close(positions.grad, torch.tensor([[0.5, -0.5], [0.25, -0.25]]))
    torch.testing.assert_close(limit_gradient(torch.ones(2), 0.5), torch.ones(2))
