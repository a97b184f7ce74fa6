"""One track of a set: a file or an array, its length, its samples from anywhere."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from fxrep.audio import AudioInput, audio_info, check_audio, load_audio, match_channels, resample
from fxrep.audio.layout import DOWN_MIX_ADVICE
from fxrep.audio.resampling import check_rate, resampled_length
from fxrep.effects.console.track_reader import TrackReader
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing.measuring import TrackSource

# Read before and behind an excerpt: more than a resampler hears, and more than the padding at the end of lossy files.
_MARGIN_S = 0.2


@dataclass(frozen=True)
class Recording:
    """A track.

    Attributes:
        name: of the track.
        audio: the path of a file, or a tensor (C, T) at `rate`.
        rate: Hz that the audio has.
        channels: 1 or 2.
        samples: of the audio, at `rate`.
    """

    name: str
    audio: Path | torch.Tensor
    rate: int
    channels: int
    samples: int

    def length(self, sample_rate: int) -> int:
        """Return the samples at another rate."""
        return self.samples if sample_rate == self.rate else resampled_length(self.samples, self.rate, sample_rate)

    def reader(self, sample_rate: int, block: int) -> TrackReader:
        """Return the track in blocks of so many samples."""
        audio = self.audio
        if isinstance(audio, torch.Tensor):
            audio = resample(audio, self.rate, sample_rate)
        return TrackReader(self.name, audio, sample_rate, block)

    def source(self, sample_rate: int, block: int) -> TrackSource:
        """Return the track, to be measured as it sounds at that rate."""
        return TrackSource(self.reader(sample_rate, block), sample_rate, self.length(sample_rate))

    def excerpt(self, start: int, samples: int, sample_rate: int) -> torch.Tensor:
        """Read a part of the track: what resampling the whole would give there.

        Args:
            start: sample at the wanted rate.
            samples: as many as there are of so many.
            sample_rate: the wanted rate in Hz.

        Returns:
            (2, at most `samples`) float32.
        """
        stop = min(start + samples, self.length(sample_rate))
        if stop <= start:
            return torch.zeros(2, 0)
        # The excerpt begins where the samples of both rates coincide, or resampling would shift it.
        common = math.gcd(self.rate, sample_rate)
        own_step, wanted_step = self.rate // common, sample_rate // common
        margin = _MARGIN_S * self.rate
        periods = int(max(0.0, start / wanted_step - margin / own_step))
        first = periods * own_step
        last = min(self.samples, math.ceil(stop * self.rate / sample_rate + margin))
        part = resample(match_channels(self._part(first, last), 2), self.rate, sample_rate)
        offset = start - periods * wanted_step
        return part[:, offset : offset + stop - start]

    def _part(self, first: int, last: int) -> torch.Tensor:
        if isinstance(self.audio, torch.Tensor):
            return self.audio[:, first:last]
        return load_audio(self.audio, start_s=first / self.rate, duration_s=(last - first) / self.rate)[0]


def open_recording(name: str, source: AudioInput, sample_rate: int) -> Recording:
    """Look at the header of a file, or at the shape and the samples of an array.

    Args:
        name: of the track, for messages.
        source: a path, or an array (samples,) or (channels, samples) at the sample rate.
        sample_rate: Hz.

    Raises:
        AudioError: a file is not there or no audio, an array is not finite, or there are more than two channels.
    """
    if isinstance(source, (str, os.PathLike)):
        info = audio_info(source)
        if info.channels > 2:
            raise AudioError(f"track {name}: {source} has {info.channels} channels: {DOWN_MIX_ADVICE}")
        if info.frames < 1:
            raise AudioError(f"track {name}: {source} holds no samples: export it again or leave it out")
        return Recording(name, Path(source), info.sample_rate, info.channels, info.frames)
    if not isinstance(source, (np.ndarray, torch.Tensor)):
        raise ArgumentError(f"track {name} is a {type(source).__name__}: give a path or an array (channels, samples)")
    if isinstance(source, np.ndarray) and source.dtype.kind != "f":
        raise AudioError(f"track {name} holds {source.dtype} values: convert to floating point with full scale at 1.0")
    if isinstance(source, np.ndarray):
        # torch shares only what it may write to.
        source = torch.from_numpy(np.require(source, np.float32, ["C", "W"]))
    audio = source.detach().cpu()
    audio = audio[None] if audio.dim() == 1 else audio
    if audio.dim() != 2:
        raise AudioError(f"track {name} has shape {tuple(audio.shape)}: expected (samples,) or (channels, samples)")
    audio = check_audio(audio, name=f"track {name}").float()
    return Recording(name, audio, sample_rate, audio.shape[0], audio.shape[1])


def choose_rate(sources: Mapping[str, AudioInput], sample_rate: int | None) -> int:
    """Return the rate of a set: the one given, or what most files have, the higher of two that are equally many.

    Raises:
        ArgumentError: it is no rate; or none was given, and there is an array.
        AudioError: a file cannot be read.
    """
    if sample_rate is not None:
        check_rate(sample_rate)
        return int(sample_rate)
    for name, source in sources.items():
        if not isinstance(source, (str, os.PathLike)):
            raise ArgumentError(f"track {name} is an array, which has no sample rate: pass sample_rate")
    rates = Counter(audio_info(source).sample_rate for source in sources.values())  # type: ignore[arg-type]
    return max(rates, key=lambda rate: (rates[rate], rate))
