"""A few songs of dry stems, mono and stereo, with mixes of two more; and a model small enough for a test."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from encoders.spectral_encoder import SpectralEncoder
from fxrep.audio import integrated_loudness, save_audio
from fxrep.data import Manifest, ManifestRow, write_manifest
from style_transfer.diff_mst import DiffMST, EmbeddingConditioning

RATE = 44100
SECONDS = 3.0


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def sound(seed: int, channels: int = 2, seconds: float = SECONDS) -> torch.Tensor:
    """Noise of a colour of its own, (channels, samples)."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(channels, round(seconds * RATE), generator=generator)
    pole = 0.95 * float(torch.rand((), generator=generator))
    spectrum = torch.fft.rfft(noise)
    turn = torch.linspace(0.0, torch.pi, spectrum.shape[-1])
    return 0.05 * torch.fft.irfft(spectrum / (1.0 - pole * torch.exp(-1j * turn)), noise.shape[-1])


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four songs of three stems, one of them mono, the last for validation; each with a mix of another name."""
    root = tmp_path_factory.mktemp("songs")
    rows = []
    for song in range(4):
        split = "validation" if song == 3 else "train"
        for number, name in enumerate(("drums", "bass", "keys", "mix")):
            kind = "mix" if name == "mix" else "stem"
            audio = sound(10 * song + number, 1 if name == "bass" else 2)
            path = f"song{song}/{name}.wav"
            (root / path).parent.mkdir(exist_ok=True)
            save_audio(root / path, audio, RATE)
            rows.append(_row(path, kind, f"song{song}", split, name, audio))
    write_manifest(root / "manifest.parquet", Manifest(rows, root))
    return root / "manifest.parquet"


def _row(path: str, kind: str, song: str, split: str, name: str, audio: torch.Tensor) -> ManifestRow:
    return ManifestRow(
        path=path,
        kind=kind,
        dataset="test",
        song=song,
        artist="",
        licence="",
        split=split,
        track=name,
        instrument="mixture" if kind == "mix" else "other",
        duration_s=SECONDS,
        sample_rate=RATE,
        channels=len(audio),
        loudness_lufs=float(integrated_loudness(audio, RATE)),
        silence_ratio=0.0,
        content_hash=path,
    )


def small_encoder() -> SpectralEncoder:
    torch.manual_seed(0)
    return SpectralEncoder(dim=16, channels=16, n_blocks=2, hidden=32, window_s=1.0).eval()


def small_model(**options: object) -> DiffMST:
    """A controller of two layers over a small encoder that is part of it."""
    torch.manual_seed(0)
    sizes: dict[str, object] = {"width": 32, "layers": 2, "heads": 4, "feedforward": 64}
    return DiffMST(EmbeddingConditioning(small_encoder()), **(sizes | options)).eval()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def model() -> DiffMST:
    return small_model()
