"""Songs whose differences are known, and an encoder that hears them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
import torch

from fxrep.audio import AudioInput, normalize_loudness, read_audio

RATE = 44100
BANDS = 16
GROUPS = ("plain", "louder", "brighter", "wider")


class MixEncoder:
    """A small real encoder that hears level, spectrum and width. It has no weights."""

    sample_rate = RATE
    window_s = 1.0
    dim = BANDS + 3

    def __init__(self, fingerprint: str = "mix-1") -> None:
        self.fingerprint = fingerprint

    def embed_windows(self, audio: AudioInput, sample_rate: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        samples = read_audio(audio, sample_rate, target_rate=RATE, channels=2)
        starts = torch.arange(0, max(1, samples.shape[1] - RATE + 1), RATE)
        rows = []
        for start in starts.tolist():
            window = samples[:, start : start + RATE]
            middle, side = window.sum(0) / 2, (window[0] - window[1]) / 2
            power = torch.fft.rfft(middle).abs().square()
            edges = np.geomspace(50, len(power), BANDS + 1).astype(int)
            bands = torch.stack([power[a:b].mean().log10() for a, b in pairwise(edges)])
            level_db = 10 * window.square().mean().log10()
            share = side.square().sum() / (side.square().sum() + middle.square().sum())
            extra = torch.stack([(level_db + 23) / 6, 6 * share, torch.tensor(4.0)])
            rows.append(torch.cat([bands - bands.mean(), extra]))
        return starts / RATE, torch.nn.functional.normalize(torch.stack(rows).float(), dim=-1)

    def embed(self, audio: AudioInput, sample_rate: int | None = None) -> torch.Tensor:
        return torch.nn.functional.normalize(self.embed_windows(audio, sample_rate)[1].mean(0), dim=0)


def mixed_noise(seed: int, kind: str, seconds: float = 2.0) -> np.ndarray:
    """A band of noise as a mix of its kind, ``(samples, 2)``: apart from it only chance differs."""
    generator = np.random.default_rng(seed)
    spectrum = np.fft.rfft(generator.normal(size=(2, int(seconds * RATE))))
    frequency = np.fft.rfftfreq(int(seconds * RATE), 1 / RATE)
    # On either side of the middle of the spectrum: as wide about its mean, and as noisy.
    centre = RATE / 4 + (2500 if kind == "brighter" else -2500)
    spectrum *= 0.03 + np.exp(-np.square((frequency - centre) / 1500))
    middle, side = np.fft.irfft(spectrum)
    side *= 0.9 if kind == "wider" else 0.3
    audio = torch.from_numpy(np.stack([middle + side, middle - side])).float()
    level = -30 + (8 if kind == "louder" else 0) + generator.normal(scale=0.2)
    return normalize_loudness(audio, RATE, level).numpy().T


def write_songs(folder: Path, each: int, first: int = 0) -> list[Path]:
    """Songs of every kind, 16-bit."""
    folder.mkdir(exist_ok=True)
    paths = []
    for kind_number, kind in enumerate(GROUPS):
        for number in range(first, first + each):
            paths.append(folder / f"{kind}-{number:02d}.wav")
            soundfile.write(paths[-1], mixed_noise(1000 * kind_number + number, kind), RATE)
    return paths
