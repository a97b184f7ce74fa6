from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fxrep.audio import AudioInput, read_audio
from fxrep.errors import AudioError

RATE = 8000


class BandEncoder:
    """A small real encoder: level differences between octave bands, per window. It has no weights."""

    sample_rate = RATE
    window_s = 0.5
    dim = 24

    def __init__(self, version: str = "1") -> None:
        self.fingerprint = f"bands-{version}"
        self.embedded: list[str] = []

    def embed_windows(self, audio: AudioInput, sample_rate: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        self.embedded.append(str(audio) if isinstance(audio, str | Path) else "array")
        samples = read_audio(audio, sample_rate, target_rate=RATE).mean(0)
        size = int(self.window_s * RATE)
        starts = list(range(0, max(1, len(samples) - size + 1), size))
        windows = torch.stack([torch.nn.functional.pad(w := samples[s : s + size], (0, size - len(w))) for s in starts])
        if samples.abs().max() < 1e-4:
            raise AudioError("silent, nothing to embed")
        power = torch.fft.rfft(windows).abs().square()[:, 1:1993]
        bands = power.reshape(len(starts), self.dim, -1).mean(-1).add(1e-8).log()
        vectors = bands - bands.mean(-1, keepdim=True)
        return torch.tensor(starts) / RATE, torch.nn.functional.normalize(vectors, dim=-1)

    def embed(self, audio: AudioInput, sample_rate: int | None = None) -> torch.Tensor:
        _, windows = self.embed_windows(audio, sample_rate)
        return torch.nn.functional.normalize(windows.mean(0), dim=0)


def filtered_noise(seed: int, centre_hz: float, seconds: float = 1.5) -> np.ndarray:
    """Noise through a bell around `centre_hz`, (samples,)."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=int(seconds * RATE)))
    frequency = np.fft.rfftfreq(int(seconds * RATE), 1 / RATE)
    bell = 0.02 + np.exp(-(((frequency - centre_hz) / 600) ** 2))
    audio = np.fft.irfft(spectrum * bell)
    return (0.3 * audio / np.abs(audio).max()).astype(np.float32)


CENTRES = (300, 900, 1500, 2100, 2700, 3300)


@pytest.fixture
def encoder() -> BandEncoder:
    return BandEncoder()


@pytest.fixture
def other_encoder() -> BandEncoder:
    return BandEncoder("2")


@pytest.fixture
def noise():
    return filtered_noise


@pytest.fixture
def songs(tmp_path: Path) -> list[Path]:
    """Six songs that differ in their equalisation."""
    folder = tmp_path / "songs"
    folder.mkdir()
    paths = []
    for seed, centre in enumerate(CENTRES):
        paths.append(folder / f"song-{centre:04d}.wav")
        soundfile.write(paths[-1], filtered_noise(seed, centre), RATE)
    return paths


@pytest.fixture
def bad_files(tmp_path: Path) -> dict[str, Path]:
    """One file for every way in which a recording can be unusable."""
    folder = tmp_path / "bad"
    folder.mkdir()
    files = {name: folder / f"{name}.wav" for name in ("empty", "text", "truncated", "no_samples", "six", "silent")}
    files["empty"].write_bytes(b"")
    files["text"].write_text("this is not audio")
    soundfile.write(files["truncated"], filtered_noise(9, 900), RATE)
    files["truncated"].write_bytes(files["truncated"].read_bytes()[:30])
    soundfile.write(files["no_samples"], np.zeros((0, 1), np.float32), RATE)
    soundfile.write(files["six"], np.random.default_rng(0).normal(size=(RATE, 6)) * 0.1, RATE)
    soundfile.write(files["silent"], np.zeros(RATE, np.float32), RATE)
    return files
