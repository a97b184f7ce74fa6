"""What a scan measures on one audio file, in one pass and in constant memory.

Files are read in blocks of `_BLOCK_S` seconds. The integrated loudness is the exact one of BS.1770-4 (the K-weighting
keeps its state from block to block), not an average of the blocks' loudness; only one number per 100 ms is kept,
0.3 MB for an hour.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.signal import sosfilt

from fxrep.audio import STEPS_PER_BLOCK, audio_info, gated_loudness, iter_blocks, power_to_lufs
from fxrep.audio.k_weighting import k_weighting_coefficients
from fxrep.errors import AudioError
from fxrep.files import file_hash

SILENCE_DBFS = -60.0
"""A 100 ms block whose RMS over all channels is below this counts as silent."""

_BLOCK_S = 10.0


@dataclass(frozen=True)
class Measurement:
    """The measured columns of a manifest row (see `fxrep.data.ManifestRow` for units)."""

    duration_s: float
    sample_rate: int
    channels: int
    loudness_lufs: float
    silence_ratio: float
    content_hash: str
    size_bytes: int


class LoudnessMeter:
    """Integrated loudness and silence of audio that arrives in blocks of any length."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.frames = 0
        self._rate = sample_rate
        self._steps = 0
        self._sos = np.stack([np.concatenate(stage) for stage in k_weighting_coefficients(sample_rate)])
        self._state = np.zeros((len(self._sos), channels, 2))
        self._rest = np.zeros((channels, 0))
        self._weighted: list[np.ndarray] = []
        self._plain: list[np.ndarray] = []

    def add(self, block: np.ndarray) -> None:
        """Take the next samples, `(channels, samples)`."""
        self.frames += block.shape[1]
        samples = np.concatenate([self._rest, block.astype(np.float64)], axis=1)
        # Steps begin where those of `integrated_loudness` do, also where the rate is not divisible by ten.
        first, last = self._steps, 10 * self.frames // self._rate
        edges = np.arange(first, last + 1) * self._rate // 10
        whole = int(edges[-1] - edges[0])
        self._measure(samples[:, :whole], edges - edges[0])
        self._steps = last
        self._rest = samples[:, whole:]

    def result(self) -> tuple[float, float]:
        """Loudness in LUFS and the silence ratio of everything added."""
        if self._steps < STEPS_PER_BLOCK:
            return self._short_loudness(), self._silence_ratio()
        energies = torch.from_numpy(np.concatenate(self._weighted))
        return float(gated_loudness(energies, self._rate / 10)), self._silence_ratio()

    def _measure(self, samples: np.ndarray, edges: np.ndarray) -> None:
        if len(edges) < 2:
            return
        weighted, self._state = sosfilt(self._sos, samples, axis=-1, zi=self._state)
        self._weighted.append(np.add.reduceat(np.square(weighted).sum(axis=0), edges[:-1]))
        self._plain.append(np.add.reduceat(np.square(samples).mean(axis=0), edges[:-1]) / np.diff(edges))

    def _short_loudness(self) -> float:
        """Below 400 ms: one block without gates over all there is, as `integrated_loudness` defines it."""
        energy = sum(float(part.sum()) for part in self._weighted)
        if self._rest.shape[1]:  # nothing remains of exactly 100, 200 or 300 ms
            rest, _ = sosfilt(self._sos, self._rest, axis=-1, zi=self._state)
            energy += float(np.square(rest).sum())
        return float(power_to_lufs(torch.tensor(energy / max(1, self.frames), dtype=torch.float64)))

    def _silence_ratio(self) -> float:
        powers = [*self._plain]
        if self._rest.shape[1]:
            powers.append(np.square(self._rest).mean(keepdims=True)[0])
        floor = 10 ** (SILENCE_DBFS / 10)
        return float(np.mean(np.concatenate(powers) < floor)) if powers else 1.0


def measure_file(path: str | os.PathLike[str]) -> Measurement:
    """Read one file to its end and measure it.

    Raises:
        AudioError: it is missing, not audio, empty, cut off, not finite, or has more than two channels.
    """
    info = audio_info(path)
    if info.channels > 2:
        raise AudioError(f"has {info.channels} channels: fold it down to mono or stereo first")
    meter = LoudnessMeter(info.sample_rate, info.channels)
    for block in iter_blocks(path, _BLOCK_S):
        meter.add(block.numpy())
    _check_complete(meter.frames, info.frames, info.sample_rate)
    loudness, silence = meter.result()
    if not np.isfinite(loudness):
        raise AudioError("holds samples that are not finite (NaN or infinity): export it again")
    return Measurement(
        duration_s=meter.frames / info.sample_rate,
        sample_rate=info.sample_rate,
        channels=info.channels,
        loudness_lufs=loudness,
        silence_ratio=silence,
        content_hash=content_hash(path),
        size_bytes=Path(path).stat().st_size,
    )


def content_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes in hexadecimal, as `sha256sum` prints it.

    Bytes and not decoded samples: the hash then does not depend on the version of a decoder, and a check needs no
    decoding. The price: the same audio in another container, or with other tags, is another content.
    """
    return file_hash(path)


def _check_complete(decoded: int, announced: int, sample_rate: int) -> None:
    if decoded == 0:
        raise AudioError("has no samples: export it again")
    # Encoders of compressed formats may announce a little more than there is to decode.
    if decoded < 0.99 * announced - 0.1 * sample_rate:
        have, want = decoded / sample_rate, announced / sample_rate
        raise AudioError(f"is cut off after {have:.1f} s of {want:.1f} s: copy it again")
