"""Every training through `fxrep train`, what it leaves behind, and releases of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from automix.dmc import describe_dmc, export_dmc, list_dmc, load_dmc, save_dmc
from automix.dmc.passages import own_mix
from automix.dmc.release import take_weights
from automix.dmc.spoiling import curve_db, find_equalizer, spoil
from automix.dmc.training import DMCTraining
from encoders.training.command import run_training
from encoders.training.configurations import list_configurations
from encoders.training.resumption import read_checkpoint
from encoders.training.songs import SongDataset
from fxrep.audio import integrated_loudness
from fxrep.cli.main import build_app
from fxrep.data import read_manifest
from fxrep.errors import ArgumentError, CheckpointError

from ...noise_songs import RATE
from .conftest import GAIN_PAN, small_model

NAMES = [name for name in list_configurations() if name.startswith("automix/debug/dmc_")]


def run(name: str, manifest: Path, folder: Path, *overrides: str) -> Any:
    given = ["--data.manifest", str(manifest), "--trainer.default_root_dir", str(folder), *overrides]
    return run_training([name], "fit", [*given, "--trainer.enable_model_summary", "false"])


def weights(checkpoint: str | None) -> dict[str, torch.Tensor]:
    assert checkpoint is not None
    state: dict[str, torch.Tensor] = read_checkpoint(Path(checkpoint))["state_dict"]
    return state


def songs(manifest: Path, length: int = 4, split: str = "train") -> dict[str, Any]:
    dataset = SongDataset([read_manifest(manifest)], split, "own_mix", length, segment_s=1.0, max_tracks=3)
    batch: dict[str, Any] = torch.utils.data.default_collate([dataset[number] for number in range(length)])
    return batch


def test_there_are_five() -> None:
    wanted = ("black_box", "console", "gain_pan", "paper", "proxies")
    assert [f"automix/debug/dmc_{name}.yaml" for name in wanted] == NAMES


@pytest.mark.parametrize("name", [one for one in NAMES if "console" not in one])
def test_debug_configurations_run(name: str, manifest: Path, tmp_path: Path) -> None:
    report = run(name, manifest, tmp_path)
    assert report.steps == 2 and report.metrics["validation/loss"] < 1e3
    load_dmc(export_dmc(report.checkpoint, tmp_path / "release"))


@pytest.fixture(scope="module")
def trained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The debug configuration of the full console, both steps of it."""
    return run("automix/debug/dmc_console", manifest, tmp_path_factory.mktemp("trained"))


def test_a_run_says_how_far_it_is_from_equal_loudness(trained: Any) -> None:
    measured = trained.metrics
    for name in ("loss", "stft", "style", "loss_ratio", "styled_loss_ratio"):
        assert 0.0 < measured[f"validation/{name}"] < 1e3
    assert measured["validation/equal_loudness_stft"] > 0.0


def test_the_effect_encoder_is_not_in_the_checkpoint(trained: Any) -> None:
    assert not [key for key in weights(trained.checkpoint) if ".registered." in key or ".frames." in key]
    assert Path(trained.checkpoint).stat().st_size < 1_000_000


def test_the_command_line_exports_and_describes(trained: Any, tmp_path: Path) -> None:
    release = tmp_path / "release"
    runner, app = CliRunner(), build_app()
    done = runner.invoke(app, ["models", "export", trained.checkpoint, "-o", str(release), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["dmc"]["class_path"] == "automix.dmc.model.DifferentiableMixingConsole"
    assert found["metrics"]["metrics"]["validation/loss"] > 0.0
    assert found["dmc"]["init_args"]["encoder"]["init_args"]["encoder"] == "spectral"
    shown = runner.invoke(app, ["models", "info", str(release)])
    assert "console      default, tracks at -24 LUFS" in shown.stdout
    listed = runner.invoke(app, ["models", "list", "--json"])
    assert json.loads(listed.stdout)["dmc"] == list_dmc()


def test_resumed_is_the_same_run(manifest: Path, tmp_path: Path) -> None:
    name = "automix/debug/dmc_gain_pan"
    whole = run(name, manifest, tmp_path / "whole", "--trainer.limit_val_batches", "0")
    run(name, manifest, tmp_path / "parts", "--trainer.max_steps", "1", "--trainer.limit_val_batches", "0")
    arguments = ["--data.manifest", str(manifest), "--trainer.default_root_dir", str(tmp_path / "parts")]
    arguments += ["--trainer.limit_val_batches", "0", "--trainer.enable_model_summary", "false"]
    report = run_training([name], "fit", arguments, resume="last")
    plain, resumed = weights(whole.checkpoint), weights(report.checkpoint)
    # The schedule of the run that was stopped knew of one step; what was drawn is the same.
    for key, value in plain.items():
        torch.testing.assert_close(resumed[key], value, rtol=0, atol=5e-3, msg=key)


def test_wrong_data_is_refused_before_anything_is_written(manifest: Path, tmp_path: Path) -> None:
    name = "automix/debug/dmc_gain_pan"
    for options, match in (
        (["--data.track_lufs", "-48"], "track_lufs -48 and the model -24"),
        (["--data.segment_s", "0.5"], "segment_s=0.5 is too short"),
        (["--data.reference", "same_song"], "own_mix"),
        (["--model.curve_weight", "1"], "sets no equaliser"),
        (["--model.spoiled", "2"], "shares from 0 to 1"),
        (["--model.sum_and_difference_weight", "0", "--model.gain_weight", "0"], "at least one above 0"),
        (["--model.initial", "nothing.ckpt"], "nothing.ckpt"),
    ):
        with pytest.raises((ArgumentError, CheckpointError), match=match):
            run(name, manifest, tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


def test_steps_learn_the_levels(manifest: Path) -> None:
    """Levels that were learnt by heart: a test of the way from loss to weights."""
    training = DMCTraining(small_model(sets=GAIN_PAN), stft_weight=0.0, gain_weight=1.0)
    batch = songs(manifest)
    # The songs of this manifest have mixes of their own, whose gains nobody knows.
    batch["gain_db"] = torch.tensor([6.0, -6.0, 0.0]) * (batch["stem"] % 4 - 1).sign()
    batch["gains_known"] = torch.ones(4, dtype=torch.bool)
    optimizer = torch.optim.AdamW(training.parameters(), lr=1e-2)
    passage = own_mix(batch, RATE)
    described, nobody = training.describe(passage), torch.zeros(4, dtype=torch.bool)
    losses = []
    for _ in range(60):
        loss = training.terms(passage, described, nobody, {"gain"})["gain"]
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_all_losses_have_a_gradient(manifest: Path) -> None:
    names = ("l1", "stft", "sum_and_difference", "si_sdr", "style", "embedding", "gain", "curve", "neutral")
    model = small_model(sets=[*GAIN_PAN, "parametric_eq.*_gain_db"])
    training = DMCTraining(model, **{f"{name}_weight": 1.0 for name in names}, spoiled=1.0)  # type: ignore[arg-type]
    batch = songs(manifest, 2) | {"gains_known": torch.ones(2, dtype=torch.bool)}
    generator = torch.Generator().manual_seed(0)
    passage = spoil(own_mix(batch, RATE), model.console.track, RATE, 1.0, generator)
    nobody = torch.zeros(2, dtype=torch.bool)
    terms = training.terms(passage, training.describe(passage), nobody, set(names))
    assert set(terms) == set(names)
    for name, term in terms.items():
        gradient = torch.autograd.grad(term, model.post_processor.tracks[-1].weight, retain_graph=True)[0]  # type: ignore[union-attr, arg-type]
        assert bool(gradient.isfinite().all()) and bool((gradient != 0.0).any()), name


def test_swapped_channels_are_other_tracks(manifest: Path) -> None:
    batch = songs(manifest, 2)
    plain, turned = own_mix(batch, RATE), own_mix(batch, RATE, torch.tensor([True, False]))
    torch.testing.assert_close(turned.tracks[0], plain.tracks[0].flip(1), rtol=0, atol=0)
    torch.testing.assert_close(turned.target[0], plain.target[0].flip(0), rtol=0, atol=1e-6)
    torch.testing.assert_close(turned.tracks[1], plain.tracks[1], rtol=0, atol=0)
    assert not set(turned.stem[0].tolist()) & set(plain.stem.flatten().tolist())
    torch.testing.assert_close(integrated_loudness(plain.target, RATE), torch.full((2,), -16.0), rtol=0, atol=1e-3)


def test_what_brings_spoiled_tracks_back_is_known(manifest: Path) -> None:
    model = small_model()
    passage = own_mix(songs(manifest, 2), RATE)
    spoiled = spoil(passage, model.console.track, RATE, 0.7, torch.Generator().manual_seed(1))
    there = spoiled.spoiled
    assert there is not None and spoiled.curve_db is not None and 0 < int(there.sum()) < int(passage.mask.sum())
    torch.testing.assert_close(spoiled.tracks[~there], passage.tracks[~there], rtol=0, atol=0)
    loudness = [integrated_loudness(one.tracks[there], RATE) for one in (passage, spoiled)]
    torch.testing.assert_close(loudness[0], loudness[1], rtol=0, atol=0.02)
    # Where the spectrum went up, the curve goes down; both up to the change of level.
    power = [torch.fft.rfft(one.tracks[there].double()).abs().square().sum(1) for one in (passage, spoiled)]
    hz = torch.fft.rfftfreq(passage.tracks.shape[-1], 1.0 / RATE)
    heard = []
    for centre in (320.0, 1280.0, 5120.0):
        band = (hz > centre / 1.06) & (hz < centre * 1.06)
        heard.append(10.0 * torch.log10(power[1][:, band].sum(1) / power[0][:, band].sum(1)))
    change = torch.stack(heard, 1)
    wanted = -spoiled.curve_db[there][:, [6, 10, 14]].double()
    level = (passage.gain_db - spoiled.gain_db)[there][:, None].double()
    # A sixth of an octave of noise is not one frequency: a decibel where curves are steep.
    torch.testing.assert_close(change - level, wanted, rtol=0, atol=1.0)
    flat = curve_db(find_equalizer(model.console.track), _defaults(model, 1), RATE)
    torch.testing.assert_close(flat, torch.zeros_like(flat), rtol=0, atol=1e-9)


def _defaults(model: Any, rows: int) -> dict[str, torch.Tensor]:
    table = model.console.track.tables["parametric_eq"]
    return {name: torch.full((rows,), float(one.default), dtype=torch.float64) for name, one in table.items()}


def test_a_release_opens_as_it_was_saved(tmp_path: Path) -> None:
    model = small_model(style=True)
    folder = save_dmc(model, tmp_path / "mine", metadata={"training": {"steps": 3}})
    opened = load_dmc(folder)
    tracks = 0.05 * torch.randn(1, 2, 2, RATE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain, again = (list(one.listen(tracks).every_tensor()) for one in (model, opened))
    assert all(torch.equal(a, b) for a, b in zip(plain, again, strict=True))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| steps | 3 |" in card and "`SpectralEncoder`, frozen" in card and "in the style of recordings" in card
    assert describe_dmc(folder)["audio"]["console"] == "default"
    other = small_model(style=True)
    with torch.no_grad():
        other.encoder.linear.weight.zero_()  # type: ignore[union-attr, operator]
    take_weights(other, folder)
    assert bool((other.encoder.linear.weight != 0.0).any())  # type: ignore[union-attr, operator]
    config = json.loads((folder / "config.json").read_text())
    config["dmc"]["init_args"]["console"] = "dasp"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError):
        load_dmc(folder)
    with pytest.raises(CheckpointError, match="no dmc 'nothing'"):
        load_dmc("nothing")
