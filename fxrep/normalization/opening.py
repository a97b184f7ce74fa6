"""An audio input as a source of blocks: in memory while that is small, from the file otherwise."""

from __future__ import annotations

import os

import numpy as np

from fxrep.audio import AudioInput, audio_info, load_audio, read_audio
from fxrep.errors import ArgumentError, AudioError
from fxrep.normalization.sources import SAMPLES_IN_MEMORY, FileSource, Source
from fxrep.normalization.step import track_source

LONGEST_S = 6 * 3600.0


def open_source(audio: AudioInput, sample_rate: int | None) -> Source:
    """One track in stereo at its own rate.

    Args:
        audio: a path, or an array (C, T) or (T,) with one or two channels.
        sample_rate: Hz, required for an array; a file carries its own.

    Raises:
        ArgumentError: an array without a sample rate.
        AudioError: the audio cannot be used, or is longer than six hours.
    """
    if isinstance(audio, (str, os.PathLike)):
        info = audio_info(audio)
        _check_length(info.duration_s, str(audio))
        return FileSource(audio) if info.frames > SAMPLES_IN_MEMORY else track_source(*load_audio(audio))
    if sample_rate is None:
        raise ArgumentError("an array says nothing about its sample rate: pass sample_rate, for example 44100")
    if isinstance(audio, np.ndarray):
        audio = np.require(audio, requirements="W")
    waveform = read_audio(audio, sample_rate, target_rate=sample_rate)
    _check_length(waveform.shape[-1] / sample_rate, "audio")
    return track_source(waveform.contiguous(), sample_rate)


def _check_length(duration_s: float, name: str) -> None:
    if duration_s > LONGEST_S:
        raise AudioError(
            f"{name} lasts {duration_s / 3600:.1f} h, at most {LONGEST_S / 3600:.0f} h are normalised: split it"
        )
