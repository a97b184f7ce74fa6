"""Songs of coloured noise on file, with a manifest."""

from __future__ import annotations

from pathlib import Path

import torch

from fxrep.audio import integrated_loudness, save_audio
from fxrep.data import Manifest, ManifestRow, write_manifest

RATE = 44100
SECONDS = 3.0


def sound(seed: int, channels: int = 2, seconds: float = SECONDS) -> torch.Tensor:
    """Noise of a colour of its own, (channels, samples)."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(channels, round(seconds * RATE), generator=generator)
    pole = 0.95 * float(torch.rand((), generator=generator))
    spectrum = torch.fft.rfft(noise)
    turn = torch.linspace(0.0, torch.pi, spectrum.shape[-1])
    return 0.05 * torch.fft.irfft(spectrum / (1.0 - pole * torch.exp(-1j * turn)), noise.shape[-1])


def write_songs(root: Path) -> Path:
    """Four songs of three stems, one of them mono, the last for validation; each with a mix of another name."""
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
