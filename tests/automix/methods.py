"""Methods small enough to know the right answer in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from automix import Explained
from fxrep.audio import save_audio
from fxrep.effects.console import default_console
from fxrep.mixing import TrackSet


class Halves:
    """Every track at half its amplitude, as recorded, with reasons."""

    track_lufs = -20.0
    window_s = 1.0

    def __init__(self) -> None:
        self.console = default_console()
        self.asked: list[tuple[list[float], int]] = []

    def estimate(self, tracks: TrackSet, start_s: Sequence[float], seed: int = 0) -> Explained:
        """Set faders to -6.02 dB."""
        self.asked.append((list(start_s), seed))
        settings = self.console.default_settings(tracks.names)
        for name in tracks.names:
            settings = settings.edit(f"track:{name}", "fader.gain_db", -6.020599913)
        files = {"why.svg": '<?xml version="1.0"?><svg viewBox="0 0 1 1"></svg>', "why.json": "{}"}
        return Explained(settings, [f"{name} is <halved> & kept." for name in tracks.names], {}, files)


class Doubler:
    """Renders all tracks into one stem, twice as strong."""

    def __init__(self, stems: int = 1, lost_samples: int = 0) -> None:
        self.stems, self.lost_samples = stems, lost_samples
        self.decisions: list[str] = []

    def render_stems(self, tracks: TrackSet, folder: Path) -> dict[str, Path]:
        """Write the sum."""
        path, rate = folder / "sum.wav", tracks.sample_rate
        audio = 2.0 * tracks.read(0.0, tracks.duration_s).sum((0, 1))
        save_audio(path, audio[:, : tracks.samples - self.lost_samples], rate, subtype="FLOAT")
        self.decisions = ["All is doubled."]
        return {"mix": path} if self.stems else {}
