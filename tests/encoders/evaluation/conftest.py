"""Stems of noise in two splits, and a tiny encoder: enough to run every benchmark in seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import typer
from typer.testing import CliRunner

from encoders import SpectralEncoder, save_encoder
from fxrep.data import Manifest, ManifestRow, write_manifest

RATE = 44100


@pytest.fixture(scope="session")
def manifest_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(0)
    rows = []
    for split in ("test", "train"):
        for song in range(4):
            for instrument in ("bass", "keys"):
                path = root / f"{split}-song{song}-{instrument}.wav"
                soundfile.write(path, 0.1 * rng.standard_normal((4 * RATE, 2)), RATE, subtype="FLOAT")
                rows.append(
                    ManifestRow(
                        path.name, "stem", "test", f"{split}-song{song}", "", "", split, instrument, instrument,
                        4.0, RATE, 2, -20.0, 0.0, path.name,
                    )
                )  # fmt: skip
    write_manifest(root / "manifest.parquet", Manifest(rows, root))
    return root / "manifest.parquet"


@pytest.fixture(scope="session")
def manifest(manifest_path: Path) -> Manifest:
    from fxrep.data import read_manifest

    return read_manifest(manifest_path)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    encoder = SpectralEncoder(dim=8, channels=8, n_blocks=1, hidden=16, window_s=2.0, n_fft=512, hop=256, n_mels=16)
    return save_encoder(encoder, tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def evaluate() -> Callable[..., str]:
    """`fxrep evaluate` as it is called; an error a user can cause comes out as itself."""
    from fxrep.cli import evaluate

    app = typer.Typer()
    app.add_typer(evaluate.app, name="evaluate")

    def call(*arguments: object) -> str:
        words = ["evaluate", *map(str, arguments)]
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return call
