"""Finished recordings as the methods and the measures hear them: at one loudness, in windows where they sound."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch.nn import functional as F

from fxrep.audio import SILENCE_LUFS, AudioInput, audio_info
from fxrep.errors import ArgumentError, AudioError, FxrepError
from fxrep.mixing.blending import blend_embeddings
from fxrep.mixing.tracks import TrackSet
from fxrep.mixing.weights import check_weights

REFERENCE_LUFS = -16.0
"""What every recording is brought to before it is heard, as in Diff-MST (Vanka et al., ISMIR 2024)."""

SHORTEST_S = 0.5
EMBEDDED_WINDOWS = 12
"""From how many windows of a recording its embedding is made; they are spread over the whole of it."""
_WINDOWS_AT_ONCE = 4


class WindowEncoder(Protocol):
    """What embeds windows: `encoders.EffectEncoder`, or one of your own."""

    sample_rate: int
    window_s: float

    def __call__(self, audio: torch.Tensor) -> torch.Tensor:
        """Windows (B, 2, T) at `sample_rate` to (B, D)."""


class Recordings:
    """One or several finished recordings with weights, at -16 LUFS. Files are read when they are needed, by windows.

    Args:
        recordings: a path or an array (samples,) or (channels, samples); or a list of them.
        weights: one each, 0 or more; None: equal ones.
        sample_rate: Hz of arrays; a file brings its own.
        role: what an error message calls a recording.

    Attributes:
        names: of the recordings, no two alike: of a file the path.
        paths: of those that are files.
        weights: with a sum of 1.
        loudness_lufs: of each as it came.
        duration_s: of each.

    Raises:
        ArgumentError: there is none, an array without a sample rate, or wrong weights.
        AudioError: one cannot be read, is silent, or is shorter than half a second.
    """

    def __init__(
        self,
        recordings: AudioInput | Sequence[AudioInput],
        weights: Sequence[float] | None = None,
        sample_rate: int | None = None,
        role: str = "recording",
    ) -> None:
        listed: list[Any] = list(recordings) if isinstance(recordings, (list, tuple)) else [recordings]
        if not listed:
            raise ArgumentError(f"there is no {role}: give at least one")
        self.weights = check_weights(len(listed), weights)
        self.names = _names(listed, role)
        self.paths = [Path(one) for one in listed if isinstance(one, (str, os.PathLike))]
        self._sources = [_open(name, one, sample_rate, role) for name, one in zip(self.names, listed, strict=True)]
        self.duration_s = [source.duration_s for source in self._sources]
        self.loudness_lufs = [
            source.loudness_lufs[name] for name, source in zip(self.names, self._sources, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.names)

    def windows(
        self, window_s: float, count: int = 1, sample_rate: int = 44100, start_s: Sequence[float] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return windows of all recordings that are used, at -16 LUFS for the whole recording.

        Args:
            window_s: their length in seconds; a recording that is shorter is repeated up to it.
            count: how many of each recording at most; they lie where it sounds.
            sample_rate: Hz.
            start_s: where they start, in seconds, instead of where the recording sounds.

        Returns:
            (W, 2, T) float32; and what each counts, (W,) with a sum of 1: those of one recording share its weight.
        """
        parts: list[torch.Tensor] = []
        shares: list[float] = []
        for number, weight in enumerate(self.weights):
            if weight > 0.0:
                starts = self._sources[number].windows(window_s, count) if start_s is None else list(start_s)
                parts += [self._read(number, start, window_s, sample_rate) for start in starts]
                shares += [weight / len(starts)] * len(starts)
        return torch.stack(parts), torch.tensor(shares)

    def embedding(
        self, encoder: WindowEncoder, count: int = EMBEDDED_WINDOWS, start_s: Sequence[float] | None = None
    ) -> torch.Tensor:
        """Return the weighted mean of the embeddings of the recordings, (D,) of unit length, without gradient.

        Each recording has an embedding of unit length first, so that one whose windows differ counts no less: it is
        `blend_embeddings` of what each gives alone.

        Args:
            encoder: maps windows (B, 2, T) at its own rate to (B, D).
            count: how many windows of each recording at most.
            start_s: where they start, in seconds, instead of where the recording sounds.
        """
        listened = [number for number, weight in enumerate(self.weights) if weight > 0.0]
        parts = [self._embed(number, encoder, count, start_s) for number in listened]
        return parts[0] if len(parts) == 1 else blend_embeddings(parts, [self.weights[number] for number in listened])

    def _embed(self, number: int, encoder: WindowEncoder, count: int, start_s: Sequence[float] | None) -> torch.Tensor:
        """Return the embedding of one recording, (D,) of unit length on the CPU."""
        starts = self._sources[number].windows(encoder.window_s, count) if start_s is None else list(start_s)
        windows = torch.stack([self._read(number, start, encoder.window_s, encoder.sample_rate) for start in starts])
        device = next(iter(getattr(encoder, "parameters", lambda: iter(()))()), windows).device
        with torch.no_grad():
            parts = [encoder(part.to(device)).float() for part in windows.split(_WINDOWS_AT_ONCE)]
        return F.normalize(torch.cat(parts).cpu().mean(0), dim=-1)

    def _read(self, number: int, start_s: float, window_s: float, sample_rate: int) -> torch.Tensor:
        """Return one window (2, T) at the loudness of all."""
        length = min(window_s, self.duration_s[number])
        audio = self._sources[number].read(start_s, length, sample_rate)[0, 0]
        wanted = max(1, round(window_s * sample_rate))
        repeated: torch.Tensor = audio.repeat(1, -(-wanted // audio.shape[-1]))[:, :wanted]
        return repeated * float(10.0 ** ((REFERENCE_LUFS - self.loudness_lufs[number]) / 20.0))


def _names(recordings: Sequence[AudioInput], role: str) -> list[str]:
    names: list[str] = []
    for number, one in enumerate(recordings, start=1):
        name = str(Path(one)) if isinstance(one, (str, os.PathLike)) else f"{role} {number}"
        # One file given twice counts twice.
        names.append(name if name not in names else f"{name} ({number})")
    return names


def _open(name: str, recording: AudioInput, sample_rate: int | None, role: str) -> TrackSet:
    is_file = isinstance(recording, (str, os.PathLike))
    try:
        if is_file and Path(recording).is_dir():  # type: ignore[arg-type]
            raise AudioError(f"{name} is a folder: give an audio file")
        rate = audio_info(recording).sample_rate if is_file else sample_rate  # type: ignore[arg-type]
        source = TrackSet({name: recording}, rate)
        if source.duration_s < SHORTEST_S:
            raise AudioError(f"{name} lasts {source.duration_s:.2f} s: give {SHORTEST_S:g} s or more")
        if not source.loudness_lufs[name] > SILENCE_LUFS:
            raise AudioError(f"{name} is silent (below {SILENCE_LUFS:.0f} LUFS): give a recording that sounds")
    except FxrepError as error:
        text = str(error)
        raise type(error)(text if role in text else f"{role}: {text}") from error
    return source
