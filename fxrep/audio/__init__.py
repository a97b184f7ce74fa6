"""Audio at the border: what counts as an input, reading, writing, resampling, loudness and peaks.

An audio input is defined once, as `AudioInput`; `read_audio` turns any of them into the tensors the rest works on.
"""

from __future__ import annotations

from fxrep.audio.block_writing import save_blocks
from fxrep.audio.discovery import AUDIO_SUFFIXES, find_audio_files
from fxrep.audio.gating import SILENCE_LUFS, STEPS_PER_BLOCK, gated_loudness, power_to_lufs
from fxrep.audio.info import AudioInfo
from fxrep.audio.inputs import AudioInput, check_audio, read_audio
from fxrep.audio.k_weighted_energy import k_weighted_energy
from fxrep.audio.layout import match_channels
from fxrep.audio.loudness import integrated_loudness, normalize_loudness
from fxrep.audio.loudness_stream import LoudnessStream
from fxrep.audio.peaks import SILENCE_DB, sample_peak_db, true_peak_db
from fxrep.audio.reading import audio_info, iter_blocks, load_audio
from fxrep.audio.resampling import resample, resample_differentiable
from fxrep.audio.writing import save_audio

__all__ = [
    "AUDIO_SUFFIXES",
    "SILENCE_DB",
    "SILENCE_LUFS",
    "STEPS_PER_BLOCK",
    "AudioInfo",
    "AudioInput",
    "LoudnessStream",
    "audio_info",
    "check_audio",
    "find_audio_files",
    "gated_loudness",
    "integrated_loudness",
    "iter_blocks",
    "k_weighted_energy",
    "load_audio",
    "match_channels",
    "normalize_loudness",
    "power_to_lufs",
    "read_audio",
    "resample",
    "resample_differentiable",
    "sample_peak_db",
    "save_audio",
    "save_blocks",
    "true_peak_db",
]
