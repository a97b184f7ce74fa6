"""Recordings that can be heard on the page, wherever they come from: as bytes, as a waveform, in their loudness."""

from __future__ import annotations

import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fxrep.errors import FxrepError
from fxrep.web.cache_folder import CacheEntry, CacheFolder
from fxrep.web.config import WebLimits
from fxrep.web.decoding import decode_recording
from fxrep.web.job_board import BusyError
from fxrep.web.limited_process import Report
from fxrep.web.media_types import playable_type
from fxrep.web.opened_file import OpenedFile, open_inside
from fxrep.web.process_limits import ProcessLimits
from fxrep.web.process_pool import ProcessPool
from fxrep.web.shared_work import SharedWork

LONGEST_SONG_S = 4 * 3600.0
_MEASURED = 1000
_TRIES = 3
_IDLE = 2
"""Processes that wait for a recording: as many as decode uploads at once."""
Measured = dict[str, Any]


class Recordings:
    """Decodes and measures recordings, each once.

    Args:
        cache: for what browsers cannot play as it is.
        limits: of decoding.
        closing: whether the server ends.
    """

    def __init__(self, cache: CacheFolder, limits: WebLimits, closing: Callable[[], bool]) -> None:
        self.cache, self.limits, self.closing = cache, limits, closing
        self.processes = ProcessPool(decode_recording, _IDLE)
        self._measured: OrderedDict[str, Measured] = OrderedDict()
        self._lock = threading.Lock()
        self._measuring: SharedWork[Measured] = SharedWork()
        self._decoding: SharedWork[CacheEntry] = SharedWork()

    def playable(self, file: OpenedFile, key: str, name: str) -> tuple[OpenedFile, str]:
        """A file that a browser can play, and its media type; `file` is closed if it is another.

        Args:
            file: the recording.
            key: of what it is, without its state.
            name: what messages call it.

        Raises:
            AudioError: it cannot be decoded.
            BusyError: so much is decoded that nothing of it stays for long enough to be opened.
        """
        kind = playable_type(file.read(0, 64))
        if kind is not None:
            return file, kind
        key, path, mtime_ns = f"decoded/{key}/{file.stamp}", file.path, file.mtime_ns
        file.close()
        for _ in range(_TRIES):
            decoded = self.cache.use(key, open_entry)
            if decoded is not None:
                return decoded, playable_type(decoded.read(0, 64)) or "application/octet-stream"
            self._decoding.do(key, lambda: self._decode(key, path, name, mtime_ns))
        raise BusyError(
            f"{name} was displaced by others while it was decoded: try again, or allow more with --cache-mb"
        )

    def measured(self, file: OpenedFile, key: str, name: str) -> Measured:
        """Length, peaks and loudness of a recording, see `decode_recording`; closes it."""
        key, path = f"{key}/{file.stamp}", file.path
        file.close()
        with self._lock:
            known = self._measured.get(key)
            if known is not None:
                self._measured.move_to_end(key)
                return known
        return self._measuring.do(key, lambda: self._measure(key, path, name))

    def remember(self, key: str, measured: Measured) -> None:
        """Keep what was measured of a recording."""
        with self._lock:
            self._measured[key] = measured
            while len(self._measured) > _MEASURED:
                self._measured.popitem(last=False)

    def warm_up(self) -> None:
        """Start the first process ahead of the first recording.

        Raises:
            AudioError: it cannot be started.
        """
        self.processes.warm_up(self._process_limits(self.limits.upload_s))

    def close(self) -> None:
        """End the processes."""
        self.processes.close()

    def decode(self, path: Path, folder: Path | None, longest_s: float, name: str, report: Report) -> Measured:
        """Decode a file in a process of its own, see `decode_recording`."""
        limits = self._process_limits(longest_s)
        arguments = {"source": str(path), "folder": None if folder is None else str(folder), "longest_s": longest_s}
        try:
            found: Measured = self.processes.run(arguments, limits, report, name)
        except FxrepError as error:
            text = str(error).replace(str(path), name)
            raise type(error)(text if text.startswith(name) else f"{name}: {text}") from None
        # As an array they take an eighth of the memory.
        return {**found, "peaks": np.asarray(found["peaks"], dtype=np.float32)}

    def _process_limits(self, longest_s: float) -> ProcessLimits:
        """A song of hours may take longer than an upload."""
        work_s = self.limits.decode_s * max(1.0, longest_s / self.limits.upload_s)
        return ProcessLimits(self.limits.decode_bytes, work_s, 2 * work_s)

    def _measure(self, key: str, path: Path, name: str) -> Measured:
        measured = self.decode(path, None, LONGEST_SONG_S, name, self._report)
        self.remember(key, measured)
        return measured

    def _decode(self, key: str, path: Path, name: str, mtime_ns: int) -> CacheEntry:
        folder = self.cache.new_folder()
        try:
            facts = self.decode(path, folder, LONGEST_SONG_S, name, self._report)
            # Decoded again it is the same file to a browser, which then goes on where it was.
            os.utime(folder / facts["file"], ns=(mtime_ns, mtime_ns))
            return self.cache.keep(key, folder, facts)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _report(self, message: str, progress: float | None) -> None:
        if self.closing():
            raise FxrepError("the server ends")


def audio_file(entry: CacheEntry) -> Path:
    """The decoded recording of an entry."""
    return entry.folder / str(entry.facts["file"])


def open_entry(entry: CacheEntry) -> OpenedFile:
    """Open the decoded recording of an entry."""
    return open_inside(audio_file(entry), (entry.folder.resolve(),))
