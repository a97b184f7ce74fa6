"""Decoding one recording of unknown origin, and measuring it on the way; runs in a process of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from fxrep.audio import SILENCE_LUFS, AudioInfo, LoudnessStream, audio_info, iter_blocks
from fxrep.audio.block_writing import BlockWriter
from fxrep.audio.writing import choose_format
from fxrep.errors import ArgumentError, AudioError
from fxrep.web.limited_process import Report

BINS = 4096
"""Peaks of a recording that are kept; what is drawn is made of them."""
_BLOCK_S = 5.0
_RATES_HZ = (4000, 384000)


def decode_recording(source: str, folder: str | None, longest_s: float, report: Report) -> dict[str, Any]:
    """Decode a file once, from beginning to end.

    Args:
        source: the file.
        folder: where to write it as ``audio.flac`` (24 bit) or, where FLAC cannot hold it, as ``audio.wav`` (32-bit
            float); None: nowhere.
        longest_s: what is longer is refused, whatever its header says.
        report: see `fxrep.web.limited_process`.

    Returns:
        ``duration_s``, ``sample_rate``, ``channels``, ``peaks`` (at most `BINS` numbers from 0 on), ``peak_dbfs`` and
        ``loudness_lufs`` (None for silence), and ``file``, the name of what was written.

    Raises:
        AudioError: it is no audio, damaged, or too long.
    """
    info = audio_info(source)
    low, high = _RATES_HZ
    if not low <= info.sample_rate <= high:
        raise AudioError(f"it has a sample rate of {info.sample_rate} Hz: convert it to one between {low} and {high}")
    if info.duration_s > longest_s:
        raise AudioError(f"it lasts {info.duration_s:.0f} s: give {longest_s:.0f} s or less of it")
    if folder is None:
        return _measured(info, _blocks(info, longest_s, report), None)
    try:
        return _measured(info, _blocks(info, longest_s, report), Path(folder) / "audio.flac")
    except (_ExceedsFullScaleError, ArgumentError):  # or FLAC cannot hold its rate
        (Path(folder) / "audio.flac").unlink(missing_ok=True)
        return _measured(info, _blocks(info, longest_s, report), Path(folder) / "audio.wav")


class _ExceedsFullScaleError(Exception):
    pass


def _blocks(info: AudioInfo, longest_s: float, report: Report) -> Iterator[Tensor]:
    done = 0
    for block in iter_blocks(info.path, _BLOCK_S):
        done += block.shape[-1]
        if done > longest_s * info.sample_rate:
            raise AudioError(f"it lasts longer than {longest_s:.0f} s: give less of it")
        report("decoding", min(1.0, done / max(1, info.frames)))
        yield block


def _measured(info: AudioInfo, blocks: Iterator[Tensor], target: Path | None) -> dict[str, Any]:
    meter = LoudnessStream(info.sample_rate)
    peaks = _Peaks(info.frames)
    with ExitStack() as stack:
        writer = None
        if target is not None:
            container, subtype = choose_format(target, info.sample_rate, "FLOAT" if target.suffix == ".wav" else None)
            writer = stack.enter_context(BlockWriter(target, info.sample_rate, container, subtype))
        for block in blocks:
            meter.add(block)
            peaks.add(np.abs(block.numpy()).max(axis=0))
            if writer is not None:
                if target is not None and target.suffix == ".flac" and peaks.highest > 1:
                    raise _ExceedsFullScaleError
                writer.add(block)
    loudness = meter.loudness()
    return {
        "duration_s": meter.frames / info.sample_rate,
        "sample_rate": info.sample_rate,
        "channels": info.channels,
        "peaks": [round(float(peak), 4) for peak in peaks.values],
        "peak_dbfs": 20 * math.log10(peaks.highest) if peaks.highest > 0 else None,
        "loudness_lufs": round(loudness, 2) if loudness > SILENCE_LUFS else None,
        "file": None if target is None else target.name,
    }


class _Peaks:
    """Largest magnitudes of equal parts of a recording whose length the header tells."""

    def __init__(self, frames: int) -> None:
        self.frames = max(1, frames)
        self.values = np.zeros(min(BINS, self.frames), dtype=np.float32)
        self.position, self.highest = 0, 0.0

    def add(self, magnitudes: np.ndarray) -> None:
        """Take the next samples."""
        count = len(self.values)
        places = np.arange(self.position, self.position + len(magnitudes)) * count // self.frames
        places = np.minimum(places, count - 1)
        starts = np.flatnonzero(np.diff(places, prepend=-1))
        np.maximum.at(self.values, places[starts], np.maximum.reduceat(magnitudes, starts))
        self.position += len(magnitudes)
        self.highest = max(self.highest, float(magnitudes.max()))


def reduce_peaks(peaks: np.ndarray, points: int) -> list[float]:
    """Fewer peaks for a smaller picture: the largest of each part."""
    edges = np.arange(min(points, len(peaks))) * len(peaks) // min(points, len(peaks))
    return [round(float(value), 4) for value in np.maximum.reduceat(peaks, edges)]
