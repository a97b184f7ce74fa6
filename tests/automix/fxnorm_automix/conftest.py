"""Songs, averages and networks that are small enough for a test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from automix.fxnorm_automix import GROUPS, FxNormAutomix
from fxrep.audio import integrated_loudness, save_audio
from fxrep.data import Manifest, ManifestRow, write_manifest
from fxrep.normalization import FitTrack, FxNormalizer, normalize_dataset

RATE = 44100
SECONDS = 2.0
TINY = {
    "features": 16,
    "taps": 8,
    "pool": 64,
    "stride": 8,
    "separation": 8,
    "hidden": 6,
    "skip": 4,
    "blocks": 2,
    "repeats": 2,
    "expansion": 2,
    "lstm_layers": 2,
}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def sound(seed: int, seconds: float = 1.0, channels: int = 2, rate: int = RATE, level: float = 0.05) -> torch.Tensor:
    """Noise that swells four times a second, (channels, samples)."""
    generator = torch.Generator().manual_seed(seed)
    samples = round(seconds * rate)
    swell = 1.0 + 0.9 * torch.sin(torch.arange(samples) * (8.0 * torch.pi / rate) + seed)
    return level * swell * torch.randn(channels, samples, generator=generator)


def scrambled(mixer: FxNormAutomix) -> FxNormAutomix:
    """The network with chance in everything that training would move, in evaluation mode."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in mixer.network.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=generator)
    return mixer.eval()


@pytest.fixture(scope="session")
def normalizer() -> FxNormalizer:
    """Averages of a level for each group."""
    tracks = [FitTrack(sound(number, level=0.02 * (number + 1)), group, RATE) for number, group in enumerate(GROUPS)]
    return FxNormalizer.fit_tracks(tracks, steps=["eq", "loudness"])


@pytest.fixture
def mixer(normalizer: FxNormalizer, tmp_path: Path) -> FxNormAutomix:
    """A network that does something."""
    normalizer.save(tmp_path / "averages.json")
    torch.manual_seed(0)
    return scrambled(FxNormAutomix(**TINY, statistics=str(tmp_path / "averages.json")))


@dataclass(frozen=True)
class Songs:
    """Where manifests of songs lie."""

    manifest: Path
    normalized: Path


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Songs:
    """Three songs, the last for validation and with a mix of its own, of two basses, drums and keys."""
    root = tmp_path_factory.mktemp("songs")
    rows = []
    for song in range(3):
        for number, track in enumerate(("bass 1", "bass 2", "drums", "keys", "mix")):
            if track == "mix" and song != 2:
                continue
            audio = sound(10 * song + number, SECONDS, level=0.02 + 0.02 * number)
            path = f"song{song}/{track}.wav"
            (root / path).parent.mkdir(exist_ok=True)
            save_audio(root / path, audio, RATE)
            rows.append(
                ManifestRow(
                    path=path,
                    kind="mix" if track == "mix" else "stem",
                    dataset="test",
                    song=f"song{song}",
                    artist="",
                    licence="",
                    split="validation" if song == 2 else "train",
                    track=track,
                    instrument="mixture" if track == "mix" else track.split()[0],
                    duration_s=SECONDS,
                    sample_rate=RATE,
                    channels=2,
                    loudness_lufs=float(integrated_loudness(audio, RATE)),
                    silence_ratio=0.0,
                    content_hash=hashlib.sha256((root / path).read_bytes()).hexdigest(),
                )
            )
    manifest = Manifest(rows, root)
    write_manifest(root / "manifest.parquet", manifest)
    averages = FxNormalizer.fit(manifest, steps=["eq", "loudness"])
    made = normalize_dataset(manifest, root / "normalized", averages, audio_format="wav")
    averages.save(root / "normalized" / "statistics.json")
    return Songs(root / "manifest.parquet", made.path)
