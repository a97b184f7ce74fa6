"""The training through `fxrep train`, what it leaves behind, and releases of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from typer.testing import CliRunner

from encoders.training.command import run_training
from encoders.training.configurations import find_configuration, list_configurations
from encoders.training.resumption import read_checkpoint
from fxrep.cli.main import build_app
from fxrep.data.pairs import PairRenderer
from fxrep.effects import ChainEffect, EffectChain
from fxrep.errors import ArgumentError, CheckpointError
from style_transfer import create_method
from style_transfer.mixfx_cloner import (
    MixFXCloner,
    describe_cloner,
    export_cloner,
    list_cloners,
    load_cloner,
    save_cloner,
)
from style_transfer.mixfx_cloner.training import ClonerTraining

from .conftest import RATE, TINY, sound, unit

NAMES = [name for name in list_configurations() if name.startswith("style_transfer/debug/mixfx_cloner")]
SMALL = "style_transfer/debug/mixfx_cloner_small"


def run(name: str, manifest: Path, folder: Path, *overrides: str) -> Any:
    given = ["--data.manifest", str(manifest), "--trainer.default_root_dir", str(folder), *overrides]
    return run_training([name], "fit", [*given, "--trainer.enable_model_summary", "false"])


def test_the_full_configurations_are_the_published_and_the_small_form() -> None:
    from style_transfer.mixfx_cloner import PUBLISHED
    from style_transfer.mixfx_cloner import SMALL as SIZES

    for name, sizes in (("mixfx_cloner", PUBLISHED), ("mixfx_cloner_small", SIZES)):
        settings = yaml.safe_load(find_configuration(f"style_transfer/{name}").read_text())
        arguments = settings["model"]["init_args"]["cloner"]["init_args"]
        assert {key: arguments[key] for key in sizes} == sizes


@pytest.fixture(scope="module")
def trained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Both debug configurations, run."""
    folder = tmp_path_factory.mktemp("trained")
    return {name: run(name, manifest, folder / Path(name).stem) for name in NAMES}


def test_a_run_says_how_far_it_is_from_doing_nothing(trained: dict[str, Any]) -> None:
    assert len(NAMES) == 2
    for report in trained.values():
        found = report.metrics
        assert report.steps == 2
        terms = sum(found[f"validation/{name}"] for name in ("spectral", "mid_side", "rms"))
        assert found["validation/loss"] == pytest.approx(terms, rel=1e-5)
        ratio = found["validation/loss"] / found["validation/unprocessed_loss"]
        assert found["validation/loss_ratio"] == pytest.approx(ratio, rel=1e-5)
        state = read_checkpoint(Path(report.checkpoint))["state_dict"]
        assert all(name.startswith("cloner.network.") for name in state)


def test_a_checkpoint_becomes_a_release(trained: dict[str, Any], tmp_path: Path) -> None:
    report = trained[f"{SMALL}.yaml"]
    folder = export_cloner(report.checkpoint, tmp_path / "release")
    cloner = load_cloner(folder)
    state = read_checkpoint(Path(report.checkpoint))["state_dict"]
    assert all(torch.equal(value, state[f"cloner.{name}"]) for name, value in cloner.state_dict().items())
    config = json.loads((folder / "config.json").read_text())
    assert config["cloner"]["init_args"]["encoder"] == "spectral"
    assert (folder / "model.safetensors").stat().st_size < 300_000
    card = (folder / "README.md").read_text()
    assert "validation/loss_ratio" in card and "the encoder `spectral`" in card and "manifest.parquet" in card
    described = describe_cloner(folder)
    assert described["parameters"] == sum(value.numel() for value in cloner.network.parameters())
    assert isinstance(create_method("mixfx_cloner", str(folder)), MixFXCloner)
    with pytest.raises(ArgumentError, match="--force"):
        export_cloner(report.checkpoint, folder)
    export_cloner(report.checkpoint, folder, overwrite=True)


def test_the_command_line_exports_cloners(trained: dict[str, Any], tmp_path: Path) -> None:
    given = ["models", "export", trained[f"{SMALL}.yaml"].checkpoint, "-o", str(tmp_path / "release")]
    exported = CliRunner().invoke(build_app(), given)
    assert exported.exit_code == 0 and "stems        -23 LUFS at 44100 Hz" in exported.stdout
    listed = CliRunner().invoke(build_app(), ["models", "list", "--json"])
    assert json.loads(listed.stdout)["cloners"] == list_cloners()


def test_an_encoder_of_ones_own_is_part_of_the_release(cloner: MixFXCloner, tmp_path: Path) -> None:
    again = load_cloner(save_cloner(cloner, tmp_path / "own"))
    assert again.encoder.fingerprint == cloner.encoder.fingerprint
    stem = sound(1, 0.3)
    assert torch.equal(again.render(stem, RATE, unit(16)), cloner.render(stem, RATE, unit(16)))


def test_damaged_releases(cloner: MixFXCloner, tmp_path: Path) -> None:
    folder = save_cloner(cloner, tmp_path / "own")
    config = json.loads((folder / "config.json").read_text())
    for change, words in (
        ({"fingerprint": "0" * 64}, "do not belong together"),
        ({"cloner": {"class_path": "os.system", "init_args": {}}}, "os.system"),
        ({"cloner": config["cloner"]["init_args"]["encoder"]}, "does not fit|not a cloner"),
        ({"format": 99}, "format 99"),
    ):
        (folder / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(CheckpointError, match=words):
            load_cloner(folder)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        load_cloner(folder)
    with pytest.raises(CheckpointError, match="no cloner 'nothing'"):
        load_cloner("nothing")
    with pytest.raises(ArgumentError, match="is no cloner"):
        load_cloner(3)  # type: ignore[arg-type]
    assert all(load_cloner(name) for name in list_cloners())


def test_wrong_data_is_refused_before_anything_is_written(manifest: Path, tmp_path: Path) -> None:
    for options, match in (
        (["--data.loudness_lufs", "-16"], "loudness_lufs -16.0 and the cloner -23"),
        (["--data.segment_s", "0.5"], "segment_s=0.5"),
        (["--model.crop_s", "3"], "crop within the segment"),
        (["--data.sample_rate", "48000"], "sample_rate 48000 and the cloner 44100"),
        (["--model.renderer.hard_negatives", "true"], "hard_negatives false"),
        (["--model.rms_weight", "-1"], "expected 0 or more"),
    ):
        with pytest.raises(ArgumentError, match=match):
            run(SMALL, manifest, tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


def test_it_learns_to_place_a_stem_where_the_reference_is() -> None:
    """Left or right, said by the embedding alone: the loss falls far under that of the stem as it is."""
    chain = EffectChain([ChainEffect("panner", 1.0, {"pan": (-1.0, 1.0)})])
    torch.manual_seed(0)
    cloner = MixFXCloner(**TINY, output="gains")  # type: ignore[arg-type]
    training = ClonerTraining(cloner, PairRenderer(chain, hard_negatives=False, shortest=1.0), crop_s=0.1)
    seeds = {"a": (1, 2, 5, 6), "b": (3, 4, 7, 8)}
    stems = {side: torch.stack([sound(seed, 1.0) for seed in several]) for side, several in seeds.items()}
    optimizer = torch.optim.Adam(cloner.network.parameters(), lr=3e-3)
    losses = []
    for step in range(28):
        terms, unprocessed = training._compare(stems, torch.Generator().manual_seed(step))
        loss = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(cloner.network.parameters(), 1.0)
        optimizer.step()
        losses.append((float(loss.detach()), float(unprocessed)))
    assert losses[0][0] == pytest.approx(losses[0][1])
    ours, untouched = (sum(column) for column in zip(*losses[-8:], strict=True))
    assert ours < 0.6 * untouched


def test_the_embedding_may_count(cloner: MixFXCloner) -> None:
    training = ClonerTraining(cloner, crop_s=1.0, embedding_weight=2.0)
    batch = {side: sound(seed, 1.2)[None] for side, seed in (("a", 1), ("b", 2))}
    terms, _ = training._compare(batch, torch.Generator().manual_seed(0))
    assert 0.0 < float(terms["embedding"].detach()) <= 4.0
    terms["embedding"].backward()
    assert all(parameter.grad is not None for parameter in cloner.network.parameters())
    assert all(parameter.grad is None for parameter in cloner.encoder.parameters())
