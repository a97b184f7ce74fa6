"""Writing audio files, whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from fxrep.audio.inputs import check_audio
from fxrep.audio.paths import audio_path
from fxrep.audio.resampling import check_rate
from fxrep.errors import ArgumentError, AudioError, OutputError
from fxrep.files import atomic_file

_FORMATS = {
    ".wav": ("WAV", "PCM_24"),
    ".wave": ("WAV", "PCM_24"),
    ".aif": ("AIFF", "PCM_24"),
    ".aiff": ("AIFF", "PCM_24"),
    ".flac": ("FLAC", "PCM_24"),
    ".ogg": ("OGG", "VORBIS"),
    ".oga": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
_RATES_HZ = {
    "OPUS": (8000, 12000, 16000, 24000, 48000),
    "MPEG_LAYER_III": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
}
_HIGHEST_VORBIS_HZ = 200000
# FLAC notes rates from 65536 Hz on in tens of Hz, in 16 bits.
_HIGHEST_FLAC_HZ = 655350
# libsndfile's Vorbis encoder keeps a whole write on the stack: minutes in one call would overflow it.
_BLOCK_FRAMES = 1 << 16
# A write that found no space leaves less than it asked for; libsndfile writes in pieces smaller than this.
_FULL_BYTES = 1 << 20


def save_audio(
    path: str | os.PathLike[str], audio: Tensor | np.ndarray, sample_rate: int, *, subtype: str | None = None
) -> None:
    """Write `(channels, samples)` to a file whose suffix chooses the format.

    The file appears complete or not at all; missing folders are made. Integer samples end at full scale, and audio
    beyond it is never clipped in silence: a WAV or AIFF without a named subtype then becomes 32-bit float, which
    keeps every value; all else raises.

    Args:
        path: .wav, .aiff, .flac (24 bit unless `subtype` says otherwise), .ogg (Vorbis), .opus or .mp3.
        audio: `(channels, samples)` or `(samples,)`, floating point, full scale at 1.0.
        sample_rate: Hz.
        subtype: soundfile's name of the sample format, for example ``"PCM_16"`` or ``"FLOAT"``.

    Raises:
        ArgumentError: unknown suffix, or a subtype or rate that the format does not hold.
        AudioError: the audio cannot be used, or would be clipped.
        OutputError: the file cannot be written: read-only folder, full disk.
    """
    target = audio_path(path)
    container, chosen = choose_format(target, sample_rate, subtype)
    if not isinstance(audio, (Tensor, np.ndarray)):
        raise AudioError(f"audio for {target.name} is a {type(audio).__name__}: give a tensor or an array")
    waveform = torch.as_tensor(audio).detach().cpu()
    waveform = waveform[None] if waveform.ndim == 1 else waveform
    if waveform.ndim != 2:
        raise AudioError(f"audio has shape {tuple(waveform.shape)}: write one (channels, samples) to a file")
    check_audio(waveform, name=f"audio for {target.name}")
    if chosen not in ("FLOAT", "DOUBLE") and (peak := float(waveform.abs().max())) > 1:
        if subtype is not None or container not in ("WAV", "AIFF"):
            raise AudioError(
                f"audio for {target.name} peaks at {20 * np.log10(peak):+.2f} dBFS and would be clipped: lower it by "
                "that much, or write a .wav without a subtype, which keeps it as float"
            )
        chosen = "FLOAT"
    with atomic_file(target) as temporary:
        try:
            _write(temporary, waveform, int(sample_rate), container, chosen)
        except soundfile.SoundFileError as error:
            raise writing_error(target, error) from error


def choose_format(target: Path, sample_rate: int, subtype: str | None) -> tuple[str, str]:
    """Return libsndfile's names of the container and of the sample format that a file is written in.

    Args:
        target: the file; its suffix chooses the container.
        sample_rate: Hz.
        subtype: the sample format. None: the one that a container has without being told, 24 bit where it can.

    Raises:
        ArgumentError: unknown suffix, or a subtype or rate that the format does not hold.
    """
    check_rate(sample_rate)
    if target.suffix.lower() not in _FORMATS:
        raise ArgumentError(f"cannot write {target}: choose a name that ends in {', '.join(_FORMATS)}")
    container, default_subtype = _FORMATS[target.suffix.lower()]
    chosen = default_subtype if subtype is None else subtype.upper()
    if not soundfile.check_format(container, chosen):
        choices = ", ".join(soundfile.available_subtypes(container))
        raise ArgumentError(f"{container} has no subtype {subtype!r}: choose one of {choices}")
    if choices := _rates_instead(container, chosen, int(sample_rate)):
        name = container if container == "FLAC" else chosen
        raise ArgumentError(f"{name} cannot hold {sample_rate} Hz: resample to {choices}")
    return container, chosen


def _rates_instead(container: str, subtype: str, sample_rate: int) -> str:
    """What rates a format can hold, where it cannot hold this one: libsndfile fails late, or crashes."""
    rates = _RATES_HZ.get(subtype)
    if rates is not None and sample_rate not in rates:
        return f"one of {', '.join(map(str, rates))}"
    if subtype == "VORBIS" and sample_rate > _HIGHEST_VORBIS_HZ:
        return f"{_HIGHEST_VORBIS_HZ} Hz or less"
    if container == "FLAC" and sample_rate > 65535 and (sample_rate % 10 or sample_rate > _HIGHEST_FLAC_HZ):
        return f"65535 Hz or less, or to tens of Hz up to {_HIGHEST_FLAC_HZ}"
    return ""


def writing_error(target: Path, error: soundfile.SoundFileError) -> OutputError:
    """The `OutputError` that tells a user why libsndfile could not write `target`."""
    reason = str(getattr(error, "error_string", "")).strip(" .") or "no reason given"
    if reason == "System error":  # libsndfile's only word for whatever the system refused
        full = shutil.disk_usage(target.parent).free < _FULL_BYTES
        reason = "the disk is full" if full else "the system stopped it, as it does on a full disk"
    return OutputError(f"cannot write {target}: {reason}: choose a folder that can be written and has space")


def _write(path: Path, waveform: Tensor, sample_rate: int, container: str, subtype: str) -> None:
    # Python opens the file first because its errors name the reason (permission, no space), libsndfile's do not.
    path.touch()
    with soundfile.SoundFile(
        str(path), "w", samplerate=sample_rate, channels=waveform.shape[0], format=container, subtype=subtype
    ) as file:
        for block in waveform.split(_BLOCK_FRAMES, dim=-1):
            # Only double precision survives the way to a file of doubles or 32-bit integers.
            file.write((block if block.dtype == torch.float64 else block.float()).numpy().T)
