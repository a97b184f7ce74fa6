"""Stems out of two manifests, the training through `fxrep train`, what it leaves behind, and releases of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from automix.fxnorm_automix import (
    GROUPS,
    PUBLISHED,
    SMALL,
    FxNormAutomix,
    describe_fxnorm_automix,
    export_fxnorm_automix,
    list_fxnorm_automix,
    load_fxnorm_automix,
    save_fxnorm_automix,
)
from automix.fxnorm_automix.stem_data import StemDataModule
from automix.fxnorm_automix.training import FxNormTraining
from encoders.training.command import run_training
from encoders.training.configurations import find_configuration, list_configurations
from encoders.training.resumption import read_checkpoint
from fxrep.cli.released_kinds import describe_release, find_exporter
from fxrep.data import read_manifest, write_manifest
from fxrep.errors import ArgumentError, CheckpointError, DataError
from fxrep.mixing.tracks import TrackSet
from fxrep.normalization import FxNormalizer

from .conftest import RATE, TINY, Songs, sound

NAMES = [name for name in list_configurations() if name.startswith("automix/debug/fxnorm_automix")]
TWIN = "automix/debug/fxnorm_automix_small"


def run(name: str, songs: Songs, folder: Path, *overrides: str) -> Any:
    given = ["--data.manifest", str(songs.manifest), "--data.normalized", str(songs.normalized)]
    given += ["--trainer.default_root_dir", str(folder), "--trainer.enable_model_summary", "false"]
    return run_training([name], "fit", [*given, *overrides])


def test_the_full_configurations_are_the_published_and_the_small_form() -> None:
    for name, sizes in (("fxnorm_automix", PUBLISHED), ("fxnorm_automix_small", SMALL)):
        settings = yaml.safe_load(find_configuration(f"automix/{name}").read_text())
        arguments = settings["model"]["init_args"]["mixer"]["init_args"]
        assert {key: arguments[key] for key in sizes} == sizes


def data(songs: Songs, **options: Any) -> StemDataModule:
    given = {"batch_size": 1, "length": 4, "segment_s": 1.0, "mix_lufs": None, "num_workers": 0}
    return StemDataModule(str(songs.manifest), str(songs.normalized), **{**given, **options})


def test_an_item_is_stems_and_the_mix_that_they_come_from(songs: Songs) -> None:
    module = data(songs)
    dataset: Any = module._dataset("train", 3)
    item = dataset[0]
    assert {name: tuple(value.shape) for name, value in item.items() if torch.is_tensor(value)} == {
        "stems": (4, 2, RATE),
        "target": (2, RATE),
        "equal_loudness": (2, RATE),
    }
    start = round(item["start_ms"] * RATE / 1000)
    raw = {row.track: row for row in read_manifest(songs.manifest).rows if row.song == "song0"}
    sums = {song: torch.stack([sound(10 * song + n, 2.0, level=0.02 + 0.02 * n) for n in range(4)]) for song in (0, 1)}
    parts = {song: audio[..., start : start + RATE] for song, audio in sums.items()}
    # Which tracks are drawn is chance: the target must be the sum of at least two of them, perhaps with sides changed.
    fits = []
    for audio in (one for song in parts.values() for one in (song, song.flip(1))):
        solved = torch.linalg.lstsq(audio.flatten(1).t(), item["target"].flatten()[:, None]).solution[:, 0]
        fits.append((solved @ audio.flatten(1) - item["target"].flatten()).norm() / item["target"].norm())
        if fits[-1] < 1e-2:
            assert all(min(abs(one), abs(one - 1.0)) < 1e-2 for one in solved.tolist()) and solved.sum() > 1.9
    assert min(fits) < 1e-2 and len(raw) == 4
    assert not bool(item["stems"][GROUPS.index("vocals")].any())


def test_the_mix_on_file_and_its_loudness(songs: Songs) -> None:
    plain, levelled = (data(songs, mix_lufs=lufs)._dataset("validation", 0)[1] for lufs in (None, -16.0))
    mix = sound(24, 2.0, level=0.1)
    start = round(plain["start_ms"] * RATE / 1000)
    torch.testing.assert_close(plain["target"], mix[:, start : start + RATE], rtol=0.0, atol=1e-4)
    row = next(one for one in read_manifest(songs.manifest).rows if one.kind == "mix")
    gain = 10.0 ** ((-16.0 - row.loudness_lufs) / 20.0)
    torch.testing.assert_close(levelled["target"], gain * plain["target"])
    assert torch.equal(levelled["stems"], plain["stems"])


@pytest.fixture(scope="module")
def trained(songs: Songs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Both debug configurations, run."""
    folder = tmp_path_factory.mktemp("trained")
    return {name: run(name, songs, folder / Path(name).stem) for name in NAMES}


def test_a_run_says_how_far_it_is_from_equal_loudness(trained: dict[str, Any]) -> None:
    assert len(NAMES) == 2
    for report in trained.values():
        found = report.metrics
        assert report.steps == 2
        ratio = found["validation/matched_loss"] / found["validation/equal_loudness_loss"]
        assert found["validation/loss_ratio"] == pytest.approx(ratio, rel=1e-5)


def test_a_checkpoint_becomes_a_release(trained: dict[str, Any], songs: Songs, tmp_path: Path) -> None:
    report = trained[f"{TWIN}.yaml"]
    assert find_exporter(report.checkpoint) is export_fxnorm_automix
    folder = export_fxnorm_automix(report.checkpoint, tmp_path / "release")
    mixer = load_fxnorm_automix(folder, instruments={"a": "bass"})
    state = read_checkpoint(Path(report.checkpoint))["state_dict"]
    assert all(torch.equal(value, state[f"mixer.{name}"]) for name, value in mixer.state_dict().items())
    known = describe_fxnorm_automix(folder)
    assert known["audio"]["stems"] == list(GROUPS) and known["parameters"] == sum(p.numel() for p in mixer.parameters())
    assert describe_release(str(folder))["fingerprint"] == known["fingerprint"]
    assert known["metrics"]["metrics"]["validation/loss"] == pytest.approx(report.metrics["validation/loss"])
    card = (folder / "README.md").read_text()
    assert "1. vocals\n2. bass\n" in card and "{" not in card
    averages = FxNormalizer.load(songs.normalized.parent / "statistics.json")
    assert mixer.normalizer is not None and mixer.instruments == {"a": "bass"}
    for group in ("bass", "drums"):
        for step, values in averages.targets(group).items():
            torch.testing.assert_close(
                torch.tensor(mixer.normalizer.targets(group)[step]), torch.tensor(values), rtol=1e-5, atol=1e-5
            )
    song = TrackSet({"a": sound(1, 0.2)}, RATE)
    assert list(mixer.render_stems(song, tmp_path)) == ["bass"]


def test_other_stems_are_refused(mixer: FxNormAutomix, tmp_path: Path) -> None:
    folder = save_fxnorm_automix(mixer, tmp_path / "release", name="mine")
    loaded = load_fxnorm_automix(folder)
    assert torch.equal(loaded.network.analysis, mixer.network.analysis)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["fxnorm_automix"]["init_args"]["stems"] = ["bass", "vocals", "drums", "other"]
    path.write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="bass, vocals, drums, other in this order"):
        load_fxnorm_automix(folder)
    with pytest.raises(CheckpointError, match="averages"):
        save_fxnorm_automix(FxNormAutomix(**TINY), tmp_path / "another")
    with pytest.raises(CheckpointError, match="no fxnorm_automix 'nothing'"):
        load_fxnorm_automix("nothing")
    assert isinstance(list_fxnorm_automix(), list)


def test_data_that_does_not_fit_is_refused_before_anything_is_written(songs: Songs, tmp_path: Path) -> None:
    for options, error, words in (
        (("--data.sample_rate", "48000"), ArgumentError, "sample_rate 48000"),
        (("--data.segment_s", "0.2"), ArgumentError, "needs at least 0.29 s"),
        (("--data.segment_s", "0.3333"), ArgumentError, "multiple of 0.002"),
        (("--data.normalized", str(tmp_path / "none.parquet")), DataError, "fxrep data normalize"),
    ):
        with pytest.raises(error, match=words):
            run(TWIN, songs, tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


def test_tracks_that_were_not_normalised_and_other_averages(
    songs: Songs, tmp_path: Path, normalizer: FxNormalizer
) -> None:
    made = read_manifest(songs.normalized)
    (tmp_path / "fewer").mkdir()
    shutil.copyfile(songs.normalized.parent / "statistics.json", tmp_path / "fewer" / "statistics.json")
    fewer = [row for row in made.rows if row.track != "keys"]
    write_manifest(tmp_path / "fewer" / "manifest.parquet", type(made)(fewer, made.root))
    with pytest.raises(DataError, match=r"keys\.wav is not among the normalised tracks"):
        data(Songs(songs.manifest, tmp_path / "fewer" / "manifest.parquet"))._dataset("train", 0)
    normalizer.save(tmp_path / "fewer" / "statistics.json")
    two = StemDataModule(
        [str(songs.manifest)] * 2, [str(songs.normalized), str(tmp_path / "fewer" / "manifest.parquet")]
    )
    with pytest.raises(DataError, match="different averages"):
        _ = two.normalizer
    training = FxNormTraining(FxNormAutomix(**TINY), guard_s=0.1)
    training.mixer.normalize_to(normalizer)
    with pytest.raises(ArgumentError, match="other averages"):
        training.check_data(data(songs))


def test_the_level_of_the_whole_counts_only_where_it_is_to() -> None:
    mixer = FxNormAutomix(**TINY)
    target = sound(1, 1.0)[None]
    for matched, counts in ((True, False), (False, True)):
        training = FxNormTraining(mixer, "a", guard_s=0.0, matched=matched)
        losses = [float(training.loss(training._compared(gain * target, target), target)) for gain in (1.0, 0.5)]
        assert (losses[1] > 0.1) is counts and losses[0] < 1e-3


def test_it_learns_levels_and_places() -> None:
    """Bass to the left and louder, drums to the right and softer: the loss falls far under that of the sum."""
    torch.manual_seed(0)
    mixer = FxNormAutomix(**{**TINY, "blocks": 1, "repeats": 1, "lstm_layers": 1})
    training = FxNormTraining(mixer, "a", guard_s=0.0)
    stems = torch.zeros(4, 4, 2, 6000)
    for item in range(4):
        stems[item, 1], stems[item, 2] = (sound(10 * item + one, 0.2, 1)[:, :6000] for one in (1, 2))
    places = torch.tensor([[0.0, 0.0], [1.5, 0.3], [0.1, 0.6], [0.0, 0.0]])
    target = (stems * places[None, :, :, None]).sum(1)
    start = float(training.loss(stems.sum(1), target))
    optimizer = torch.optim.Adam(mixer.parameters(), lr=2e-2)
    for _ in range(40):
        loss = training.loss(mixer(stems), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(training.loss(mixer.eval()(stems), target)) < 0.6 * start
