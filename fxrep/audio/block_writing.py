"""Writing audio that comes in blocks, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile
from torch import Tensor

from fxrep.audio.inputs import check_audio
from fxrep.audio.paths import audio_path
from fxrep.audio.writing import choose_format, writing_error
from fxrep.errors import AudioError
from fxrep.files import atomic_file

# Without a named subtype, what can hold every value: nobody knows the peak before the last block.
_KEEPS_EVERYTHING = ("WAV", "AIFF")


def save_blocks(
    path: str | os.PathLike[str], blocks: Iterable[Tensor], sample_rate: int, *, subtype: str | None = None
) -> None:
    """Write blocks `(channels, samples)` to a file as they come, in constant memory.

    The file appears complete or not at all; missing folders are made.

    Args:
        path: .wav or .aiff (32-bit float unless `subtype` says otherwise), .flac (24 bit), .ogg, .opus or .mp3.
        blocks: floating point, full scale at 1.0, all with the same channels.
        sample_rate: Hz.
        subtype: soundfile's name of the sample format, for example ``"PCM_16"``.

    Raises:
        ArgumentError: unknown suffix, or a subtype or rate that the format does not hold.
        AudioError: there are no blocks, a block cannot be used, or would be clipped.
        OutputError: the file cannot be written: read-only folder, full disk.
    """
    target = audio_path(path)
    container, chosen = choose_format(target, sample_rate, subtype)
    if subtype is None and container in _KEEPS_EVERYTHING:
        chosen = "FLOAT"
    with atomic_file(target) as temporary:
        try:
            _write(temporary, target.name, blocks, int(sample_rate), container, chosen)
        except soundfile.SoundFileError as error:
            raise writing_error(target, error) from error


def _write(path: Path, name: str, blocks: Iterable[Tensor], sample_rate: int, container: str, subtype: str) -> None:
    # Python opens the file first because its errors name the reason (permission, no space), libsndfile's do not.
    path.touch()
    file: soundfile.SoundFile | None = None
    written = 0
    try:
        for block in blocks:
            check_audio(block, name=f"audio for {name}")
            peak = float(block.abs().max())
            if peak > 1 and subtype not in ("FLOAT", "DOUBLE"):
                position = written / sample_rate
                raise AudioError(
                    f"audio for {name} peaks at {20 * np.log10(peak):+.2f} dBFS after {position:.1f} s and would be "
                    "clipped: lower it, or write a .wav without a subtype, which keeps it as float"
                )
            if file is None:
                file = soundfile.SoundFile(
                    str(path), "w", samplerate=sample_rate, channels=block.shape[0], format=container, subtype=subtype
                )
            for piece in block.split(1 << 16, dim=-1):
                file.write(piece.cpu().numpy().T)
            written += block.shape[-1]
    finally:
        if file is not None:
            file.close()
    if file is None:
        raise AudioError(f"there is no audio to write to {name}")
