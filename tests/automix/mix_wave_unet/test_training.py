"""The training through `fxrep train`, what it leaves behind, and releases of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from typer.testing import CliRunner

from automix import create_method
from automix.methods import Request
from automix.mix_wave_unet import (
    PUBLISHED,
    SLOTS,
    SMALL,
    MixWaveUNet,
    export_mix_wave_unet,
    list_mix_wave_unets,
    load_mix_wave_unet,
)
from automix.mix_wave_unet.training import MixWaveUNetTraining
from encoders.training.command import run_training
from encoders.training.configurations import find_configuration, list_configurations
from fxrep.cli.main import build_app
from fxrep.errors import ArgumentError, CheckpointError

from ...noise_songs import write_songs

NAMES = [name for name in list_configurations() if name.startswith("automix/debug/mix_wave_unet")]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_songs(tmp_path_factory.mktemp("songs"))


def run(name: str, manifest: Path, folder: Path, *overrides: str) -> Any:
    given = ["--data.manifest", str(manifest), "--trainer.default_root_dir", str(folder), *overrides]
    return run_training([name], "fit", [*given, "--trainer.enable_model_summary", "false"])


def test_the_full_configurations_are_the_published_and_the_small_form() -> None:
    for name, sizes in (("mix_wave_unet", PUBLISHED), ("mix_wave_unet_small", SMALL)):
        settings = yaml.safe_load(find_configuration(f"automix/{name}").read_text())
        arguments = settings["model"]["init_args"]["model"]["init_args"]
        assert {key: arguments[key] for key in sizes} == sizes and tuple(arguments["slots"]) == SLOTS


@pytest.fixture(scope="module")
def trained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Both debug configurations, run."""
    folder = tmp_path_factory.mktemp("trained")
    return {Path(name).stem: run(name, manifest, folder / Path(name).stem) for name in NAMES}


def test_a_run_says_how_far_it_is_from_equal_loudness(trained: dict[str, Any]) -> None:
    assert set(trained) == {"mix_wave_unet", "mix_wave_unet_small"}
    for report in trained.values():
        found = report.metrics
        assert report.steps == 2
        ratio = found["validation/loss"] / found["validation/equal_loudness_loss"]
        assert found["validation/loss_ratio"] == pytest.approx(ratio, rel=1e-5)


def test_a_checkpoint_becomes_a_release_that_states_its_slots(trained: dict[str, Any], tmp_path: Path) -> None:
    report = trained["mix_wave_unet_small"]
    folder = export_mix_wave_unet(report.checkpoint, tmp_path / "release")
    config = json.loads((folder / "config.json").read_text())
    assert tuple(config["mix_wave_unet"]["init_args"]["slots"]) == SLOTS
    assert config["audio"]["slots"].startswith("1 drums (percussion), 2 bass, 3 guitar")
    card = (folder / "README.md").read_text()
    assert "validation/loss_ratio" in card and "2 bass, 3 guitar" in card
    made = create_method("mix_wave_unet", Request(str(folder), instruments={"x": "bass"}, options={"in_order": True}))
    assert isinstance(made, MixWaveUNet) and made.in_order and made.instruments == {"x": "bass"}
    with pytest.raises(ArgumentError, match="--force"):
        export_mix_wave_unet(report.checkpoint, folder)
    with pytest.raises(CheckpointError, match="no mix_wave_unet 'nothing'"):
        load_mix_wave_unet("nothing")
    assert all(load_mix_wave_unet(name) for name in list_mix_wave_unets())


def test_wrong_data_is_refused_before_anything_is_written(manifest: Path, tmp_path: Path) -> None:
    for options, match in (
        (["--data.track_lufs", "-16"], "track_lufs -16.0 and the model -24.0"),
        (["--data.reference", "same_song"], "reference same_song and the model own_mix"),
        (["--model.stft_weight", "0"], "nothing would be learnt"),
        (["--model.stft_form", "loud"], "form is 'loud'"),
    ):
        with pytest.raises(ArgumentError, match=match):
            run("automix/debug/mix_wave_unet_small", manifest, tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


def test_it_learns_levels_and_places() -> None:
    """Two tracks that are louder and further left in the mixes: the loss falls far under that of equal loudness."""
    model = MixWaveUNet(("bass", "keys"), True, 4, 4, 5, False, "gains", 2)
    training = MixWaveUNetTraining(model, l1_weight=1.0)
    training.slot_of_stem = torch.tensor([0, 1])
    tracks = 0.06 * torch.randn(2, 2, 2, 22050, generator=torch.Generator().manual_seed(0))
    sides = torch.tensor([[2.0, 0.5], [0.3, 0.6]])[None, :, :, None]
    batch = {
        "tracks": tracks,
        "mask": torch.ones(2, 2, dtype=torch.bool),
        "stem": torch.tensor([[0, 1], [0, 1]]),
        "target": (tracks * sides).sum(1),
    }
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(40):
        loss = training.loss(training._at_level(training.mix(batch)), training._at_level(batch["target"]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    equal = training.loss(training._at_level(tracks.sum(1)), training._at_level(batch["target"]))
    assert losses[0] == pytest.approx(float(equal), rel=1e-4)
    assert losses[-1] < 0.4 * losses[0]


def test_the_command_line_exports_and_states_the_slots(trained: dict[str, Any], tmp_path: Path) -> None:
    given = ["models", "export", trained["mix_wave_unet"].checkpoint, "-o", str(tmp_path / "release")]
    exported = CliRunner().invoke(build_app(), given)
    assert exported.exit_code == 0
    assert "tracks       -24 LUFS at 44100 Hz, slots 1 drums (percussion), 2 bass" in exported.stdout
    listed = CliRunner().invoke(build_app(), ["models", "list", "--json"])
    assert json.loads(listed.stdout)["mix_wave_unet"] == list_mix_wave_unets()
