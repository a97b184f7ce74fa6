"""Whether dry tracks lie in time with a finished mix, found by cross-correlation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from fxrep.audio import AudioInput
from fxrep.errors import AudioError
from fxrep.mixing.tracks import TrackSet

RATE = 11025
"""Hz at which tracks and mix are compared; the peak is found between its samples."""

LONGEST_S = 2.0
"""Offsets up to this are looked for."""

HEARD_S = 40.0
"""Seconds of the song that are compared, from its middle."""

TOLERANCE_S = 0.002
"""What a peak may lie off: filters and compressors that look ahead shift it by less."""

CERTAIN = 12.0
"""Standard deviations of the correlation that a peak has to stand out by."""

CLEARLY = 1.5
"""How much higher a peak has to be than what lies within the tolerance of no offset: loops have many peaks."""


@dataclass(frozen=True)
class Offset:
    """Where a track lies in a mix.

    Attributes:
        offset_s: how much later, in seconds, it is in the mix than in its own file.
        strength: height of the peak in standard deviations of the correlation; see `CERTAIN`.
        certain: whether the track was found in the mix, and not where its file has it.
    """

    offset_s: float
    strength: float
    certain: bool


def find_offsets(tracks: TrackSet, mix: AudioInput, tolerance_s: float = TOLERANCE_S) -> dict[str, Offset]:
    """Compare every track that sounds with the mix.

    The correlation is that of the phases alone (PHAT; C. Knapp and G. Carter, "The generalized correlation method for
    estimation of time delay", IEEE TASSP 1976), so that neither loud tracks nor equalisers hide a quiet one, and of
    either polarity.

    Args:
        tracks: dry.
        mix: a path, or an array at the rate of the tracks.
        tolerance_s: offsets up to this are none.

    Returns:
        By name. Tracks that are silent there are left out.

    Raises:
        AudioError: the mix or a track cannot be read.
    """
    song = open_mix(mix, tracks.sample_rate)
    length = min(tracks.duration_s, song.duration_s)
    heard_s = min(HEARD_S, length)
    start_s = (length - heard_s) / 2.0
    reference = song.read(start_s, heard_s, RATE)[0, 0].mean(0)
    found = {}
    for name, recording in tracks.recordings.items():
        begin, samples = round(start_s * RATE), reference.shape[-1]
        audio = recording.excerpt(begin, samples, RATE).mean(0)
        if audio.numel() and bool(audio.any()) and bool(reference.any()):
            found[name] = _offset(audio, reference, tolerance_s)
    return found


def check_alignment(tracks: TrackSet, mix: AudioInput, tolerance_s: float = TOLERANCE_S) -> None:
    """Refuse tracks that are not in time with the mix. What cannot be found in the mix at all passes.

    Args:
        tracks: dry.
        mix: a path, or an array at the rate of the tracks.
        tolerance_s: offsets up to this are none.

    Raises:
        AudioError: naming the tracks that are off, and by how much.
    """
    wrong = {name: one.offset_s for name, one in find_offsets(tracks, mix, tolerance_s).items() if one.certain}
    if wrong:
        raise AudioError(_complaint(wrong, len(tracks)))


def open_mix(mix: AudioInput, sample_rate: int) -> TrackSet:
    """Return a finished mix as a set of one track, ``mix``.

    Args:
        mix: a path, or an array at the sample rate.
        sample_rate: Hz.
    """
    return TrackSet({"mix": mix}, sample_rate)


def _offset(track: torch.Tensor, mix: torch.Tensor, tolerance_s: float) -> Offset:
    """Correlate (T,) with (T,)."""
    reach = min(round(LONGEST_S * RATE), track.shape[-1] - 1)
    size = 1 << (track.shape[-1] + reach).bit_length()
    cross = torch.fft.rfft(track.double(), size).conj() * torch.fft.rfft(mix.double(), size)
    magnitude = cross.abs()
    # A bin in which one of the two is next to silent has no phase to speak of.
    phases = torch.where(magnitude > 1e-9 * magnitude.max(), cross / magnitude.clamp_min(1e-300), 0.0)
    around = torch.fft.irfft(phases, size).roll(reach)[: 2 * reach + 1].abs()
    spread = float(around.square().mean().sqrt())
    best = int(around.argmax())
    near = round(tolerance_s * RATE)
    at_once = float(around[max(0, reach - near) : reach + near + 1].max())
    strength = float(around[best]) / max(spread, 1e-300)
    lag = best - reach + _between(around, best)
    apart = abs(best - reach) > near
    return Offset(lag / RATE, strength, apart and strength >= CERTAIN and float(around[best]) >= CLEARLY * at_once)


def _between(values: torch.Tensor, best: int) -> float:
    """Return how far from a sample the top of the parabola through it and its neighbours lies, -0.5 to 0.5."""
    if not 0 < best < len(values) - 1:
        return 0.0
    left, middle, right = (float(one) for one in values[best - 1 : best + 2])
    bend = left - 2.0 * middle + right
    return 0.5 * (left - right) / bend if bend < 0.0 else 0.0


def _complaint(wrong: Mapping[str, float], count: int) -> str:
    shared = max(wrong.values()) - min(wrong.values()) <= 2.0 * TOLERANCE_S
    if shared and len(wrong) > 1:
        middle = sorted(wrong.values())[len(wrong) // 2]
        who = "all tracks" if len(wrong) == count else f"{len(wrong)} tracks ({', '.join(wrong)})"
        return f"{who} are not aligned with the mix: {_words(middle)}"
    listed = "; ".join(f"{name}: {_words(offset)}" for name, offset in wrong.items())
    return f"tracks are not aligned with the mix. {listed}"


def _words(offset_s: float) -> str:
    where, remedy = (
        ("later", "put {} of silence before it") if offset_s > 0 else ("earlier", "cut {} off its beginning")
    )
    time = f"{1000.0 * math.fabs(offset_s):.1f} ms"
    return f"in the mix {time} {where} than in the file: {remedy.format(time)}"
