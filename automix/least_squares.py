"""Gains of tracks towards a finished mix by least squares: what each channel of each track counts in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automix.alignment import check_alignment
from automix.methods import Explained
from fxrep.audio import AudioInput, match_channels
from fxrep.effects.console import default_console
from fxrep.effects.level import FADER_BOTTOM_DB
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing.session import TRACK_LUFS
from fxrep.mixing.track_source import Recording, open_recording
from fxrep.mixing.tracks import HIGHEST_GAIN_DB, LOWEST_GAIN_DB, TrackSet

Array = NDArray[np.float64]

BLOCK = 1 << 16

# Tracks whose errors are this much larger than they would be alone cannot be told from others (-20 dB of noise in the
# mix then moves such a gain by more than 1 dB).
ENTANGLED = 100.0
# Directions of the tracks' space with less of the energy than this are rounding errors of float32 audio.
_LEAST_SHARE = 1e-12


@dataclass(frozen=True)
class GainFit:
    """The gains that make the tracks most like a mix, in the sense of least squares, on each side.

    Attributes:
        names: of the tracks.
        gains: (N, 2) factors of left and right; negative: the polarity is inverted.
        known: (N,) which tracks sound; the others have no gain and stand at 1.
        condition: of both sides, the ratio of the largest to the smallest singular value of the tracks, each brought to
            one energy: what a relative error of the mix may grow by. Infinity: a track is a sum of others.
        inflation: (N,) how much larger the variance of the gain is than with the track alone, 1 or more; the larger of
            both sides.
        residual_db: energy of what the tracks leave unexplained, in dB of the energy of the mix.
    """

    names: list[str]
    gains: Array
    known: NDArray[np.bool_]
    condition: tuple[float, float]
    inflation: Array
    residual_db: float

    def level_db(self) -> Array:
        """Gains in dB (N,): 10 log10 of the mean of both squares, what a panner of constant power has in the middle."""
        with np.errstate(divide="ignore"):
            found: Array = 10.0 * np.log10(np.square(self.gains).mean(1))
        return found

    def pan(self) -> Array:
        """Positions (N,), -1 left to 1 right, of the panner of constant power with these gains; 0 without gain."""
        magnitude = np.abs(self.gains)
        angle = np.arctan2(magnitude[:, 1], magnitude[:, 0]) * 4.0 / math.pi - 1.0
        found: Array = np.where(magnitude.any(1), angle, 0.0)
        return found


def estimate_gains(
    tracks: TrackSet, target: AudioInput, non_negative: bool = True, check: bool = True, tolerance_s: float = 0.0
) -> GainFit:
    """Find the gain of each channel of each track that brings their sum nearest to a mix.

    Each side of the mix is explained by the same side of the tracks, a mono track being on both, over the whole song:
    (A^T A) g = A^T b, added up in blocks in float64. Exact where the mix is made of gains and positions alone; effects
    are left in the residual.

    Args:
        tracks: dry, aligned with the mix.
        target: the mix: a path, or an array at the rate of the tracks.
        non_negative: whether no gain may be below 0 (Lawson and Hanson's method); False: any sign.
        check: whether tracks that are not aligned are refused.
        tolerance_s: by which they may be off.

    Raises:
        ArgumentError: the target is no audio input.
        AudioError: the target cannot be used, is silent, or does not sound while the tracks do; all tracks are silent;
            or tracks are not aligned with the target, with their names and offsets.
    """
    mix = open_recording("target", target, tracks.sample_rate)
    gram, moment, energy = _add_up(tracks, mix)
    if not energy.any():
        raise AudioError("target is silent: give the finished mix of these tracks")
    if not gram.any():
        raise AudioError(f"all tracks are silent ({', '.join(tracks.names)}): give at least one that sounds")
    sides = [_solve(gram[side], moment[side], non_negative) for side in (0, 1)]
    gains = np.stack([one.gains for one in sides], axis=1)
    if check:
        check_alignment(tracks, mix, gains, tolerance_s)
    left = sum(float(energy[s] - 2 * gains[:, s] @ moment[s] + gains[:, s] @ gram[s] @ gains[:, s]) for s in (0, 1))
    sounds = np.diagonal(gram, axis1=1, axis2=2).T > 0.0
    # Where one side of a track is silent, any gain would do there: that of the other side leaves it in the middle.
    gains = np.where(sounds, gains, np.where(sounds.any(1, keepdims=True), gains[:, ::-1], 1.0))
    return GainFit(
        tracks.names,
        gains,
        np.asarray(sounds.any(1)),
        (sides[0].condition, sides[1].condition),
        np.maximum(sides[0].inflation, sides[1].inflation),
        10.0 * math.log10(max(left / float(energy.sum()), 1e-16)),
    )


@dataclass(frozen=True)
class _Side:
    gains: Array
    condition: float
    inflation: Array


def _add_up(tracks: TrackSet, mix: Recording) -> tuple[Array, Array, Array]:
    """A^T A (2, N, N), A^T b (2, N) and b^T b (2,) of both sides."""
    count = len(tracks)
    gram, moment, energy = np.zeros((2, count, count)), np.zeros((2, count)), np.zeros(2)
    readers = [_blocks(one, tracks.sample_rate) for one in tracks.recordings.values()]
    wanted = _blocks(mix, tracks.sample_rate)
    nothing = np.zeros((2, 0))
    while True:
        target = next(wanted, nothing)
        parts = [next(reader, nothing) for reader in readers]
        length = max(target.shape[1], *(part.shape[1] for part in parts))
        if not length:
            return gram, moment, energy
        block = np.zeros((2, count + 1, length))
        for number, part in enumerate((*parts, target)):
            block[:, number, : part.shape[1]] = part
        products = block @ block.transpose(0, 2, 1)
        gram += products[:, :count, :count]
        moment += products[:, :count, count]
        energy += products[:, count, count]


def _blocks(recording: Recording, rate: int) -> Iterator[Array]:
    reader = recording.reader(rate, BLOCK)
    while (block := reader.read()).shape[-1]:
        yield match_channels(block, 2).double().numpy()


def _solve(gram: Array, moment: Array, non_negative: bool) -> _Side:
    """Solve one side, with every track brought to unit energy; those without any have gain 0."""
    from scipy.optimize import nnls

    scale = np.sqrt(np.diagonal(gram))
    used = np.flatnonzero(scale > 0.0)
    gains, inflation = np.zeros(len(gram)), np.ones(len(gram))
    if not used.size:
        return _Side(gains, 1.0, inflation)
    values, vectors = np.linalg.eigh(gram[np.ix_(used, used)] / np.outer(scale[used], scale[used]))
    kept = values > _LEAST_SHARE * len(used)
    root = np.sqrt(values[kept])
    # |A g - b| = |R g - Q^T b| + a constant, with R^T R the normal equations, in which no direction is left unkept.
    triangle, wanted = root[:, None] * vectors[:, kept].T, vectors[:, kept].T @ (moment[used] / scale[used]) / root
    solved = nnls(triangle, wanted)[0] if non_negative else np.linalg.pinv(triangle) @ wanted
    gains[used] = solved / scale[used]
    whole = bool(kept.all())
    inflation[used] = (np.square(vectors) / values).sum(1) if whole else np.inf
    if not whole:
        # Only the tracks that take part in what was left out cannot be told apart.
        apart = np.square(vectors[:, ~kept]).sum(1) < 1e-9
        inflation[used[apart]] = (np.square(vectors[:, kept]) / values[kept]).sum(1)[apart]
    return _Side(gains, math.sqrt(float(values[-1] / values[0])) if whole else math.inf, inflation)


class LeastSquares:
    """Sets input gains and panners such that the sum of the tracks is nearest to a finished mix.

    Args:
        target: the mix: a path, or an array at the rate of the tracks.
        non_negative: as for `estimate_gains`. A console has no polarity: what comes out negative is switched off, and
            the decisions say so.
        check: whether tracks that are not aligned with the target are refused.

    Attributes:
        console: the project's own.
        track_lufs: LUFS of the tracks in the mix that this one is compared with; here they get gains of their own.
        fit: the gains of the song that was asked for last.
    """

    def __init__(self, target: AudioInput, non_negative: bool = True, check: bool = True) -> None:
        for name, value in (("non_negative", non_negative), ("check", check)):
            if not isinstance(value, bool):
                raise ArgumentError(f"{name} is {value!r}: expected true or false")
        self.target, self.non_negative, self.check = target, non_negative, check
        self.console = default_console()
        self.track_lufs = TRACK_LUFS
        self.fit: GainFit | None = None

    def estimate(self, tracks: TrackSet, start_s: Sequence[float], seed: int = 0) -> Explained:
        """Return settings with the gains in front of them. The whole song is listened to, and nothing is drawn.

        Raises:
            ArgumentError: as for `estimate_gains`.
            AudioError: as for `estimate_gains`.
        """
        fit = self.fit = estimate_gains(tracks, self.target, self.non_negative, self.check)
        heard = GainFit(fit.names, np.maximum(fit.gains, 0.0), fit.known, fit.condition, fit.inflation, fit.residual_db)
        settings = self.console.default_settings(tracks.names)
        gains: dict[str, float] = {}
        for name, level, pan in zip(tracks.names, heard.level_db().tolist(), heard.pan().tolist(), strict=True):
            gains[name] = min(max(level, LOWEST_GAIN_DB), HIGHEST_GAIN_DB)
            settings.tracks[name]["panner"]["pan"] = pan
            if level < LOWEST_GAIN_DB:
                gains[name], settings.tracks[name]["fader"]["gain_db"] = 0.0, FADER_BOTTOM_DB
        return Explained(settings, _explain(fit, heard), gains)


def _explain(fit: GainFit, heard: GainFit) -> list[str]:
    share = 100.0 * (1.0 - 10.0 ** (fit.residual_db / 10.0))
    left, right = fit.condition
    said = [
        f"The gains explain {share:.2f} % of the energy of the target; what is left is at {fit.residual_db:.1f} dB.",
        f"Condition of the tracks: {left:.3g} left, {right:.3g} right.",
    ]
    for number, (name, level, pan) in enumerate(zip(fit.names, heard.level_db(), heard.pan(), strict=True)):
        if not fit.known[number]:
            said.append(f"{name} is silent: its gain cannot be known.")
        elif level < LOWEST_GAIN_DB:
            said.append(f"{name} is not in the target: its fader is down.")
        else:
            said.append(f"{name}: {level:+.2f} dB, pan {round(pan, 3) + 0.0:+.3f}.")
        if (fit.gains[number] < 0.0).any():
            said.append(f"{name} is upside down in the target ({fit.gains[number].min():.3f}): that side is off here.")
        if level > HIGHEST_GAIN_DB:
            said.append(f"{name} would need {level:.1f} dB; {HIGHEST_GAIN_DB:g} dB is the most.")
        if fit.inflation[number] > ENTANGLED:
            said.append(
                f"{name} is hard to tell from other tracks: the variance of its gain is {fit.inflation[number]:.3g} "
                "times that of a track by itself."
            )
    return said
