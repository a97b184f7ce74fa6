"""A tiny real encoder, a few songs, and the verbs around an index, called as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

RATE = 22050


@pytest.fixture
def command():
    """The verbs as they are called; an error a user can cause comes out as itself."""
    from fxrep.cli import embed, index, map, search

    app = typer.Typer()
    for verb in (embed, search, map):
        app.command(verb.__name__.rsplit(".", 1)[-1])(verb.run)
    app.add_typer(index.app, name="index")

    def call(*arguments: object) -> dict:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout) if "--json" in arguments else {"text": result.stdout, "errors": result.stderr}

    return call


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    import torch

    from encoders import SpectralEncoder, save_encoder

    torch.manual_seed(0)
    encoder = SpectralEncoder(
        dim=8, channels=8, n_blocks=1, hidden=16, sample_rate=RATE, window_s=1.0, n_fft=512, hop=256, n_mels=16
    )
    return save_encoder(encoder, tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def songs(tmp_path) -> Path:
    folder = tmp_path / "songs"
    folder.mkdir()
    for n in range(4):
        noise = np.random.default_rng(n).normal(size=(2 * RATE, 2)) * 0.05 * (n + 1)
        soundfile.write(folder / f"{n}.wav", noise, RATE)
    (folder / "broken.wav").write_text("no audio")
    (tmp_path / "songs.csv").write_text("path,genre\nsongs/0.wav,rock\nsongs/1.wav,jazz\nsongs/2.wav,rock\n")
    return folder


@pytest.fixture
def library(tmp_path, command, model, songs) -> Path:
    command("index", "build", tmp_path / "lib.fxindex", songs, "--model", model, "--metadata", tmp_path / "songs.csv")
    return tmp_path / "lib.fxindex"
