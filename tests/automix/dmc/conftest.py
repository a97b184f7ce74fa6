"""Songs of noise that know their mix, and models small enough for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from automix.dmc import DifferentiableMixingConsole, EmbeddingTrackEncoder
from encoders.spectral_encoder import SpectralEncoder

from ...noise_songs import write_songs

GAIN_PAN = ["fader.gain_db", "panner.pan"]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_songs(tmp_path_factory.mktemp("songs"))


def small_encoder() -> SpectralEncoder:
    torch.manual_seed(0)
    return SpectralEncoder(dim=16, channels=16, n_blocks=2, hidden=32, window_s=1.0).eval()


def small_model(**options: Any) -> DifferentiableMixingConsole:
    """A model over a small encoder that is part of it, with heads that are not near their start."""
    torch.manual_seed(0)
    encoder = EmbeddingTrackEncoder(small_encoder(), dim=16, dropout=0.0, sound=bool(options.get("memory")))
    model = DifferentiableMixingConsole(encoder, **({"hidden": [16], "dropout": 0.0} | options)).eval()
    with torch.no_grad():
        for network in (model.post_processor.tracks, model.post_processor.shared):
            if network is not None:
                network[-1].weight.normal_(std=0.1)  # type: ignore[union-attr, operator]
    return model


@pytest.fixture(scope="module")
def model() -> DifferentiableMixingConsole:
    return small_model(style=True)
