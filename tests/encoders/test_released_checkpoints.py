"""Weights that other projects released: names, front ends, what is refused, and the way to an evaluation."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from safetensors.torch import save_file
from typer.testing import CliRunner

import encoders
from encoders import released_checkpoints
from encoders.afx_rep import AFxRepEncoder
from encoders.band_split_encoder import BandSplitEncoder
from encoders.chain_predictor import ChainPredictor
from encoders.fx_encoder_plus_plus import FxEncoderPlusPlus
from encoders.fx_encoder_plus_plus_body import FxEncoderPlusPlusBody
from encoders.queries import ClapQueries
from encoders.released_checkpoints import import_released
from encoders.released_formats import FORMATS, ReleasedFormat, released_format
from fxrep.errors import ArgumentError, CheckpointError

SMALL = [2, 2, 2, 2, 2, 4]
BUILD = {
    "fx_encoder_plus_plus": lambda: FxEncoderPlusPlus(SMALL, 6),
    "afx_rep": lambda: AFxRepEncoder(SMALL, 3),
}


def small_format(name: str, *asked) -> ReleasedFormat:
    return dataclasses.replace(released_format(name, *asked), build=BUILD[name])


@pytest.fixture
def small(monkeypatch):
    """Published names at a size that a test can write to disk."""
    monkeypatch.setattr(released_checkpoints, "released_format", small_format)


def transform(n_fft: int = 2048) -> tuple[torch.Tensor, torch.Tensor]:
    """The Fourier transform as convolution weights, by its definition in float64."""
    turns = np.outer(np.arange(n_fft // 2 + 1), np.arange(n_fft)) % n_fft
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft)
    rows = np.exp(-2j * np.pi * turns / n_fft) * window
    return tuple(torch.from_numpy(part.astype(np.float32))[:, None] for part in (rows.real, rows.imag))


def released(known: ReleasedFormat, seed: int = 0) -> tuple[encoders.EffectEncoder, dict[str, torch.Tensor]]:
    """An encoder with random weights and statistics, and its state under the published names."""
    torch.manual_seed(seed)
    encoder = known.build().eval()
    for part in encoder.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 1.5)
            torch.nn.init.normal_(part.weight, 1.0, 0.1)
    own = encoder.state_dict()
    state = {theirs: own[ours].clone() for ours, theirs in known.names.items()}
    real, imaginary = transform()
    state[f"{known.front_end}spectrogram_extractor.stft.conv_real.weight"] = real
    state[f"{known.front_end}spectrogram_extractor.stft.conv_imag.weight"] = imaginary
    state[f"{known.front_end}logmel_extractor.melW"] = encoder.log_mel.filters.clone()
    for prefix in known.beside:
        state[f"{prefix}0.weight"] = torch.zeros(2)
    return encoder, state


def audio(seconds: float = 1.5, rate: int = 44100) -> torch.Tensor:
    return 0.1 * torch.randn(2, round(seconds * rate), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("asked", [("fx_encoder_plus_plus",), ("fx_encoder_plus_plus", "body"), ("afx_rep",)])
def test_every_tensor_of_the_published_size_has_a_name(asked):
    known = released_format(*asked)
    with torch.device("meta"):
        state = known.build().state_dict()
    assert set(known.names) == set(state)
    assert len(set(known.names.values())) == len(known.names)
    shapes = {theirs: tuple(state[ours].shape) for ours, theirs in known.names.items()}
    prefix = known.front_end
    assert shapes[f"{prefix}conv_block1.conv1.weight"] == (64, 2 if "plus" in known.name else 1, 3, 3)
    assert shapes[f"{prefix}conv_block6.conv2.weight"] == (2048, 2048, 3, 3)
    assert shapes[f"{prefix}conv_block6.bn2.num_batches_tracked"] == ()
    expected = {
        "fx_encoder_plus_plus": ("fx_encoder.fc_1.weight", (2048, 2048)),
        "afx_rep": ("encoder.fc_side.bias", (512,)),
    }
    name, shape = expected[known.name]
    assert shapes[name] == shape


def test_queries_take_the_extractor_along(tmp_path):
    known = released_format("fx_encoder_plus_plus", "projection", str(tmp_path))
    with torch.device("meta"):
        state = FxEncoderPlusPlus(queries=ClapQueries(tmp_path)).state_dict()
    assert set(known.names) == set(state)
    assert known.names["extractor.layers.4.bias"] == "extractor.fusion.4.bias"
    assert state["extractor.layers.0.weight"].shape == (128, 640)


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("wrapped", ["bare", "training", "safetensors"])
def test_embeddings_are_those_of_the_weights(small, tmp_path, name, wrapped):
    encoder, state = released(small_format(name))
    path = tmp_path / f"weights.{'safetensors' if wrapped == 'safetensors' else 'pt'}"
    if wrapped == "safetensors":
        save_file(state, path)
    elif wrapped == "training":
        shared = "module." if name == "fx_encoder_plus_plus" else ""
        inner = {f"{shared}{key}": value for key, value in state.items()}
        torch.save({"epoch": 3, "state_dict": inner, "optimizer": {"state": {}}}, path)
    else:
        torch.save(state, path)
    found = encoders.load_encoder(import_released(path, tmp_path / "release", name))
    assert torch.equal(found.embed(audio(), 44100), encoder.embed(audio(), 44100))


def test_body_is_what_stands_before_the_projection(monkeypatch, tmp_path):
    monkeypatch.setitem(BUILD, "fx_encoder_plus_plus", lambda: FxEncoderPlusPlusBody(SMALL))
    monkeypatch.setattr(released_checkpoints, "released_format", small_format)
    encoder, state = released(small_format("fx_encoder_plus_plus", "body"))
    torch.save(state, tmp_path / "weights.pt")
    release = import_released(tmp_path / "weights.pt", tmp_path / "body", "fx_encoder_plus_plus", embedding="body")
    found = encoders.load_encoder(release)
    assert found.dim == SMALL[-1]
    whole = FxEncoderPlusPlus(SMALL, 6).eval()
    whole.load_state_dict(encoder.state_dict(), strict=False)
    body = whole.body(audio()[None])
    torch.testing.assert_close(found(audio()[None]), torch.nn.functional.normalize(body, dim=-1))


def test_release_says_whose_the_weights_are(small, tmp_path):
    _, state = released(small_format("fx_encoder_plus_plus"))
    torch.save(state, tmp_path / "weights.pt")
    release = import_released(tmp_path / "weights.pt", tmp_path / "release", "fx_encoder_plus_plus")
    card = (release / "README.md").read_text()
    assert "license: cc-by-nc-4.0" in card and "no commercial use" in card and "Y.-T. Yeh" in card
    assert "CC-BY-NC-4.0" in (release / "LICENSE").read_text()
    assert len(json.loads((release / "metrics.json").read_text())["training"]["sha256"]) == 64
    with pytest.raises(ArgumentError, match="--force"):
        import_released(tmp_path / "weights.pt", release, "fx_encoder_plus_plus")
    again = import_released(tmp_path / "weights.pt", release, "fx_encoder_plus_plus", licence="MIT", overwrite=True)
    assert "license: mit" in (again / "README.md").read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("encoder.fc_mid.bias"), r"lacks encoder\.fc_mid\.bias$"),
        (lambda s: s.update({"encoder.fc_3.bias": torch.zeros(1)}), r"has unknown encoder\.fc_3\.bias$"),
        (
            lambda s: s.update({"encoder.fc_mid.bias": torch.zeros(9)}),
            r"encoder\.fc_mid\.bias of \(9,\), expected \(3,\)",
        ),
        (lambda s: s["encoder.logmel_extractor.melW"].mul_(1.1), r"another front end: encoder\.logmel_extractor\.melW"),
        (lambda s: s["encoder.spectrogram_extractor.stft.conv_imag.weight"].neg_(), "another front end"),
        (lambda s: [s.pop(key) for key in list(s) if "block" in key], r"lacks .*conv_block1.* and \d+ more"),
        (lambda s: s["encoder.fc_mid.bias"].fill_(torch.nan), "NaN"),
    ],
)
def test_what_does_not_fit_is_listed(small, tmp_path, change, words):
    _, state = released(small_format("afx_rep"))
    change(state)
    torch.save({"state_dict": state}, tmp_path / "weights.ckpt")
    with pytest.raises(CheckpointError, match=words) as refused:
        import_released(tmp_path / "weights.ckpt", tmp_path / "release", "afx_rep")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "release").exists()


def test_files_of_other_kinds_are_refused(tmp_path):
    (tmp_path / "text.pt").write_text("no weights")
    (tmp_path / "text.safetensors").write_text("no weights")
    torch.save({"model": Path("object")}, tmp_path / "objects.pt")
    torch.save({"state_dict": {"a": 1}}, tmp_path / "numbers.pt")
    torch.save({1: torch.zeros(1)}, tmp_path / "places.pt")
    for name, words in {
        "none.pt": "there is no checkpoint",
        "text.pt": "cannot be read",
        "text.safetensors": "damaged",
        "objects.pt": "save its state_dict with safetensors",
        "numbers.pt": "holds no state_dict",
        "places.pt": "holds no state_dict",
    }.items():
        with pytest.raises(CheckpointError, match=words):
            import_released(tmp_path / name, tmp_path / "release", "afx_rep")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("nope",), "no format 'nope': choose from fx_encoder_plus_plus, afx_rep"),
        (("afx_rep", "body"), "leave them out for afx_rep"),
        (("fx_encoder_plus_plus", "2048"), "choose projection"),
        (("fx_encoder_plus_plus", "body", "clap"), "queries go with the projection"),
    ],
)
def test_wrong_calls(asked, words):
    with pytest.raises(ArgumentError, match=words):
        released_format(*asked)


def test_from_the_file_to_an_evaluation(small, tmp_path, manifest):
    from fxrep.cli import evaluate, models

    app = typer.Typer()
    app.add_typer(models.app, name="models")
    app.add_typer(evaluate.app, name="evaluate")

    def call(*words: object) -> str:
        result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    for name in FORMATS:
        _, state = released(small_format(name))
        torch.save(state, tmp_path / f"{name}.pt")
        told = call("models", "import", tmp_path / f"{name}.pt", "--format", name, "-o", tmp_path / name)
        assert "licence" in told and "note" in told
    # Whatever learns in another way stands in the same table.
    predictor = ChainPredictor(BandSplitEncoder(2, 8, channels=[4, 4], hidden=8), hidden=8, layers=1, heads=2)
    encoders.save_encoder(predictor, tmp_path / "chain_predictor")
    names = [*FORMATS, "chain_predictor"]
    given = [word for name in names for word in ("-m", tmp_path / name)]
    size = ["--candidates", "4", "--seconds", "1", "--split", "train", "--instrument", "bass", "--no-baselines"]
    table = call("evaluate", "retrieval", manifest, *given, *size)
    assert all(name in table for name in names) and "chance" in table
