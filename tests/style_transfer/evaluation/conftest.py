"""Songs of four stems and finished mixes, short enough for a benchmark in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from encoders import SpectralEncoder, save_encoder
from fxrep.data import Manifest, ManifestRow, read_manifest, write_manifest
from style_transfer.evaluation import MixProtocol

RATE = 44100
SECONDS = 5.0


@pytest.fixture(scope="session")
def manifest_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(0)
    rows = []
    t = np.arange(int(SECONDS * RATE)) / RATE
    for split, songs in (("test", 3), ("train", 2)):
        for song in range(songs):
            parts = []
            for number in range(4):
                swell = 0.6 + 0.4 * np.sin(2 * np.pi * (1 + number + song) * t)
                tone = np.sin(2 * np.pi * 110 * (number + 1) * (1 + 0.1 * song) * t)
                stem = 0.1 * swell * (tone + 0.3 * rng.standard_normal(len(t)))
                parts.append(np.stack([stem, (0.4 + 0.2 * number) * stem], axis=1))
            names = [f"stem{number}" for number in range(4)]
            for name, audio in [*zip(names, parts, strict=True), ("mix", np.tanh(sum(parts)))]:
                path = root / f"{split}{song}-{name}.wav"
                soundfile.write(path, audio, RATE, subtype="FLOAT")
                rows.append(
                    ManifestRow(
                        path.name, "mix" if name == "mix" else "stem", "test", f"{split}{song}", "", "", split, name,
                        "other", SECONDS, RATE, 2, -20.0, 0.0, path.name,
                    )
                )  # fmt: skip
    write_manifest(root / "manifest.parquet", Manifest(rows, root))
    return root / "manifest.parquet"


@pytest.fixture(scope="session")
def manifest(manifest_path: Path) -> Manifest:
    return read_manifest(manifest_path)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    encoder = SpectralEncoder(dim=8, channels=8, n_blocks=1, hidden=16, window_s=2.0, n_fft=512, hop=256, n_mels=16)
    return save_encoder(encoder, tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def protocol() -> MixProtocol:
    return MixProtocol(tracks=[2, 3], items=2, window_s=1.0, bank=3)
