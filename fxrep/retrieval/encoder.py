"""What retrieval asks of an encoder, and the one way a file becomes vectors that can be indexed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeGuard

import numpy as np
import torch

from fxrep.audio import AudioInput, audio_info
from fxrep.errors import AudioError, FxrepError
from fxrep.files import file_hash


class AudioEncoder(Protocol):
    """Anything that turns audio into unit vectors: `encoders.EffectEncoder`, or one of your own.

    Attributes:
        sample_rate: rate in Hz at which the encoder listens.
        window_s: length in seconds of one window.
        dim: length D of an embedding.
        fingerprint: changes whenever the same audio would give another embedding.
    """

    @property
    def sample_rate(self) -> int:
        """Rate in Hz at which the encoder listens."""

    @property
    def window_s(self) -> float:
        """Length in seconds of one window."""

    @property
    def dim(self) -> int:
        """Length D of an embedding."""

    @property
    def fingerprint(self) -> str:
        """Identity of the weights and the audio contract."""

    def embed(self, audio: AudioInput, sample_rate: int | None = None) -> torch.Tensor:
        """One unit vector ``(D,)`` for a whole file or array."""

    def embed_windows(self, audio: AudioInput, sample_rate: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Start of every window in seconds ``(W,)`` and the windows' unit vectors ``(W, D)``."""


class BatchEncoder(AudioEncoder, Protocol):
    """An encoder whose reading and encoding can be done by different threads; together they are `embed_windows`."""

    def window_batches(
        self, audio: AudioInput, sample_rate: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Starts of windows in seconds ``(W,)`` and their audio ``(W, 2, T)``, a few at a time."""

    def embed_batch(self, windows: torch.Tensor) -> torch.Tensor:
        """Unit vectors ``(W, D)`` of windows ``(W, 2, T)``."""


def reads_apart(encoder: AudioEncoder) -> TypeGuard[BatchEncoder]:
    """Whether an encoder is a `BatchEncoder`."""
    return hasattr(encoder, "window_batches") and hasattr(encoder, "embed_batch")


@dataclass(frozen=True)
class SongEmbedding:
    """Everything an index stores of one file.

    Attributes:
        path: where the file was read.
        content_hash: SHA-256 of its bytes.
        duration_s: length in seconds.
        positions_s: start of every window, float64 ``(W,)``.
        windows: unit vectors of the windows, float32 ``(W, D)``.
        song: unit vector of the whole file, float32 ``(D,)``.
    """

    path: Path
    content_hash: str
    duration_s: float
    positions_s: np.ndarray
    windows: np.ndarray
    song: np.ndarray


def embed_song(path: Path, encoder: AudioEncoder, content_hash: str | None = None) -> SongEmbedding:
    """Embed the windows of one file; the song's vector is their mean, brought back to unit length.

    Raises:
        AudioError: the file cannot be read as audio, or the encoder gives no direction for it (silence).
    """
    content_hash = content_hash or hash_file(path)
    with unchanged(path):
        duration_s = audio_info(path).duration_s
        positions, windows = encoder.embed_windows(path)
    return finish_song(path, encoder, content_hash, duration_s, [positions], [windows])


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Refuse a file that is another one at the end of the block than at its beginning.

    Raises:
        AudioError: it changed, or is not there.
    """
    before = _stamp(path)
    yield
    if _stamp(path) != before:
        raise AudioError(f"{path}: it changed while it was read: add it again when it is complete")


def finish_song(
    path: Path,
    encoder: AudioEncoder,
    content_hash: str,
    duration_s: float,
    positions: Iterable[torch.Tensor],
    windows: Iterable[torch.Tensor],
) -> SongEmbedding:
    """The embedding of a file whose windows, in pieces ``(W,)`` and ``(W, D)``, were embedded.

    Raises:
        AudioError: they are no vectors of this encoder, or give no direction.
    """
    unit = unit_vectors(np.concatenate([to_numpy(piece) for piece in windows]), f"{path}")
    if unit.shape[1] != encoder.dim:
        raise AudioError(f"{path}: the encoder gave {unit.shape[1]} values, but says its dim is {encoder.dim}")
    song = unit_vectors(unit.astype(np.float64).mean(axis=0, keepdims=True), f"{path}")[0]
    # Positions may come as float32: a tenth of a millisecond is what they can say in a long recording.
    starts_s = np.round(np.concatenate([to_numpy(piece) for piece in positions]).astype(np.float64), 4)
    return SongEmbedding(path, content_hash, duration_s, starts_s, unit, song)


def unit_vectors(vectors: np.ndarray, name: str) -> np.ndarray:
    """Rows of `vectors` ``(W, D)`` at unit length, float32.

    Raises:
        AudioError: there is no row, or a row is not finite or has no direction.
    """
    rows = np.atleast_2d(np.asarray(vectors, dtype=np.float64))
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if rows.shape[0] == 0:
        raise AudioError(f"{name}: the encoder gave no embedding: use a longer recording")
    if not np.isfinite(norms).all() or (norms < 1e-6).any():
        raise AudioError(f"{name}: the encoder gave no finite direction: check that it is not silent")
    unit: np.ndarray = (rows / norms).astype(np.float32)
    return unit


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror or error}: check the path and its permissions") from error
    return status.st_size, status.st_mtime_ns, status.st_ino


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in constant memory.

    Raises:
        AudioError: the file cannot be read.
    """
    try:
        return file_hash(path)
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror or error}: check the path and its permissions") from error


def failure(file: Path, error: FxrepError) -> tuple[str, str]:
    """A file of a batch that was left out, and why, without its path said twice."""
    name = str(file)
    # A name that is not UTF-8 is escaped in messages.
    shown = name.encode(errors="backslashreplace").decode()
    return name, str(error).removeprefix(name).removeprefix(shown).lstrip(": ")


def to_numpy(values: Any) -> np.ndarray:
    """A tensor or array as a NumPy array on the CPU."""
    return np.asarray(values.detach().cpu() if isinstance(values, torch.Tensor) else values)
