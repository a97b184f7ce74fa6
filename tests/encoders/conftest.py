"""A small library of stems and a training small enough to run in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
import yaml

from encoders.training.command import TrainingReport, run_training
from fxrep.data import Manifest, ManifestRow, write_manifest

RATE = 44100


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory) -> Path:
    """Six songs of two stems, the last two for validation."""
    root = tmp_path_factory.mktemp("songs")
    rows = []
    seconds = np.arange(2 * RATE) / RATE
    for song in range(6):
        for number, instrument in enumerate(("drums", "bass")):
            rng = np.random.default_rng([song, number])
            tone = 0.2 * np.sin(2 * np.pi * (80 * (number + 1) + 10 * song) * seconds)
            audio = tone + 0.05 * rng.standard_normal(seconds.size)
            name = f"song{song}/{instrument}.wav"
            (root / name).parent.mkdir(exist_ok=True)
            sf.write(root / name, np.stack([audio, audio], axis=1), RATE)
            rows.append(_row(name, song, instrument))
    write_manifest(root / "manifest.parquet", Manifest(rows, root))
    return root / "manifest.parquet"


def _row(name: str, song: int, instrument: str) -> ManifestRow:
    return ManifestRow(
        path=name,
        kind="stem",
        dataset="test",
        song=f"song{song}",
        artist="",
        licence="",
        split="validation" if song > 3 else "train",
        track=instrument,
        instrument=instrument,
        duration_s=2.0,
        sample_rate=RATE,
        channels=2,
        loudness_lufs=-20.0,
        silence_ratio=0.0,
        content_hash=name,
    )


@pytest.fixture
def configuration(manifest, tmp_path) -> Path:
    """A training of six steps in two epochs: small residual encoder, gain and width as effects."""
    return _write_configuration(manifest, tmp_path)


@pytest.fixture(scope="session")
def trained(manifest, tmp_path_factory) -> tuple[Path, TrainingReport]:
    """That configuration, trained without interruption, and its report."""
    path = _write_configuration(manifest, tmp_path_factory.mktemp("trained"))
    return path, run_training([str(path)])


def _write_configuration(manifest: Path, folder: Path) -> Path:
    chain = {
        "class_path": "fxrep.effects.EffectChain",
        "init_args": {
            "effects": [
                {"processor": "gain", "ranges": {"gain_db": [-12.0, 12.0]}},
                {"processor": "stereo_width", "probability": 0.5},
            ]
        },
    }
    encoder = {
        "class_path": "encoders.fx_encoder.FxEncoder",
        "init_args": {"channels": [4, 8], "kernels": [9, 5], "strides": [16, 16], "minimum_s": 0.2},
    }
    settings: dict[str, Any] = {
        "seed_everything": 3,
        "checkpoint_every": 100,
        "trainer": {
            "max_epochs": 2,
            "accelerator": "cpu",
            "log_every_n_steps": 1,
            "num_sanity_val_steps": 0,
            "enable_model_summary": False,
            "default_root_dir": str(folder / "run"),
            "callbacks": [
                {
                    "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
                    "init_args": {
                        "monitor": "validation/retrieval@1",
                        "mode": "max",
                        "filename": "best",
                        "auto_insert_metric_name": False,
                        "enable_version_counter": False,
                    },
                }
            ],
        },
        "model": {
            "class_path": "encoders.training.contrastive.ContrastiveTraining",
            "init_args": {
                "encoder": encoder,
                "renderer": {
                    "class_path": "fxrep.data.pairs.PairRenderer",
                    "init_args": {"chain": chain, "hard_negatives": True},
                },
                "projection_dim": 6,
                "learning_rate": 0.01,
                "warmup_steps": 2,
            },
        },
        "data": {
            "class_path": "encoders.training.data.PairDataModule",
            "init_args": {
                "manifest": str(manifest),
                "batch_size": 4,
                "length": 12,
                "validation_length": 6,
                "segment_s": 0.5,
                "num_workers": 0,
            },
        },
    }
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path
