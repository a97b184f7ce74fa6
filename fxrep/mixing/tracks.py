"""The tracks of a song, wherever they lie: names, levels, excerpts, and where they sound. Nothing is held in memory."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from fxrep.audio import AudioInput
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing.measuring import BLOCK, TrackLoudness, measure_loudness
from fxrep.mixing.track_names import name_tracks
from fxrep.mixing.track_source import Recording, choose_rate, open_recording
from fxrep.mixing.windows import choose_windows

LOWEST_GAIN_DB, HIGHEST_GAIN_DB = -120.0, 40.0
"""What a track may be turned down and up to reach a loudness, as in Diff-MST (Vanka et al., 2024)."""


class TrackSet:
    """Named tracks of one song, on one timeline: sample 0 of each is the same moment.

    They may be mono or stereo, of any lengths and rates. A track that is silent stays a track. Files are read when
    something is asked of them, block by block; loudness is measured once, when it is first asked for.

    Args:
        tracks: audio by name; or paths, which are called after their files, a folder standing for those in it.
        sample_rate: Hz of the set, and of the arrays among the tracks. None: what most of the files have, the higher
            of two that are equally many. What has another rate is resampled.

    Attributes:
        sources: what was given, by name, in order. Arrays are used as they are and never written to.
        sample_rate: Hz.
        samples: of the longest track, at the sample rate.

    Raises:
        ArgumentError: there are no tracks, a name is empty, a file is given twice, or arrays came without a rate.
        AudioError: a track is no audio, has more than two channels, or a file is not there.
    """

    def __init__(
        self,
        tracks: Mapping[str, AudioInput] | Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
        sample_rate: int | None = None,
    ) -> None:
        self.sources = name_tracks(tracks)
        self.sample_rate = choose_rate(self.sources, sample_rate)
        self.recordings: dict[str, Recording] = {
            name: open_recording(name, source, self.sample_rate) for name, source in self.sources.items()
        }
        self.samples = max(one.length(self.sample_rate) for one in self.recordings.values())
        self._loudness: dict[str, TrackLoudness] | None = None

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def names(self) -> list[str]:
        """Names of the tracks, in order."""
        return list(self.sources)

    @property
    def paths(self) -> dict[str, Path | None]:
        """The file of each track; None for an array."""
        return {
            name: Path(source) if isinstance(source, (str, os.PathLike)) else None
            for name, source in self.sources.items()
        }

    @property
    def duration_s(self) -> float:
        """Length of the longest track in seconds."""
        return self.samples / self.sample_rate

    @property
    def loudness_lufs(self) -> dict[str, float]:
        """Integrated loudness of each track as it sounds in stereo at the rate of the set; minus infinity for silence.

        Raises:
            AudioError: a track cannot be read to its end.
        """
        return {name: one.lufs for name, one in self._measured().items()}

    def input_gain_db(self, target_lufs: float) -> dict[str, float]:
        """Return the gain that brings each track to a loudness, within -120 and +40 dB; 0 for silence.

        Args:
            target_lufs: LUFS.

        Raises:
            ArgumentError: the target is no number.
            AudioError: a track cannot be read to its end.
        """
        if not is_number(target_lufs) or not math.isfinite(target_lufs):
            raise ArgumentError(f"target_lufs is {target_lufs!r}: expected a loudness in LUFS, for example -24")
        return {
            name: min(max(target_lufs - lufs, LOWEST_GAIN_DB), HIGHEST_GAIN_DB) if lufs > -math.inf else 0.0
            for name, lufs in self.loudness_lufs.items()
        }

    def read(
        self,
        start_s: float,
        duration_s: float,
        sample_rate: int | None = None,
        gains: Mapping[str, float] | None = None,
    ) -> torch.Tensor:
        """Read an excerpt of all tracks.

        Args:
            start_s: seconds from the beginning.
            duration_s: seconds; past the end of a track there is silence.
            sample_rate: Hz of the result; None: that of the set.
            gains: dB by name, as `input_gain_db` gives them; tracks that are not named stay as they are.

        Returns:
            (1, N, 2, T) float32, T = round(duration_s * sample_rate), mono on both sides.

        Raises:
            ArgumentError: a time is out of range, or a gain names a track that there is not.
            AudioError: a file cannot be read there.
        """
        if not is_number(start_s) or not 0 <= start_s < math.inf:
            raise ArgumentError(f"start_s is {start_s!r}: expected seconds from 0")
        if not is_number(duration_s) or not 0 < duration_s < math.inf:
            raise ArgumentError(f"duration_s is {duration_s!r}: expected seconds above 0")
        rate = choose_rate(self.sources, self.sample_rate if sample_rate is None else sample_rate)
        if unknown := [name for name in gains or {} if name not in self.sources]:
            raise ArgumentError(f"there is no track {unknown[0]!r}: choose from {', '.join(self.names)}")
        audio = torch.zeros(1, len(self), 2, max(1, round(duration_s * rate)))
        for number, (name, recording) in enumerate(self.recordings.items()):
            part = recording.excerpt(round(start_s * rate), audio.shape[-1], rate)
            gain = 10 ** ((gains or {}).get(name, 0.0) / 20)
            audio[0, number, :, : part.shape[-1]] = part if gain == 1.0 else part * gain
        return audio

    def windows(self, window_s: float, count: int) -> list[float]:
        """Return starts of windows in which the tracks sound.

        Every track that sounds at all sounds in at least one of them, if `count` windows can hold them all; if they
        cannot, as many tracks as possible. The rest of the windows goes where most tracks sound.

        Args:
            window_s: seconds.
            count: at most this many; fewer come back where there is no room for so many.

        Returns:
            Seconds, ascending, each window within the song; ``[0.0]`` where the song is shorter than a window.

        Raises:
            ArgumentError: a number is out of range.
            AudioError: all tracks are silent, or one cannot be read to its end.
        """
        if not is_number(window_s) or not 0 < window_s < math.inf:
            raise ArgumentError(f"window_s is {window_s!r}: expected seconds above 0")
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
            raise ArgumentError(f"count is {count!r}: expected 1 or more windows")
        measured = self._measured()
        if all(one.lufs == -math.inf for one in measured.values()):
            raise AudioError(f"all tracks are silent ({', '.join(self.names)}): give at least one that sounds")
        sounds = [one.sounds for one in measured.values()]
        return choose_windows(sounds, self.duration_s, float(window_s), int(count))

    def _measured(self) -> dict[str, TrackLoudness]:
        if self._loudness is None:
            # The meters let other threads run; memory is that of a few blocks for each.
            with ThreadPoolExecutor(min(len(self), torch.get_num_threads())) as pool:
                sources = [one.source(self.sample_rate, BLOCK) for one in self.recordings.values()]
                self._loudness = dict(zip(self.sources, pool.map(measure_loudness, sources), strict=True))
        return self._loudness


Tracks = TrackSet | Mapping[str, AudioInput] | Sequence["str | os.PathLike[str]"] | str | os.PathLike[str]
"""The tracks of a song as a function takes them: a `TrackSet`, or what one is made of."""
