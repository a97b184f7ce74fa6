"""What the strip of a track does to it over a whole song: gain reduction, level and place between the speakers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fxrep.audio import SILENCE_LUFS, match_channels
from fxrep.effects.console.strip import Strip, StripValues
from fxrep.effects.streaming import Stream
from fxrep.mixing.setting_groups import processor_group
from fxrep.mixing.track_source import Recording
from fxrep.normalization import Source
from fxrep.normalization.loudness import loudness_of

Array = NDArray[np.floating]
FRAMES_PER_S = 10
BLOCK = 1 << 18
# An effect whose settings change in the middle of a song has heard this much before.
_WARM_UP_S = 2.0
# Frames this far under the loudest one are pauses: what a compressor does there nobody hears.
_PAUSE_DB = -60.0


@dataclass(frozen=True)
class StripReading:
    """What was measured behind the strip of one track.

    Attributes:
        loudness_lufs: integrated loudness; minus infinity for silence.
        position: energy on the right less that on the left, over both: -1 (left) to 1 (right); NaN for silence.
        width: 1 less the correlation of both sides: 0 where they are the same but for their level, as a mono track is
            wherever it lies, 1 where they have nothing in common, 2 where one is the other's inverse; NaN for silence.
        reduction_db: by the label of each dynamics processor that is in use, the gain over time, ten frames a second,
            without make-up: energy behind it over energy before it; NaN in pauses.
    """

    loudness_lufs: float
    position: float
    width: float
    reduction_db: dict[str, Array]


def read_strip(
    recording: Recording,
    strip: Strip,
    settings: Sequence[tuple[float, StripValues]],
    sample_rate: int,
    gain_db: float = 0.0,
) -> StripReading:
    """Send a whole track through its strip, block by block, and measure.

    Args:
        recording: of the track.
        strip: of the console.
        settings: (seconds, values) from there on, the first from 0.
        sample_rate: Hz at which the console works.
        gain_db: of the track before the strip.
    """
    processed = _ProcessedTrack(recording, strip, settings, sample_rate, 10.0 ** (gain_db / 20.0))
    loudness = float(loudness_of(processed)[0])
    if loudness <= SILENCE_LUFS:
        return StripReading(-math.inf, math.nan, math.nan, processed.reductions())
    left, right, product = processed.energies
    # One side that is silent has nothing that differs from the other.
    shared = product / math.sqrt(left * right) if min(left, right) > 1e-10 * max(left, right) else 1.0
    return StripReading(loudness, (right - left) / (left + right), 1.0 - shared, processed.reductions())


class _Frames:
    """Energy of a signal that comes in pieces of any length, in frames of 100 ms."""

    def __init__(self, frames: int, sample_rate: int) -> None:
        self.energy, self.step, self.position = np.zeros(frames), sample_rate / FRAMES_PER_S, 0

    def add(self, piece: torch.Tensor) -> None:
        """Take the next piece (1, C, n); what lies outside the frames is left out."""
        squares = piece.square().sum((0, 1)).double().numpy()
        frames = ((self.position + np.arange(len(squares))) / self.step).astype(np.int64)
        inside = (self.position + np.arange(len(squares)) >= 0) & (frames < len(self.energy))
        self.energy += np.bincount(frames[inside], squares[inside], len(self.energy))
        self.position += len(squares)


class _ProcessedTrack(Source):
    """A track behind its strip. While it is read, what goes in and out of the dynamics processors is noted."""

    def __init__(
        self,
        recording: Recording,
        strip: Strip,
        settings: Sequence[tuple[float, StripValues]],
        sample_rate: int,
        gain: float,
    ) -> None:
        self.recording, self.strip, self.settings, self.gain = recording, strip, settings, gain
        self.sample_rate, self.samples = sample_rate, recording.length(sample_rate)
        self.items, self.device = 1, torch.device("cpu")
        self.energies = np.zeros(3)
        self.frames: dict[str, tuple[_Frames, _Frames]] = {}
        self.makeup_db: dict[str, Array] = {}

    def blocks(self) -> Iterator[torch.Tensor]:
        """(1, 2, n)."""
        starts = [min(round(start * self.sample_rate), self.samples) for start, _ in self.settings]
        for (_, values), start, stop in zip(self.settings, starts, [*starts[1:], self.samples], strict=True):
            for piece in self._section(values, start, stop) if stop > start else ():
                left, right = piece[0].double().numpy()
                self.energies += (left @ left, right @ right, left @ right)
                yield piece

    def _section(self, values: StripValues, start: int, stop: int) -> Iterator[torch.Tensor]:
        """Process from some time before `start`, and yield what lies between it and `stop`."""
        opens = max(0, start - round(_WARM_UP_S * self.sample_rate))
        streams = self.strip.streams(self.sample_rate, values)
        meters = {label: self._meters(label, values, opens, start, stop) for label in streams}
        position = opens
        for first in [*range(opens, stop, BLOCK), None]:
            piece = None if first is None else self._read(first, min(first + BLOCK, stop))
            for label, stream in streams.items():
                piece = _advance(stream, piece, first is None, meters[label])
            if piece is None:
                continue
            early = min(max(0, start - position), piece.shape[-1])
            position += piece.shape[-1]
            if early < piece.shape[-1]:
                yield match_channels(piece[0, :, early:], 2)[None]

    def _read(self, first: int, last: int) -> torch.Tensor:
        block = self.recording.excerpt(first, last - first, self.sample_rate)
        return block[None, : self.recording.channels] * self.gain

    def _meters(
        self, label: str, values: StripValues, opens: int, start: int, stop: int
    ) -> tuple[_Frames, _Frames] | None:
        if processor_group(self.strip.processors[label]) != "dynamics":
            return None
        count = math.ceil(self.samples * FRAMES_PER_S / self.sample_rate)
        pair = self.frames.setdefault(label, (_Frames(count, self.sample_rate), _Frames(count, self.sample_rate)))
        steps = [round(edge * FRAMES_PER_S / self.sample_rate) for edge in (start, stop)]
        makeup = self.makeup_db.setdefault(label, np.full(count, np.nan))
        makeup[steps[0] : steps[1] + 1] = values.get(label, {}).get("makeup_db") or 0.0
        for frames in pair:
            frames.position = opens
            frames.energy[steps[0] :] = 0.0
        return pair

    def reductions(self) -> dict[str, Array]:
        """Return the gain of every dynamics processor over time, in dB."""
        found = {}
        for label, (before, after) in self.frames.items():
            floor = max(before.energy.max(initial=0.0) * 10.0 ** (_PAUSE_DB / 10.0), 1e-20)
            heard = before.energy > floor
            gain = np.full(len(before.energy), np.nan)
            gain[heard] = 10.0 * np.log10(np.maximum(after.energy[heard], 1e-20) / before.energy[heard])
            found[label] = gain - self.makeup_db[label]
        return found


def _advance(
    stream: Stream, piece: torch.Tensor | None, last: bool, meters: tuple[_Frames, _Frames] | None
) -> torch.Tensor | None:
    """Send a piece, and at the end all that is owed, through one effect."""
    parts = [] if piece is None else [stream.push(piece)]
    rest = stream.finish() if last else None
    parts += [] if rest is None else [rest]
    out = torch.cat(parts, -1) if parts else None
    if meters is not None:
        for frames, audio in zip(meters, (piece, out), strict=True):
            if audio is not None:
                frames.add(audio)
    return out
