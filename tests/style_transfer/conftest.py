"""Songs, and methods small enough to know the right answer in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from fxrep.audio import AudioInput, integrated_loudness, read_audio, save_audio
from fxrep.effects.console import ConsoleSettings, MixingConsole, default_console
from fxrep.mixing.recordings import REFERENCE_LUFS
from fxrep.mixing.tracks import TrackSet
from style_transfer import References

RATE = 22050


class LoudnessAndBalance:
    """Brings the mix to the loudness of the references and to their balance between the sides, in closed form.

    On mono tracks the constant-power law of the panner gives (R - L) / (R + L) = sin(pan π / 2).
    """

    track_lufs = -24.0
    window_s = 2.0

    def __init__(self) -> None:
        self.console: MixingConsole = default_console()
        self.asked: list[list[float]] = []

    def estimate(
        self,
        tracks: TrackSet,
        references: References,
        start_s: Sequence[float],
        seed: int = 0,
        start: ConsoleSettings | None = None,
    ) -> ConsoleSettings:
        """Set the master fader and the panner of every track."""
        self.asked.append(list(start_s))
        heard, shares = references.windows(self.window_s, 4, tracks.sample_rate)
        left, right = (heard.square().mean(-1) * shares[:, None]).sum(0).tolist()
        pan = 2.0 / math.pi * math.asin((right - left) / (right + left))
        gains = tracks.input_gain_db(self.track_lufs)
        mix = torch.cat([tracks.read(at, self.window_s, gains=gains).sum(1)[0] for at in start_s], -1)
        settings = self.console.default_settings(tracks.names)
        gain_db = REFERENCE_LUFS - float(integrated_loudness(mix, tracks.sample_rate))
        settings = settings.edit("master", "fader.gain_db", min(max(gain_db, -60.0), 12.0))
        for name in tracks.names:
            settings = settings.edit(f"track:{name}", "panner.pan", pan)
        return settings


class LevelOfReference:
    """Renders each stem at the level of the references."""

    def render_stem(self, stem: AudioInput, rate: int, references: References, output: Path) -> Any:
        """Write the stem with one gain."""
        audio = read_audio(stem, rate, target_rate=rate, channels=2)
        loudness = float(integrated_loudness(audio, rate))
        save_audio(output, audio * 10.0 ** ((REFERENCE_LUFS - loudness) / 20.0), rate, subtype="FLOAT")


def played(seed: int, seconds: float = 3.0, rate: int = RATE, balance: Sequence[float] = (1.0,)) -> torch.Tensor:
    """Struck noise (C, T), each channel the same but for its level."""
    generator = torch.Generator().manual_seed(seed)
    samples = round(seconds * rate)
    struck = torch.randn(samples, generator=generator) * torch.exp(-(torch.arange(samples) % (rate // 4)) / (rate / 10))
    return 0.1 * struck * torch.tensor(balance)[:, None]


@pytest.fixture
def song(tmp_path: Path) -> list[Path]:
    """Three mono tracks."""
    paths = [tmp_path / "song" / f"{name}.wav" for name in ("drums", "bass", "vocals")]
    for number, path in enumerate(paths):
        save_audio(path, played(number), RATE)
    return paths


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """A recording that leans to the right: (R - L) / (R + L) = 0.6."""
    path = tmp_path / "reference.wav"
    save_audio(path, played(9, 4.0, balance=(0.5, 1.0)), RATE)
    return path
