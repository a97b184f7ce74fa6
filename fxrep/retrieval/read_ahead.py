"""Embedding many files while the next ones are read: decoding and encoding overlap, in memory that does not grow.

Decoding and resampling let go of Python's lock, so threads are enough. Every file has a short queue of its own; a
reader whose queue is full waits, so that a file of hours takes no more memory than a short one.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from fxrep.audio import audio_info
from fxrep.errors import FxrepError
from fxrep.retrieval.encoder import (
    AudioEncoder,
    BatchEncoder,
    SongEmbedding,
    embed_song,
    finish_song,
    hash_file,
    reads_apart,
    unchanged,
)

_BATCHES_AHEAD = 2
"""Per file that is being read."""
_MOST_READERS = 8
_LOOK_S = 0.2

_Piece = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
        file: as it was named.
        content_hash: SHA-256 of its bytes; ``""`` where it could not be read.
        song: its embedding; None where it was known already, or could not be embedded.
        error: why it could not be embedded.
    """

    file: Path
    content_hash: str
    song: SongEmbedding | None = None
    error: FxrepError | None = None


def default_readers() -> int:
    """How many threads read: one for every core that this process may use but one, at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(_MOST_READERS, cores - 1))


def embed_songs(
    files: Iterable[Path],
    encoder: AudioEncoder,
    known: Callable[[Path, str], bool],
    *,
    readers: int | None = None,
) -> Iterator[Outcome]:
    """Embed files in their order, as `embed_song` does one.

    An encoder that cannot read apart from encoding (`BatchEncoder`) is given one file after the other.

    Args:
        files: what to embed.
        encoder: what embeds, always in the thread that iterates.
        known: whether a file of this content need not be embedded; called in the thread that iterates.
        readers: threads that decode; None for `default_readers`.

    Yields:
        one outcome per file, in order. Memory: two batches of windows for each reader and one file more.
    """
    readers = default_readers() if readers is None else readers
    with ExitStack() as stack:
        stop = threading.Event()
        # Hashes have a thread of their own: behind readers that wait for the encoder they would wait for ever.
        hashing = stack.enter_context(ThreadPoolExecutor(1, "fxrep-hash"))
        reading = stack.enter_context(ThreadPoolExecutor(readers, "fxrep-read"))
        for pool in (hashing, reading):
            stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        stack.callback(stop.set)
        waiting = iter(files)
        hashes: deque[tuple[Path, Future[str]]] = deque()
        opened: deque[_Opened] = deque()
        while True:
            while len(hashes) <= 2 * readers and (file := next(waiting, None)) is not None:
                hashes.append((file, hashing.submit(hash_file, file)))
            while hashes and len(opened) <= readers:
                opened.append(_open(*hashes.popleft(), encoder, known, reading, stop))
            if not opened:
                return
            yield opened.popleft().outcome(encoder)


def _open(
    file: Path,
    hashed: Future[str],
    encoder: AudioEncoder,
    known: Callable[[Path, str], bool],
    reading: ThreadPoolExecutor,
    stop: threading.Event,
) -> _Opened:
    try:
        content_hash = hashed.result()
        if known(file, content_hash):
            return _Opened(Outcome(file, content_hash))
    except FxrepError as error:
        return _Opened(Outcome(file, "", error=error))
    return _Opened(
        Outcome(file, content_hash),
        needed=True,
        stream=_Stream(file, encoder, reading, stop) if reads_apart(encoder) else None,
    )


class _Opened:
    """A file that was looked at, and is being read where it has to be."""

    def __init__(self, found: Outcome, needed: bool = False, stream: _Stream | None = None) -> None:
        self._found = found
        self._needed = needed
        self._stream = stream

    def outcome(self, encoder: AudioEncoder) -> Outcome:
        """Embed what is read."""
        file, content_hash = self._found.file, self._found.content_hash
        if not self._needed:
            return self._found
        try:
            if self._stream is None:
                return Outcome(file, content_hash, embed_song(file, encoder, content_hash))
            return Outcome(file, content_hash, self._stream.embed(content_hash))
        except FxrepError as error:
            return Outcome(file, content_hash, error=error)


class _Stream:
    """The windows of a file, read by another thread.

    Args:
        file: what is read.
        encoder: says which windows.
        reading: where to read.
        stop: set when nobody wants them any more.
    """

    def __init__(self, file: Path, encoder: BatchEncoder, reading: ThreadPoolExecutor, stop: threading.Event) -> None:
        self.duration_s = 0.0
        self._done = False
        self._file = file
        self._encoder = encoder
        self._stop = stop
        self._queue: queue.Queue[_Piece | BaseException | None] = queue.Queue(_BATCHES_AHEAD)
        reading.submit(self._read)

    def embed(self, content_hash: str) -> SongEmbedding:
        """Embed what is read; what went wrong while it was read is raised here."""
        positions, windows = [], []
        try:
            while (piece := self._queue.get()) is not None:
                if isinstance(piece, BaseException):
                    raise piece
                positions.append(piece[0])
                windows.append(self._encoder.embed_batch(piece[1]))
        finally:
            self._done = True  # after an error the reader is still there, and others need its thread
        return finish_song(self._file, self._encoder, content_hash, self.duration_s, positions, windows)

    def _read(self) -> None:
        try:
            with unchanged(self._file):
                self.duration_s = audio_info(self._file).duration_s
                for piece in self._encoder.window_batches(self._file):
                    if not self._put(piece):
                        return
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _put(self, piece: _Piece | BaseException | None) -> bool:
        while not (self._done or self._stop.is_set()):
            try:
                self._queue.put(piece, timeout=_LOOK_S)
                return True
            except queue.Full:
                continue
        return False
