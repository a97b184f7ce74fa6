"""Recordings that can be heard on the page, wherever they come from: as bytes, as a waveform, in their loudness."""

from __future__ import annotations

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
from fxrep.web.limited_process import ProcessLimits, Report, run_limited
from fxrep.web.media_types import playable_type
from fxrep.web.opened_file import OpenedFile, open_inside
from fxrep.web.shared_work import SharedWork

LONGEST_SONG_S = 4 * 3600.0
_MEASURED = 1000
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
        """
        kind = playable_type(file.read(0, 64))
        if kind is not None:
            return file, kind
        key = f"decoded/{key}/{file.stamp}"
        path = file.path
        file.close()
        entry = self.cache.get(key) or self._decoding.do(key, lambda: self._decode(key, path, name))
        decoded = open_inside(entry.folder / entry.facts["file"], (entry.folder.resolve(),))
        return decoded, playable_type(decoded.read(0, 64)) or "application/octet-stream"

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

    def decode(self, path: Path, folder: Path | None, longest_s: float, name: str, report: Report) -> Measured:
        """Decode a file in a process of its own, see `decode_recording`."""
        # A song of hours may take longer than an upload.
        work_s = self.limits.decode_s * max(1.0, longest_s / self.limits.upload_s)
        limits = ProcessLimits(self.limits.decode_bytes, work_s, 2 * work_s)
        arguments = {"source": str(path), "folder": None if folder is None else str(folder), "longest_s": longest_s}
        try:
            found: Measured = run_limited(decode_recording, arguments, limits, report, name)
        except FxrepError as error:
            text = str(error).replace(str(path), name)
            raise type(error)(text if text.startswith(name) else f"{name}: {text}") from None
        # As an array they take an eighth of the memory.
        return {**found, "peaks": np.asarray(found["peaks"], dtype=np.float32)}

    def _measure(self, key: str, path: Path, name: str) -> Measured:
        measured = self.decode(path, None, LONGEST_SONG_S, name, self._report)
        self.remember(key, measured)
        return measured

    def _decode(self, key: str, path: Path, name: str) -> CacheEntry:
        folder = self.cache.new_folder()
        try:
            return self.cache.keep(key, folder, self.decode(path, folder, LONGEST_SONG_S, name, self._report))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _report(self, message: str, progress: float | None) -> None:
        if self.closing():
            raise FxrepError("the server ends")
