"""Release folders: what goes in comes out, and whatever is damaged is refused in one line."""

from __future__ import annotations

import json
import pickle
import sys

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import encoders
from encoders import FxEncoder, list_encoders, load_encoder, save_encoder
from encoders.checkpoints import add_measurement, describe_encoder
from encoders.export import export_encoder
from encoders.registry import build_encoder
from fxrep.errors import ArgumentError, CheckpointError, MissingExtraError, OutputError


@pytest.fixture
def encoder() -> FxEncoder:
    torch.manual_seed(0)
    return FxEncoder([4, 8], [9, 5], [16, 16], minimum_s=0.2)


@pytest.fixture
def release(encoder, tmp_path):
    metadata = {"training": {"steps": 6}, "metrics": {"validation/retrieval@1": 0.25}}
    return save_encoder(encoder, tmp_path / "tiny", metadata=metadata)


def test_round_trip(encoder, release):
    assert sorted(path.name for path in release.iterdir()) == [
        "LICENSE",
        "README.md",
        "config.json",
        "metrics.json",
        "model.safetensors",
    ]
    loaded = load_encoder(release)
    assert loaded.fingerprint == encoder.fingerprint and not loaded.training
    audio = torch.randn(2, 20000) * 0.1
    assert torch.equal(loaded.embed(audio, 44100), encoder.embed(audio, 44100))
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in encoder.state_dict().items())


def test_weights_can_be_read_by_whoever_can_read_the_rest(release):
    assert (release / "model.safetensors").stat().st_mode == (release / "config.json").stat().st_mode


def test_contents(encoder, release):
    config = json.loads((release / "config.json").read_text())
    assert config["encoder"] == encoder.config()
    assert config["audio"] == {
        "sample_rate": 44100,
        "channels": 2,
        "window_s": 10.0,
        "hop_s": 10.0,
        "minimum_s": 0.2,
        "dim": 8,
    }
    card = (release / "README.md").read_text()
    assert "# tiny" in card and "| validation/retrieval@1 | 0.25 |" in card and "| steps | 6 |" in card
    assert "Apache License" in (release / "LICENSE").read_text()
    description = describe_encoder(release)
    assert description["parameters"] == sum(parameter.numel() for parameter in encoder.parameters())


def test_release_replaces_a_release_but_no_other_folder(encoder, release, tmp_path):
    save_encoder(encoder, release, name="renamed")
    assert json.loads((release / "config.json").read_text())["name"] == "renamed"
    other = tmp_path / "photos"
    other.mkdir()
    (other / "cat.jpg").touch()
    # Another library's model has a file of that name too.
    (other / "config.json").write_text('{"model_type": "bert"}')
    for taken in (other, other / "cat.jpg"):
        with pytest.raises(ArgumentError, match="choose a new folder"):
            save_encoder(encoder, taken)
    assert (other / "cat.jpg").is_file()


def test_files_beside_those_of_a_release_stay(encoder, release):
    (release / "notes.txt").write_text("mine")
    (release / "plots").mkdir()
    (release / "plots" / "a.png").touch()
    (release / "LICENSE").write_text("changed")
    save_encoder(encoder, release)
    assert (release / "notes.txt").read_text() == "mine" and (release / "plots" / "a.png").exists()
    assert "Apache License" in (release / "LICENSE").read_text()


def test_a_measurement_goes_onto_the_card_under_its_command(release):
    before = load_encoder(release).fingerprint
    result = {"command": "fxrep evaluate retrieval m.parquet", "table": "| system | R@1 |\n|---|---|\n| tiny | 50% |"}
    add_measurement(release, "Retrieval", result)
    add_measurement(release, "Retrieval", {**result, "table": "| tiny | 60% |"})
    card = (release / "README.md").read_text()
    assert "fxrep evaluate retrieval m.parquet" in card and "| tiny | 60% |" in card and "50%" not in card
    assert "| validation/retrieval@1 | 0.25 |" in card
    assert load_encoder(release).fingerprint == before
    with pytest.raises(CheckpointError, match="has no table"):
        add_measurement(release, "Retrieval", {"command": "fxrep"})


def test_broken_weights_are_not_released(encoder, tmp_path):
    with torch.no_grad():
        encoder.blocks[0].keep.weight[0, 0, 0] = torch.nan
    with pytest.raises(CheckpointError, match="diverged"):
        save_encoder(encoder, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_unwritable_place(encoder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        save_encoder(encoder, tmp_path / "file" / "release")


def test_a_full_disk_leaves_the_earlier_release(release, encoder, monkeypatch):
    def full(*_):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("encoders.release_folder.save_file", full)
    with pytest.raises(OutputError, match="No space left on device"):
        save_encoder(encoder, release)
    assert load_encoder(release).fingerprint == encoder.fingerprint
    assert [path.name for path in release.parent.iterdir()] == [release.name]


def rewrite_config(release, **changes) -> None:
    path = release / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def rewrite_tensors(release, change) -> None:
    tensors = load_file(release / "model.safetensors")
    change(tensors)
    save_file(tensors, release / "model.safetensors")


DAMAGES = {
    "truncated weights": (
        lambda folder: (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-50]),
        "truncated or damaged",
    ),
    "empty weights": (lambda folder: (folder / "model.safetensors").write_bytes(b""), "truncated or damaged"),
    "a pickle": (
        lambda folder: (folder / "model.safetensors").write_bytes(pickle.dumps({"a": 1})),
        "truncated or damaged",
    ),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "no model.safetensors"),
    "no configuration": (lambda folder: (folder / "config.json").unlink(), "no config.json"),
    "torn configuration": (lambda folder: (folder / "config.json").write_text('{"format": 1,'), "cannot be read"),
    "another JSON": (lambda folder: (folder / "config.json").write_text("[]"), "lacks the entries"),
    "no licence": (lambda folder: rewrite_config(folder, licence=None), "lacks licence"),
    "another format": (lambda folder: rewrite_config(folder, format=99), "has format 99"),
    "another fingerprint": (lambda folder: rewrite_config(folder, fingerprint="0" * 64), "do not belong together"),
    "missing tensor": (
        lambda folder: rewrite_tensors(folder, lambda tensors: tensors.pop("blocks.0.keep.bias")),
        r"lacks blocks\.0\.keep\.bias",
    ),
    "extra tensor": (
        lambda folder: rewrite_tensors(folder, lambda tensors: tensors.update(more=torch.ones(1))),
        "unknown more",
    ),
    "other shape": (
        lambda folder: rewrite_tensors(folder, lambda t: t.update({"blocks.0.keep.bias": torch.ones(3)})),
        r"blocks\.0\.keep\.bias is \(3,\)",
    ),
    "changed weight": (
        lambda folder: rewrite_tensors(folder, lambda tensors: tensors["blocks.0.keep.bias"].add_(1e-3)),
        "do not belong together",
    ),
    "foreign class": (
        lambda folder: rewrite_config(folder, encoder={"class_path": "os.system", "init_args": {"command": "true"}}),
        "is not an encoder of this package",
    ),
    "other class of ours": (
        lambda folder: rewrite_config(folder, encoder={"class_path": "encoders.projection.ProjectionHead"}),
        "is not an encoder of this package",
    ),
    "imported name": (
        lambda folder: rewrite_config(folder, encoder={"class_path": "encoders.checkpoints.Path"}),
        "is not an encoder of this package",
    ),
    "unknown class": (
        lambda folder: rewrite_config(folder, encoder={"class_path": "encoders.future.Encoder"}),
        "does not exist in this version",
    ),
    "unknown argument": (
        lambda folder: rewrite_config(
            folder, encoder={"class_path": "encoders.fx_encoder.FxEncoder", "init_args": {"depth": 3}}
        ),
        "has no argument depth",
    ),
    "wrong argument": (
        lambda folder: rewrite_config(
            folder, encoder={"class_path": "encoders.fx_encoder.FxEncoder", "init_args": {"channels": "many"}}
        ),
        "cannot be built",
    ),
    "a window of no samples": (
        lambda folder: rewrite_config(
            folder, encoder={"class_path": "encoders.spectral_encoder.SpectralEncoder", "init_args": {"n_fft": 0}}
        ),
        r"config\.json: encoders\.spectral_encoder\.SpectralEncoder cannot be built .*ZeroDivisionError",
    ),
    "no layers": (
        lambda folder: rewrite_config(
            folder, encoder={"class_path": "encoders.fx_encoder.FxEncoder", "init_args": {"channels": []}}
        ),
        "cannot be built",
    ),
    "text for a base": (lambda folder: rewrite_config(folder, base="x"), r"config\.json: base is 'x', expected"),
    "an empty base": (lambda folder: rewrite_config(folder, base={}), r"config\.json: base is {}, expected"),
    "a base of no fingerprint": (lambda folder: rewrite_config(folder, base={"name": "tiny"}), "base is .* expected"),
    "an unknown base": (
        lambda folder: rewrite_config(folder, base={"name": "nowhere", "fingerprint": ""}),
        r"config\.json: no encoder 'nowhere'",
    ),
    "a base of no name": (
        lambda folder: rewrite_config(folder, base={"name": "", "fingerprint": ""}),
        r"config\.json: no encoder ''",
    ),
    "itself for a base": (
        lambda folder: rewrite_config(folder, base={"name": str(folder), "fingerprint": ""}),
        "this release itself",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_releases_are_refused(release, damage):
    apply, words = DAMAGES[damage]
    apply(release)
    with pytest.raises(CheckpointError, match=words) as caught:
        load_encoder(release)
    assert "\n" not in str(caught.value) and release.name in str(caught.value)


@pytest.mark.parametrize("content", ["[1]", '{"metrics": [1]}'])
def test_damaged_metrics_are_not_described(release, content):
    (release / "metrics.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"metrics\.json is damaged"):
        describe_encoder(release)


def test_the_audio_contract_described_is_the_encoders(release, encoder):
    rewrite_config(release, audio=[])
    assert describe_encoder(release)["audio"]["dim"] == encoder.dim


def test_names(tmp_path, monkeypatch, encoder):
    monkeypatch.setattr(encoders.checkpoints, "PRETRAINED", tmp_path)
    assert list_encoders() == []
    with pytest.raises(CheckpointError, match="none in this installation"):
        load_encoder()
    save_encoder(encoder, tmp_path / encoders.checkpoints.DEFAULT_ENCODER)
    assert list_encoders() == [encoders.checkpoints.DEFAULT_ENCODER]
    assert load_encoder().fingerprint == load_encoder(list_encoders()[0]).fingerprint == encoder.fingerprint
    for wrong in ("nothing", "../tiny", ""):
        with pytest.raises(CheckpointError):
            load_encoder(wrong)


def test_shipped_encoders_open():
    for name in list_encoders():
        assert load_encoder(name).embed(torch.randn(2, 44100) * 0.1, 44100).norm().item() == pytest.approx(1, abs=1e-5)


def test_a_file_is_not_a_release(release):
    with pytest.raises(CheckpointError, match="fxrep models export"):
        load_encoder(release / "model.safetensors")


@pytest.mark.parametrize("name", [3, None, b"default"])
def test_what_is_no_name_is_named(name):
    with pytest.raises(ArgumentError, match=r"is no encoder: give a name \(listening, spectral"):
        load_encoder(name)


def test_hub_name_without_the_client(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match="pip install huggingface_hub"):
        load_encoder("someone/encoder")


def test_export_refuses_other_checkpoints(tmp_path):
    torch.save({"state_dict": {}, "global_step": 3}, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match="not written by an encoder's training"):
        export_encoder(tmp_path / "other.ckpt", tmp_path / "out")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        export_encoder(tmp_path / "none.ckpt", tmp_path / "out")


def test_short_names_and_nested_trees():
    built = build_encoder({"class_path": "fx_encoder", "init_args": {"channels": [4], "kernels": [3], "strides": [2]}})
    assert isinstance(built, FxEncoder)


@pytest.mark.parametrize("device", ["nope", "cuda:99"])
def test_a_device_that_is_not_there_is_named(release, device):
    with pytest.raises(ArgumentError, match=r"device .* cannot be used"):
        load_encoder(release, device=device)


def test_nothing_is_the_name_of_no_encoder(tmp_path, monkeypatch, release):
    monkeypatch.chdir(release)
    with pytest.raises(CheckpointError, match="no encoder ''"):
        load_encoder("")
