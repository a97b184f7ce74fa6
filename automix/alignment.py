"""Whether tracks lie in a mix to the sample, judged by what a sum of tracks leaves unexplained of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from fxrep.errors import AudioError
from fxrep.mixing.track_source import Recording
from fxrep.mixing.tracks import TrackSet

Array = NDArray[np.float64]

WINDOW_S, WINDOWS = 6.0, 6
LONGEST_S = 2.0
"""Offsets up to this are looked for."""

# In units of the spread of the correlation around the peak: of a million values of noise one reaches 5.
_CLEAR = 10.0
_AROUND_S = 0.02
# What stands at this share of the highest peak is as good an answer: a loop fits itself one bar later, too.
_AS_GOOD = 0.5
# A track has to explain so much more of the mix when it is moved, or the offset is of no consequence for its gain.
_BETTER = 1.05
# And at least this share of the mix.
_LEAST_SHARE = 1e-6
# Bins over which a spectrum is smoothed before it divides: single bins of a recording are near zero by chance. What is
# under the strongest bin by more than the floor is the noise of a codec.
_SMOOTHED_BINS, _FLOOR = 129, 1e-5


@dataclass(frozen=True)
class SampleOffset:
    """Where a track is found in a mix.

    Attributes:
        samples: how much later than in its file it sounds in the mix; negative: earlier.
        clarity: how far the peak stands out, in standard deviations of the correlation around it.
        at_zero: the correlation without any offset, as a share of the peak.
        better: how many times as much of the mix the track explains at the offset as at none.
        share: of the energy of the mix that it explains there.
    """

    samples: int
    clarity: float
    at_zero: float
    better: float
    share: float

    def is_apart(self, tolerance: int = 0) -> bool:
        """Whether the track clearly lies somewhere else than in its file, by more samples than the tolerance."""
        clear = self.clarity >= _CLEAR and self.at_zero < _AS_GOOD
        return abs(self.samples) > tolerance and clear and self.better >= _BETTER and self.share >= _LEAST_SHARE


def find_sample_offsets(tracks: TrackSet, mix: Recording, gains: Array) -> dict[str, SampleOffset]:
    """Look for every track in what the others leave of a mix, at the rate of the tracks.

    The others are taken out with their gains, so that a track which answers another one, an echo for example, is not
    found in its place. The cross-spectrum, divided by the smoothed power spectrum of the track, is the response that
    leads from the track to the rest (P. Roth, "Effective measurements using digital signal analysis", IEEE Spectrum
    1971), and has its peak where the track sounds. Both channels count, in up to six windows of six seconds.

    Args:
        tracks: dry.
        mix: of them.
        gains: (N, 2) factors of left and right with which their sum comes nearest to the mix.

    Returns:
        By name; a track that is silent in all windows is left out.

    Raises:
        AudioError: something cannot be read, or all tracks are silent.
    """
    rate = tracks.sample_rate
    window = max(2, round(min(WINDOW_S, tracks.duration_s) * rate))
    size = fft.next_fast_len(2 * window, real=True)
    starts = [round(start * rate) for start in tracks.windows(window / rate, WINDOWS)]
    mixes = [_excerpt(mix, start, window, rate) for start in starts]
    energy = sum(float(np.square(one).sum()) for one in mixes)
    for recording, gain in zip(tracks.recordings.values(), gains, strict=True):
        for start, rest in zip(starts, mixes, strict=True):
            rest -= gain[:, None] * _excerpt(recording, start, window, rate)
    rests = [fft.rfft(one, size) for one in mixes]
    found: dict[str, SampleOffset] = {}
    for (name, recording), gain in zip(tracks.recordings.items(), gains, strict=True):
        cross = np.zeros(size // 2 + 1, dtype=np.complex128)
        power = np.zeros(size // 2 + 1)
        for start, rest in zip(starts, rests, strict=True):
            own = fft.rfft(_excerpt(recording, start, window, rate), size)
            squares = np.square(np.abs(own))
            cross += (own.conj() * rest + gain[:, None] * squares).sum(0)
            power += squares.sum(0)
        if power.any():
            found[name] = _find_peak(cross, power, size, rate, energy)
    return found


def check_alignment(tracks: TrackSet, mix: Recording, gains: Array, tolerance_s: float = 0.0) -> None:
    """Refuse tracks that clearly lie elsewhere in time than in the mix. One that is not found in it is let pass.

    Args:
        tracks: dry.
        mix: of them.
        gains: as for `find_sample_offsets`.
        tolerance_s: offsets up to this are none: filters and compressors that look ahead move a track by less than two
            thousandths.

    Raises:
        AudioError: as for `find_sample_offsets`; or naming the tracks that are off, and by how much.
    """
    tolerance = math.floor(tolerance_s * tracks.sample_rate)
    found = find_sample_offsets(tracks, mix, gains)
    apart = {name: one.samples for name, one in found.items() if one.is_apart(tolerance)}
    if apart:
        listed = "; ".join(
            f"{name} is {abs(samples)} samples ({1000 * abs(samples) / tracks.sample_rate:.2f} ms) "
            f"{'later' if samples > 0 else 'earlier'} in the mix than in the file"
            for name, samples in apart.items()
        )
        raise AudioError(
            f"tracks are not aligned with the mix: {listed}. Shift them, or export all from one start; where effects "
            "of the mix delay them, check=false takes them as they are"
        )


def _excerpt(recording: Recording, start: int, samples: int, rate: int) -> Array:
    audio = recording.excerpt(start, samples, rate).double().numpy()
    return np.pad(audio, ((0, 0), (0, samples - audio.shape[1])))


def roth_response(cross: NDArray[np.complex128], power: Array, size: int, smoothed_bins: int, floor: float) -> Array:
    """Return the response that leads from one sound to another, (size,).

    P. Roth, "Effective measurements using digital signal analysis", IEEE Spectrum 1971.

    Args:
        cross: (K,) cross-spectrum of the two, the first conjugated.
        power: (K,) power spectrum of the first.
        size: samples that the spectra are of.
        smoothed_bins: over which the power spectrum is smoothed before it divides.
        floor: added to it, as a share of its strongest bin.
    """
    smooth = ndimage.uniform_filter1d(power, smoothed_bins, mode="nearest")
    return np.asarray(fft.irfft(cross / (smooth + floor * float(smooth.max())), size))


def _find_peak(cross: NDArray[np.complex128], power: Array, size: int, rate: int, energy: float) -> SampleOffset:
    response = np.abs(roth_response(cross, power, size, _SMOOTHED_BINS, _FLOOR))
    reach = min(round(LONGEST_S * rate), size // 2 - 1)
    # Lags from -reach to reach; what wraps around stands at the end.
    lags = np.concatenate([response[size - reach :], response[: reach + 1]])
    place = int(np.argmax(lags))
    peak, samples = float(lags[place]), place - reach
    if peak == 0.0:
        return SampleOffset(0, 0.0, 1.0, 1.0, 0.0)
    # From the neighbourhood, since tracks of one beat are loud together: chance is larger there than elsewhere. The
    # median of a square of noise is 0.455 of its mean.
    near = round(_AROUND_S * rate)
    spread = math.sqrt(float(np.median(np.square(lags[max(0, place - near) : place + near + 1]))) / 0.455)
    plain = fft.irfft(cross, size)
    there, here = float(plain[samples]) ** 2, float(plain[0]) ** 2
    own = float(fft.irfft(power, size)[0])
    return SampleOffset(
        samples,
        peak / spread if spread else math.inf,
        float(lags[reach]) / peak,
        there / here if here else math.inf,
        there / own / energy if energy else 0.0,
    )
