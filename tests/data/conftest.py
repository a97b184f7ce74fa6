"""Miniature datasets: trees of very short files, each with its own content."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

TreeWriter = Callable[..., Path]


@pytest.fixture
def write_tree(tmp_path: Path) -> TreeWriter:
    """A function that writes files below a new folder: tones where the suffix is audio, else the given text."""

    def write(*audio: str, texts: dict[str, str] | None = None, duration_s: float = 0.5) -> Path:
        root = tmp_path / "dataset"
        for name in audio:
            write_tone(root / name, duration_s=duration_s)
        for name, text in (texts or {}).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return root

    return write


def write_tone(path: Path, *, duration_s: float = 0.5, sample_rate: int = 8000, channels: int = 1) -> None:
    """Write a tone whose frequency and phase depend on the path, so that no two files are equal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(path.as_posix().encode())
    rng = np.random.default_rng(seed)
    time = np.arange(round(duration_s * sample_rate)) / sample_rate
    tone = 0.1 * np.sin(2 * np.pi * rng.uniform(100, 1000) * time + rng.uniform(0, 6))
    soundfile.write(path, np.repeat(tone[:, None], channels, axis=1), sample_rate)
