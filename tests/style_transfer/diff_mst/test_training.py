"""Both trainings through `fxrep train`, what they leave behind, and releases of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from encoders.training.command import run_training
from encoders.training.configurations import list_configurations
from encoders.training.resumption import read_checkpoint
from encoders.training.songs import SongDataset
from fxrep.audio import integrated_loudness, normalize_loudness
from fxrep.cli.main import build_app
from fxrep.data import read_manifest
from fxrep.errors import ArgumentError, CheckpointError, DataError
from style_transfer.diff_mst import DiffMST, EmbeddingConditioning, load_controller, save_controller
from style_transfer.diff_mst.described_songs import DescribedSongs, describe_songs
from style_transfer.diff_mst.release import describe_controller, export_controller, list_controllers, take_weights
from style_transfer.diff_mst.settings_prior import ModeratePrior
from style_transfer.diff_mst.training import DiffMSTTraining

from ...noise_songs import RATE
from .conftest import small_encoder, small_model

NAMES = [name for name in list_configurations() if name.startswith("style_transfer/debug/diff_mst")]


def run(name: str, manifest: Path, folder: Path, *overrides: str) -> Any:
    given = ["--data.manifest", str(manifest), "--trainer.default_root_dir", str(folder), *overrides]
    return run_training([name], "fit", [*given, "--trainer.enable_model_summary", "false"])


def weights(checkpoint: str | None) -> dict[str, torch.Tensor]:
    assert checkpoint is not None
    state: dict[str, torch.Tensor] = read_checkpoint(Path(checkpoint))["state_dict"]
    return state


def test_there_are_five() -> None:
    assert [
        f"style_transfer/debug/diff_mst_{name}.yaml" for name in ("both", "described", "embedding", "paper", "small")
    ] == NAMES


@pytest.mark.parametrize("name", [one for one in NAMES if "embedding" not in one and "both" not in one])
def test_debug_configurations_run(name: str, manifest: Path, tmp_path: Path) -> None:
    report = run(name, manifest, tmp_path)
    assert report.steps == 2 and report.metrics["validation/loss"] < 1e3
    load_controller(export_controller(report.checkpoint, tmp_path / "release"))


@pytest.fixture(scope="module")
def trained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The debug configuration of the embedding family, both steps of it."""
    return run("style_transfer/debug/diff_mst_embedding", manifest, tmp_path_factory.mktemp("trained"))


def test_a_run_says_how_far_it_is_from_equal_loudness(trained: Any) -> None:
    measured = trained.metrics
    for name in ("loss", "stft", "settings", "style"):
        assert 0.0 < measured[f"validation/{name}"] < 1e3
    ratio = measured["validation/loss"] / (
        measured["validation/equal_loudness_stft"] + measured["validation/equal_loudness_settings"]
    )
    assert measured["validation/loss_ratio"] == pytest.approx(ratio, rel=1e-4)
    recorded = read_checkpoint(Path(trained.checkpoint))["fxrep"]["training"]
    assert recorded["loss_ratio_at_step"] == {"2": pytest.approx(ratio, rel=1e-4)}


def test_the_frozen_encoder_is_not_in_the_checkpoint(trained: Any) -> None:
    assert not [key for key in weights(trained.checkpoint) if ".registered." in key or ".frames." in key]
    assert Path(trained.checkpoint).stat().st_size < 1_000_000


def test_resumed_is_the_same_run(trained: Any, manifest: Path, tmp_path: Path) -> None:
    name = "style_transfer/debug/diff_mst_embedding"
    first = run(name, manifest, tmp_path, "--trainer.max_steps", "1", "--trainer.limit_val_batches", "0")
    del first
    arguments = ["--data.manifest", str(manifest), "--trainer.default_root_dir", str(tmp_path)]
    report = run_training([name], "fit", [*arguments, "--trainer.enable_model_summary", "false"], resume="last")
    assert report.steps == 2
    plain, resumed = weights(trained.checkpoint), weights(report.checkpoint)
    # The schedule of the run that was stopped knew of one step; what was drawn is the same.
    assert plain.keys() == resumed.keys()
    for key, value in plain.items():
        torch.testing.assert_close(resumed[key], value, rtol=0, atol=5e-3, msg=key)


def test_method_two_goes_on_from_method_one(trained: Any, manifest: Path, tmp_path: Path) -> None:
    options = ["--data.reference", "other_song", "--model.style_weight", "1", "--model.embedding_weight", "0.1"]
    options += ["--model.initial", trained.checkpoint, "--trainer.max_steps", "1", "--data.validation_split", "train"]
    report = run("style_transfer/debug/diff_mst_embedding", manifest, tmp_path, *options)
    assert report.metrics["train/loss"] == pytest.approx(
        report.metrics["train/style"] + 0.1 * report.metrics["train/embedding"], rel=1e-5
    )
    assert "train/stft" not in report.metrics
    # The record tells of both trainings, of the first one without its data.
    recorded = read_checkpoint(Path(report.checkpoint))["fxrep"]["training"]
    assert recorded["objective"] == "1 x stft, 1 x settings, 1 x style, 0.1 x embedding"
    assert recorded["began_with"]["steps"] == 2 and "data" not in recorded["began_with"]


def test_wrong_data_is_refused_before_anything_is_written(manifest: Path, tmp_path: Path) -> None:
    name = "style_transfer/debug/diff_mst_embedding"
    for options, match in (
        (["--data.track_lufs", "-48"], "track_lufs -48 and the model -24"),
        (["--data.segment_s", "0.5"], "segment_s=0.5 is too short"),
        (["--data.reference", "other_song"], "no true mix"),
        (["--data.sample_rate", "48000"], "sample_rate 48000 and the model 44100"),
        (["--model.stft_weight", "0", "--model.settings_weight", "0"], "at least one above 0"),
        (["--model.initial", "nothing.ckpt"], "nothing.ckpt"),
    ):
        with pytest.raises((ArgumentError, CheckpointError), match=match):
            run(name, manifest, tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


def test_described_mixes(manifest: Path, tmp_path: Path) -> None:
    """The first step on descriptions is the step on the audio that was described, and they are made once."""
    name, kept = "style_transfer/debug/diff_mst_described", tmp_path / "kept"
    options = ["--data.described", str(kept), "--trainer.log_every_n_steps", "1"]
    report = run(name, manifest, tmp_path, *options)
    assert report.steps == 2 and report.metrics["validation/settings"] < 1e3
    files = sorted(kept.glob("*.safetensors"))
    written = [path.stat().st_mtime_ns for path in files]
    again = run(name, manifest, tmp_path, *options)
    assert [path.stat().st_mtime_ns for path in files] == written and len(files) == 1
    plain, second = weights(report.checkpoint), weights(again.checkpoint)
    for key, value in plain.items():
        torch.testing.assert_close(second[key], value, rtol=0, atol=0, msg=key)
    with pytest.raises(ArgumentError, match="other data or of other settings"):
        run(name, manifest, tmp_path, *options, "--data.mixes_per_passage", "3")
    with pytest.raises(ArgumentError, match="set stft_weight to 0"):
        run(name, manifest, tmp_path, *options, "--model.stft_weight", "1")
    files[0].write_bytes(b"nothing")
    with pytest.raises(DataError, match="is damaged"):
        run(name, manifest, tmp_path, *options)


def test_descriptions_are_of_the_mixes(manifest: Path, tmp_path: Path) -> None:
    """Each example is what the controller would have been told of the audio, and its truth made that audio."""
    model, prior = small_model(), ModeratePrior()
    songs = SongDataset([read_manifest(manifest)], "train", segment_s=1.0, max_tracks=3, length=3, seed=5)
    describe_songs(songs, model, prior, tmp_path / "kept", {}, mixes_per_passage=2)
    examples = DescribedSongs(tmp_path / "kept", 3)
    assert len(examples) == 6
    for index in range(6):
        example = examples[index]
        truth = model.console.denormalize(
            example["truth_tracks"][None], example["truth_buses"][None], example["truth_master"][None]
        )
        fits = []
        for number in range(3):
            item = songs[number]
            for half in item["tracks"].chunk(2, dim=-1):
                mix = model.console.render(half[None], truth, RATE, item["mask"][None])
                heard = model.conditioning.describe_reference(normalize_loudness(mix, RATE, -16.0))[0]
                fits.append(float((heard - example["heard"]).abs().max()))
        assert min(fits) < 1e-3


def test_steps_learn(manifest: Path) -> None:
    """A few steps on one song bring the settings nearer to those that made its mixes."""
    torch.manual_seed(0)
    training = DiffMSTTraining(small_model(), stft_weight=0.0)
    songs = SongDataset([read_manifest(manifest)], "validation", segment_s=1.0, max_tracks=3, length=4)
    batch: dict[str, Any] = torch.utils.data.default_collate([songs[0], songs[1]])
    optimizer = torch.optim.AdamW(training.parameters(), lr=3e-3)
    losses = []
    for _ in range(12):
        passage = training._passage(batch, torch.Generator().manual_seed(0))
        loss = training._weigh(passage, training._terms(passage, training._find(passage), {"settings"}))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    torch.testing.assert_close(integrated_loudness(passage.reference, RATE), torch.full((2,), -16.0), rtol=0, atol=1e-3)


def test_a_release_opens_as_it_was_saved(tmp_path: Path) -> None:
    model = small_model()
    folder = save_controller(model, tmp_path / "mine", metadata={"training": {"steps": 3}})
    opened = load_controller(folder)
    tracks = 0.05 * torch.randn(1, 2, 2, RATE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain, again = model.listen(tracks, tracks[:, 0]), opened.listen(tracks, tracks[:, 0])
    torch.testing.assert_close(again.tracks, plain.tracks, rtol=0, atol=0)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| steps | 3 |" in card and "`SpectralEncoder`, frozen" in card
    assert describe_controller(folder)["audio"]["console"] == "default"
    with pytest.raises(CheckpointError, match="encoder's release"):
        from encoders.checkpoints import load_encoder

        load_encoder(folder)
    config = json.loads((folder / "config.json").read_text())
    config["controller"]["init_args"]["console"] = "dasp"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError):
        load_controller(folder)
    with pytest.raises(CheckpointError, match="no controller 'nothing'"):
        load_controller("nothing")


def test_a_shipped_encoder_is_named_and_a_tuned_one_kept(tmp_path: Path) -> None:
    sizes = {"width": 16, "layers": 1, "heads": 2, "feedforward": 16}
    named = DiffMST(EmbeddingConditioning("default"), **sizes)  # type: ignore[arg-type]
    folder = save_controller(named, tmp_path / "named")
    config = json.loads((folder / "config.json").read_text())
    arguments = config["controller"]["init_args"]["conditioning"]["init_args"]
    assert arguments["encoder"] == "spectral" and len(arguments["fingerprint"]) == 64
    assert (folder / "model.safetensors").stat().st_size < 200_000
    assert load_controller(folder).conditioning.encoder.dim == 128  # type: ignore[union-attr]
    tuned = DiffMST(EmbeddingConditioning(small_encoder(), tuned=True), **sizes)  # type: ignore[arg-type]
    with torch.no_grad():
        tuned.conditioning.encoder.entry.weight.add_(0.1)  # type: ignore[union-attr, operator]
    opened = load_controller(save_controller(tuned, tmp_path / "tuned")).conditioning
    assert opened.encoder.fingerprint == tuned.conditioning.encoder.fingerprint  # type: ignore[union-attr]
    with pytest.raises(CheckpointError, match="does not fit"):
        take_weights(named, tmp_path / "tuned")


def test_the_command_line_exports_controllers(trained: Any, tmp_path: Path) -> None:
    release = tmp_path / "release"
    runner, app = CliRunner(), build_app()
    done = runner.invoke(app, ["models", "export", trained.checkpoint, "-o", str(release), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["controller"]["class_path"] == "style_transfer.diff_mst.model.DiffMST"
    assert found["metrics"]["metrics"]["validation/loss"] > 0.0
    shown = runner.invoke(app, ["models", "info", str(release)])
    assert "console      default, tracks at -24 LUFS" in shown.stdout
    listed = runner.invoke(app, ["models", "list", "--json"])
    assert json.loads(listed.stdout)["controllers"] == list_controllers()
    again = runner.invoke(app, ["models", "export", trained.checkpoint, "-o", str(release)])
    assert again.exit_code != 0 and not isinstance(again.exception, AssertionError)
