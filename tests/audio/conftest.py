"""Signals and files that the audio tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 48000


@pytest.fixture(scope="session")
def sweep() -> np.ndarray:
    """Six seconds of stereo, `(2, samples)`: a rising sweep and a falling one, so every position is told apart."""
    time = np.arange(6 * RATE) / RATE
    rising = np.sin(2 * np.pi * (100 * time + 400 * time**2))
    falling = np.sin(2 * np.pi * (6000 * time - 450 * time**2))
    return (0.3 * np.stack([rising, falling])).astype(np.float32)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory, sweep: np.ndarray) -> Callable[[str], Path]:
    """The sweep as a file of the wanted suffix, made once by soundfile."""
    folder = tmp_path_factory.mktemp("written")

    def write(suffix: str) -> Path:
        path = folder / f"sweep.{suffix}"
        if not path.exists():
            container, subtype = ("OGG", "OPUS") if suffix == "opus" else (None, None)
            soundfile.write(path, sweep.T, RATE, format=container, subtype=subtype)
        return path

    return write


@pytest.fixture(scope="session")
def encode() -> Callable[..., Path]:
    """A function that encodes `(2, samples)` with PyAV, one stream for each array."""
    av = pytest.importorskip("av")

    def write(path: Path, codec: str, *streams: np.ndarray, bit_rate: int = 192000, **options: str) -> Path:
        with av.open(str(path), "w", options=options) as container:
            tracks = [container.add_stream(codec, rate=RATE) for _ in streams]
            for track in tracks:
                track.bit_rate, track.layout = bit_rate, "stereo"
            for track, audio in zip(tracks, streams, strict=True):
                interleaved = np.ascontiguousarray(audio.T.reshape(1, -1))
                frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout="stereo")
                frame.sample_rate, frame.pts = RATE, 0
                converter = av.AudioResampler(format=track.format, layout="stereo", rate=RATE)
                for piece in converter.resample(frame):
                    container.mux(track.encode(piece))
                container.mux(track.encode(None))
        return path

    return write
