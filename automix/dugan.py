"""Dugan's automatic microphone mixers: gains that follow the levels of the tracks from moment to moment."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from fxrep.audio import match_channels
from fxrep.audio.writing import writing_error
from fxrep.effects.kernels import compile_kernel
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError
from fxrep.files import output_error
from fxrep.mixing.session import TRACK_LUFS
from fxrep.mixing.track_names import file_stems
from fxrep.mixing.tracks import TrackSet

Array = NDArray[np.float64]

MODES = ("speech", "music")
BLOCK = 1 << 16

# What a track without sound counts as: in a pause all share the gain, as they do in the noise of a hall.
_FLOOR = 1e-9
# A track is said to play where its level is within this of the highest that it reaches.
_PLAYING_DB = 30.0


class DuganGainSharing:
    """Mixes by the levels of the tracks alone, after D. Dugan ("Automatic microphone mixing", JAES 23, 1975).

    ``speech``, gain sharing: each track is turned down by as many decibels as the sum of all tracks is above it. With
    P_i the short-time powers the gains are sqrt(P_i / sum P), whose squares add up to 1 at every moment: the total gain
    is that of one open microphone. One track alone has 0 dB, two alike have -3 dB each, eight -9 dB.

    ``music``: each track by itself is expanded 2 : 1 below a threshold that follows the sound, down to a depth: as many
    decibels off as it lies under the threshold. That is the level of a sensing track, which is not heard in the mix, or
    where none is named the mean power of all tracks; in dB relative to either with `threshold_db`. If `open_limit` is
    given and the squares of the gains add up to more, all gains come down together until they do not (the limiting by
    the number of open microphones). Both as the user guide of his Models M and N describes them; "last hold", which
    keeps the last microphone open against a change of ambience, is left out.

    Levels are powers of both channels together, so that stereo stays where it is, smoothed by two poles in series, the
    second faster up than down. They run from sample to sample: how the song is cut into blocks has no influence. The
    time constants are ours; Dugan gives none.

    Args:
        mode: ``speech`` or ``music``.
        weights_db: by track, -40 to 40 dB: how much louder than it is a track counts (the weight control, for a
            chairperson or a noisy place); in ``music`` it lowers the track's threshold.
        threshold: in ``music``, the track whose level is the threshold.
        threshold_db: in ``music``, what is added to the threshold, -40 to 40 dB.
        depth_db: in ``music``, the most that is taken off a track, 0 to 60 dB.
        open_limit: in ``music``, how many tracks may be open at full gain; None: any number.
        average_ms: time constant of the first pole, 1 to 1000 ms.
        attack_ms: of the second while the level rises, 0.1 to 1000 ms.
        release_ms: of the second while it falls, 1 to 5000 ms.
        track_lufs: what each track is brought to first, as an engineer trims microphones; None: as they are.

    Attributes:
        decisions: in words, what was done to the song that was rendered last.

    Raises:
        ArgumentError: a value is out of range.
    """

    def __init__(
        self,
        mode: str = "speech",
        weights_db: Mapping[str, float] | None = None,
        threshold: str | None = None,
        threshold_db: float = 0.0,
        depth_db: float = 15.0,
        open_limit: int | None = None,
        average_ms: float = 20.0,
        attack_ms: float = 5.0,
        release_ms: float = 200.0,
        track_lufs: float | None = TRACK_LUFS,
    ) -> None:
        if mode not in MODES:
            raise ArgumentError(f"mode is {mode!r}: choose from {', '.join(MODES)}")
        if mode == "speech" and (threshold is not None or open_limit is not None):
            raise ArgumentError("threshold and open_limit are for mode music: leave them out, or set mode to music")
        _check("threshold_db", threshold_db, -40.0, 40.0)
        _check("depth_db", depth_db, 0.0, 60.0)
        for name, value, low, high in (
            ("average_ms", average_ms, 1.0, 1000.0),
            ("attack_ms", attack_ms, 0.1, 1000.0),
            ("release_ms", release_ms, 1.0, 5000.0),
        ):
            _check(name, value, low, high)
        if open_limit is not None and (
            isinstance(open_limit, bool) or not isinstance(open_limit, int) or open_limit < 1
        ):
            raise ArgumentError(f"open_limit is {open_limit!r}: expected 1 or more tracks, or none")
        for name, weight in dict(weights_db or {}).items():
            _check(f"weight of {name}", weight, -40.0, 40.0)
        self.mode, self.threshold, self.open_limit = mode, threshold, open_limit
        self.weights_db = {name: float(weight) for name, weight in (weights_db or {}).items()}
        self.threshold_db, self.depth_db = float(threshold_db), float(depth_db)
        self.times_s = np.array([average_ms, attack_ms, release_ms]) / 1000.0
        self.track_lufs = track_lufs
        self.decisions: list[str] = []

    def render_stems(self, tracks: TrackSet, folder: Path) -> dict[str, Path]:
        """Write every track with its moving gain, as 32-bit float WAV, in one pass and constant memory.

        Args:
            tracks: of the song.
            folder: to write to.

        Returns:
            The file of each track but the sensing one, at the rate of the tracks and as long as the longest.

        Raises:
            ArgumentError: a weight or the threshold names no track.
            AudioError: a track cannot be read.
            OutputError: the folder cannot be written.
        """
        self._check_names(tracks)
        trims = dict.fromkeys(tracks.names, 0.0) if self.track_lufs is None else tracks.input_gain_db(self.track_lufs)
        stems = file_stems(tracks.names)
        paths = {name: folder / f"{stems[name]}.wav" for name in tracks.names if name != self.threshold}
        heard = [number for number, name in enumerate(tracks.names) if name in paths]
        summary = _Summary(len(tracks))
        with ExitStack() as stack:
            files = [stack.enter_context(_open(path, tracks.sample_rate)) for path in paths.values()]
            for block, gains, levels in self.blocks(tracks, trims):
                for number, (path, file) in zip(heard, zip(paths.values(), files, strict=True), strict=True):
                    _write(path, file, block[number] * gains[number])
                summary.add(gains, levels)
        self.decisions = self._explain(tracks, trims, summary)
        return paths

    def blocks(
        self, tracks: TrackSet, trims: Mapping[str, float], block: int = BLOCK
    ) -> Iterator[tuple[Array, Array, Array]]:
        """Yield the song in blocks, whose length has no influence on what is in them.

        Args:
            tracks: of the song.
            trims: dB by track, before everything.
            block: samples.

        Yields:
            The trimmed tracks (N, 2, n), their gains (N, n) and their levels as powers (N, n).
        """
        rate = tracks.sample_rate
        factors = np.array([10.0 ** (trims[name] / 20.0) for name in tracks.names])
        weights = np.array([[10.0 ** (self.weights_db.get(name, 0.0) / 10.0)] for name in tracks.names])
        sensing = None if self.threshold is None else tracks.names.index(self.threshold)
        keep, states = np.exp(-1.0 / (rate * self.times_s)), np.zeros((len(tracks), 2))
        readers = [one.reader(rate, block) for one in tracks.recordings.values()]
        left = tracks.samples
        while left > 0:
            audio = np.zeros((len(tracks), 2, min(block, left)))
            for number, reader in enumerate(readers):
                part = match_channels(reader.read(), 2)[:, : audio.shape[-1]]
                audio[number, :, : part.shape[-1]] = factors[number] * part.double().numpy()
            left -= audio.shape[-1]
            levels = np.empty((len(tracks), audio.shape[-1]))
            follow_levels(np.square(audio).mean(1), keep, states, levels)
            # Nothing is ever divided by zero, and in silence all are alike.
            heard = levels + _FLOOR
            gains = share_gain(heard * weights) if self.mode == "speech" else self._expand(heard, weights, sensing)
            yield audio, gains, levels

    def _expand(self, levels: Array, weights: Array, sensing: int | None) -> Array:
        """Gains (N, n) of the music system for powers (N, n)."""
        threshold = levels.mean(0) if sensing is None else levels[sensing]
        threshold = threshold * 10.0 ** (self.threshold_db / 10.0)
        gains: Array = np.sqrt(np.clip(levels * weights / threshold, 10.0 ** (-self.depth_db / 10.0), 1.0))
        if self.open_limit is not None:
            # The sensing track is no open microphone.
            open_now = np.square(gains).sum(0) - (0.0 if sensing is None else np.square(gains[sensing]))
            gains *= np.sqrt(np.minimum(1.0, self.open_limit / np.maximum(open_now, 1e-30)))
        return gains

    def _check_names(self, tracks: TrackSet) -> None:
        named = [*self.weights_db, *([] if self.threshold is None else [self.threshold])]
        if unknown := [name for name in named if name not in tracks.names]:
            raise ArgumentError(f"there is no track {unknown[0]!r}: choose from {', '.join(tracks.names)}")
        if self.threshold is not None and len(tracks) == 1:
            raise ArgumentError(f"{self.threshold} is the only track: the threshold needs another one to be heard")

    def _explain(self, tracks: TrackSet, trims: Mapping[str, float], summary: _Summary) -> list[str]:
        said = {
            "speech": "Each track is turned down by what the sum of all is above it; the squares of the gains add up "
            "to 1 at every moment.",
            "music": f"Each track is expanded 2 : 1 under a threshold that follows "
            f"{self.threshold or 'the mean power of the tracks'}, by {self.depth_db:g} dB at most.",
        }[self.mode]
        lines = [said]
        for name, mean, lowest in zip(tracks.names, *summary.gains_db(), strict=True):
            if name == self.threshold:
                lines.append(f"{name} only sets the threshold and is not heard.")
            elif math.isnan(mean):
                lines.append(f"{name} is silent.")
            else:
                lines.append(
                    f"{name}: trimmed by {trims[name]:+.1f} dB; where it plays, its gain is {mean:.1f} dB on average, "
                    f"down to {lowest:.1f} dB."
                )
        return lines


@compile_kernel
def follow_levels(power: Any, keep: Any, states: Any, levels: Any) -> None:
    """Write the smoothed levels of powers (N, n), both float64.

    Args:
        power: squares of the samples.
        keep: what the average, the attack and the release keep of their value from sample to sample.
        states: (N, 2) both poles before the first sample, replaced by those of the last.
        levels: (N, n), is written.
    """
    for row in range(power.shape[0]):
        average, level = states[row, 0], states[row, 1]
        for i in range(power.shape[1]):
            average = power[row, i] + keep[0] * (average - power[row, i])
            part = keep[1] if average > level else keep[2]
            level = average + part * (level - average)
            if level < 1e-30:
                level = 0.0
            levels[row, i] = level
        states[row, 0], states[row, 1] = average if average > 1e-30 else 0.0, level


def share_gain(levels: Array) -> Array:
    """Return the gains of the speech system, (N, n), of powers (N, n) above 0: sqrt(P_i / sum P)."""
    found: Array = np.sqrt(levels / levels.sum(0))
    return found


class _Summary:
    """Gains of tracks where they play, over a song."""

    def __init__(self, count: int) -> None:
        self.highest = np.zeros(count)
        self.energy, self.passed, self.lowest = np.zeros(count), np.zeros(count), np.ones(count)

    def add(self, gains: Array, levels: Array) -> None:
        """Count a block: gains and powers (N, n)."""
        self.highest = np.maximum(self.highest, levels.max(1))
        self.energy += levels.sum(1)
        self.passed += (levels * np.square(gains)).sum(1)
        playing = levels > self.highest[:, None] * 10.0 ** (-_PLAYING_DB / 10.0)
        self.lowest = np.minimum(self.lowest, np.where(playing, gains, 1.0).min(1))

    def gains_db(self) -> tuple[list[float], list[float]]:
        """Mean (of the energy) and lowest gain of each track; NaN for silence."""
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = 10.0 * np.log10(self.passed / self.energy)
        return mean.tolist(), (20.0 * np.log10(np.maximum(self.lowest, 1e-6))).tolist()


def _check(name: str, value: float, low: float, high: float) -> None:
    if not is_number(value) or not low <= value <= high:
        raise ArgumentError(f"{name} is {value!r}: expected {low:g} to {high:g}")


def _open(path: Path, rate: int) -> soundfile.SoundFile:
    try:
        path.touch()  # Python's error names the reason, libsndfile's does not.
        return soundfile.SoundFile(str(path), "w", samplerate=rate, channels=2, format="WAV", subtype="FLOAT")
    except OSError as error:
        raise output_error(path, error) from error
    except soundfile.SoundFileError as error:
        raise writing_error(path, error) from error


def _write(path: Path, file: soundfile.SoundFile, audio: Array) -> None:
    try:
        file.write(audio.T.astype(np.float32))
    except soundfile.SoundFileError as error:
        raise writing_error(path, error) from error
