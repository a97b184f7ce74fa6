"""Pairs of stems, the training through `fxrep train`, and releases of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from automix import create_method
from automix.methods import Request
from automix.stem_autoencoder import (
    PUBLISHED,
    SMALL,
    StemAutoencoder,
    export_stem_autoencoder,
    list_stem_autoencoders,
    load_stem_autoencoder,
)
from automix.stem_autoencoder.pairs import StemPairDataset
from automix.stem_autoencoder.training import StemAutoencoderTraining
from encoders.training.command import run_training
from encoders.training.configurations import find_configuration, list_configurations
from fxrep.audio import load_audio, save_audio
from fxrep.data import Manifest, write_manifest
from fxrep.data.manifest import read_manifest
from fxrep.errors import ArgumentError, CheckpointError, DataError

from ...noise_songs import RATE, write_songs

NAMES = [name for name in list_configurations() if name.startswith("automix/debug/stem_autoencoder")]
SMALL_DEBUG = "automix/debug/stem_autoencoder_small"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Songs of noise, whose instruments are those that the tracks are called after."""
    path = write_songs(tmp_path_factory.mktemp("songs"))
    found = read_manifest(path)
    rows = [replace(row, instrument=row.track) if row.kind == "stem" else row for row in found.rows]
    write_manifest(path, Manifest(rows, found.root))
    return path


@pytest.fixture(scope="module")
def processed(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same stems at half the level, but of the drums."""
    root, rows = tmp_path_factory.mktemp("processed"), []
    found = read_manifest(manifest)
    for row in found.rows:
        if row.kind == "stem" and row.track != "drums":
            (root / row.path).parent.mkdir(exist_ok=True)
            save_audio(root / row.path, 0.5 * load_audio(found.path_of(row))[0], RATE)
            rows.append(replace(row, loudness_lufs=row.loudness_lufs - 6.0206))
    write_manifest(root / "manifest.parquet", Manifest(rows, root))
    return root / "manifest.parquet"


def run(name: str, manifest: Path, folder: Path, *overrides: str) -> Any:
    given = ["--data.manifest", str(manifest), "--trainer.default_root_dir", str(folder), *overrides]
    return run_training([name], "fit", [*given, "--trainer.enable_model_summary", "false"])


def test_the_full_configurations_are_the_published_and_the_small_form() -> None:
    for name, sizes in (("stem_autoencoder", PUBLISHED), ("stem_autoencoder_small", SMALL)):
        settings = yaml.safe_load(find_configuration(f"automix/{name}").read_text())
        arguments = settings["model"]["init_args"]["model"]["init_args"]
        assert {key: arguments[key] for key in sizes} == sizes


def test_pairs_are_the_same_place_of_both_at_one_level(manifest: Path, processed: Path) -> None:
    both = [read_manifest(manifest)], [read_manifest(processed)]
    data = StemPairDataset(*both, ["drums", "bass", "keys"], "train", 6, 0.5, seed=3)
    groups = set()
    for index in range(6):
        item = data[index]
        assert item["paired"] and item["dry"].shape == (22050,)
        torch.testing.assert_close(item["processed"], item["dry"], rtol=0.0, atol=1e-3)
        assert all(torch.equal(torch.as_tensor(one), torch.as_tensor(data[index][key])) for key, one in item.items())
        groups.add(item["group"])
    assert groups == {1, 2}  # There are no processed drums.
    data.set_epoch(1)
    assert not torch.equal(data[0]["dry"], item["dry"])


def test_the_pitch_is_shifted(tmp_path: Path, manifest: Path) -> None:
    """A tone of 1 kHz comes out at multiples of 50 cents, up to so many semitones away, and at 1 kHz without."""
    rows = [row for row in read_manifest(manifest).rows if row.track == "bass"][:1]
    tone = 0.1 * torch.sin(2 * torch.pi * 1000.0 * torch.arange(3 * RATE) / RATE)[None]
    (tmp_path / rows[0].path).parent.mkdir()
    save_audio(tmp_path / rows[0].path, tone, RATE)
    found = set()
    for semitones, count in ((4.0, 12), (0.0, 1)):
        data = StemPairDataset([Manifest(rows, tmp_path)], [], ["bass"], None, 12, 1.0, semitones)
        for index in range(count):
            peak = int(torch.fft.rfft(data[index]["dry"]).abs().argmax())
            cents = 1200.0 * torch.log2(torch.tensor(peak / 1000.0))
            assert abs(float(cents) - 50.0 * round(float(cents) / 50.0)) < 1.0 and abs(cents) < 100.0 * semitones + 1.0
            found.add(round(float(cents) / 50.0))
    assert found >= {0} and len(found) > 4


def test_stems_that_are_missing(manifest: Path) -> None:
    with pytest.raises(DataError, match="no stem of"):
        StemPairDataset([read_manifest(manifest)], [], ["vocals"], "train")
    with pytest.raises(ArgumentError, match="segment_s=0"):
        StemPairDataset([read_manifest(manifest)], [], ["bass"], "train", segment_s=0.0)


@pytest.fixture(scope="module")
def trained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Both debug configurations, run."""
    folder = tmp_path_factory.mktemp("trained")
    return {Path(name).stem: run(name, manifest, folder / Path(name).stem) for name in NAMES}


def test_a_run_trains_every_layer_and_says_how_far_it_is_from_doing_nothing(trained: dict[str, Any]) -> None:
    assert set(trained) == {"stem_autoencoder", "stem_autoencoder_small"}
    for report in trained.values():
        found = report.metrics
        assert report.steps == 4 and found["train/stage"] == 3.0
        ratio = found["validation/loss"] / found["validation/unprocessed_loss"]
        assert found["validation/loss_ratio"] == pytest.approx(ratio, rel=1e-5)


def test_a_checkpoint_becomes_a_release(trained: dict[str, Any], tmp_path: Path) -> None:
    report = trained["stem_autoencoder_small"]
    folder = export_stem_autoencoder(report.checkpoint, tmp_path / "release")
    config = json.loads((folder / "config.json").read_text())
    assert config["audio"]["groups"].startswith("1 drums (percussion), 2 bass")
    card = (folder / "README.md").read_text()
    assert "validation/loss_ratio" in card and "generated, none from records" in card and "typical" in card
    made = create_method("stem_autoencoder", Request(str(folder), instruments={"x": "bass"}))
    assert isinstance(made, StemAutoencoder) and made.instruments == {"x": "bass"} and not made.training
    with pytest.raises(ArgumentError, match="--force"):
        export_stem_autoencoder(report.checkpoint, folder)
    with pytest.raises(CheckpointError, match="no stem_autoencoder 'nothing'"):
        load_stem_autoencoder("nothing")
    assert all(load_stem_autoencoder(name) for name in list_stem_autoencoders())


def test_wrong_data_is_refused_before_anything_is_written(manifest: Path, tmp_path: Path) -> None:
    for options, match in (
        (["--data.track_lufs", "-16"], "track_lufs -16.0 and the model -24.0"),
        (["--data.groups", "[bass]"], "the data has groups"),
        (["--data.processed", "missing.parquet"], "missing.parquet"),
        (["--model.processing", "dogs"], "no chain"),
    ):
        with pytest.raises((ArgumentError, DataError), match=match):
            run(SMALL_DEBUG, manifest, tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


def test_pretraining_moves_one_layer_and_the_whole_learns_the_processing() -> None:
    torch.manual_seed(0)
    model = StemAutoencoder(("bass",), 32, 2, 0.0, "gains", 0.3)
    training = StemAutoencoderTraining(model, pretraining_steps=1)
    dry = 0.05 * torch.randn(2, 8192, generator=torch.Generator().manual_seed(0))
    batch = {
        "dry": dry,
        "processed": torch.zeros_like(dry),
        "paired": torch.zeros(2, dtype=torch.bool),
        "group": torch.zeros(2, dtype=torch.long),
    }
    frames, wanted = training.frames(batch)
    network = model.network(0)
    for layer in (0, 1):
        training.zero_grad()
        training._layer(frames[0], 0, layer).backward()
        assert [one.weight.grad is not None for one in network.hidden] == [layer == 0, layer == 1]  # type: ignore[union-attr]
        assert network.last.weight.grad is None
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = training._mapping(frames, wanted, 0, 0) + training._mapping(frames, wanted, 1, 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(2.0 * float((frames - wanted).abs().mean()), rel=1e-3)
    assert losses[-1] < 0.4 * losses[0]
