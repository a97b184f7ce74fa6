"""Stems, an encoder and networks that are small enough for a test."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from encoders.spectral_encoder import SpectralEncoder
from fxrep.audio import integrated_loudness, save_audio
from fxrep.data import Manifest, ManifestRow, write_manifest
from style_transfer.mixfx_cloner import ClonerNetwork, MixFXCloner

RATE = 44100
TINY = {"channels": 8, "blocks": 3, "kernel": 5, "dilation_growth": 4, "batch_norm": False}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def sound(seed: int, seconds: float = 1.5, channels: int = 2, rate: int = RATE) -> torch.Tensor:
    """Noise that fades in and out four times a second, (channels, samples)."""
    generator = torch.Generator().manual_seed(seed)
    samples = round(seconds * rate)
    beats = 1.0 + 0.9 * torch.sin(torch.arange(samples) * (8.0 * torch.pi / rate))
    return 0.05 * beats * torch.randn(channels, samples, generator=generator)


def scrambled(network: ClonerNetwork, seed: int = 0) -> ClonerNetwork:
    """The network with chance in everything that training would move, in evaluation mode."""
    torch.manual_seed(seed)
    for block in network.temporal_blocks():
        if block.norm is not None:
            assert block.norm.running_mean is not None and block.norm.running_var is not None
            block.norm.running_mean.normal_(0.0, 0.1)
            block.norm.running_var.uniform_(0.5, 2.0)
            torch.nn.init.uniform_(block.norm.weight, 0.5, 1.5)
            torch.nn.init.normal_(block.norm.bias, std=0.1)
    if network.equalizer is not None:
        torch.nn.init.normal_(network.equalizer.settings[2].weight, std=0.1)
        torch.nn.init.normal_(network.equalizer.settings[2].bias, std=0.3)
    torch.nn.init.normal_(network.head.weight, std=0.05)
    return network.eval()


def unit(size: int, seed: int = 0) -> torch.Tensor:
    """A vector of unit length."""
    vector = torch.randn(size, generator=torch.Generator().manual_seed(seed))
    return vector / vector.norm()


@pytest.fixture
def cloner() -> MixFXCloner:
    """A network that does something, behind a small encoder that is part of it."""
    torch.manual_seed(0)
    encoder = SpectralEncoder(dim=16, channels=16, n_blocks=2, hidden=32, window_s=1.0)
    made = MixFXCloner(encoder, **TINY, output="gains")  # type: ignore[arg-type]
    scrambled(made.network)
    return made.eval()


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three songs of two stems, the last for validation."""
    root = tmp_path_factory.mktemp("songs")
    rows = []
    for song in range(3):
        for number, instrument in enumerate(("drums", "bass")):
            audio = sound(10 * song + number, 2.5)
            path = f"song{song}/{instrument}.wav"
            (root / path).parent.mkdir(exist_ok=True)
            save_audio(root / path, audio, RATE)
            rows.append(
                ManifestRow(
                    path=path,
                    kind="stem",
                    dataset="test",
                    song=f"song{song}",
                    artist="",
                    licence="",
                    split="validation" if song == 2 else "train",
                    track=instrument,
                    instrument=instrument,
                    duration_s=2.5,
                    sample_rate=RATE,
                    channels=2,
                    loudness_lufs=float(integrated_loudness(audio, RATE)),
                    silence_ratio=0.0,
                    content_hash=path,
                )
            )
    write_manifest(root / "manifest.parquet", Manifest(rows, root))
    return root / "manifest.parquet"
