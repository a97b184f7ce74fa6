"""A few songs of dry stems, mono and stereo, with mixes of two more; and a model small enough for a test."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from encoders.spectral_encoder import SpectralEncoder
from style_transfer.diff_mst import DiffMST, EmbeddingConditioning

from ...noise_songs import write_songs


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_songs(tmp_path_factory.mktemp("songs"))


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
