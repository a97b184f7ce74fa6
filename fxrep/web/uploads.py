"""Recordings that visitors bring: received within limits, decoded apart, embedded, kept for a while."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import unicodedata
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio

from fxrep.errors import AudioError
from fxrep.files import output_error
from fxrep.web.cache_folder import CacheEntry, CacheFolder
from fxrep.web.config import WebLimits
from fxrep.web.job_board import BusyError, Job, JobBoard
from fxrep.web.library import Library, UnknownError
from fxrep.web.recordings import Recordings, audio_file

_LONGEST_NAME = 120
UPLOAD_GONE = "this upload is no longer kept: drop the file again"


class TooLargeError(AudioError):
    """An upload is larger than it may be."""


class TooSlowError(AudioError):
    """An upload did not arrive in time."""


class Uploads:
    """All uploads.

    Args:
        cache: where they are kept.
        limits: of size, time and number.
        library: whose encoder listens to them.
        recordings: decodes them.
        board: does the work.
        place: where a vector lies on the map, (x, y); None where there is no map.
    """

    def __init__(
        self,
        cache: CacheFolder,
        limits: WebLimits,
        library: Library,
        recordings: Recordings,
        board: JobBoard,
        place: Callable[[Any], tuple[float, float] | None],
    ) -> None:
        self.cache, self.limits, self.library = cache, limits, library
        self.recordings, self.board, self.place = recordings, board, place
        self._receiving = 0
        cache.on_drop = lambda entry: library.encoder.forget(str(audio_file(entry)))

    async def receive(self, name: str, announced: int | None, pieces: AsyncIterator[bytes]) -> Job:
        """Take the bytes of a file, and put the rest of the work in line.

        Args:
            name: what the visitor calls it.
            announced: bytes, as the visitor says; None where that was not said.
            pieces: the bytes.

        Raises:
            TooLargeError: there are more than may be.
            TooSlowError: they did not come in time.
            BusyError: too many uploads come at once, or too many wait.
            AudioError: there are none.
            OutputError: the disk is full.
        """
        if announced is not None and announced > self.limits.upload_bytes:
            raise self._too_large()
        if self._receiving >= self.limits.receiving:
            raise BusyError(f"{self._receiving} uploads arrive already: try again in a moment")
        self._receiving += 1
        folder = self.cache.new_folder()
        try:
            await asyncio.wait_for(self._write(pieces, folder / "given"), self.limits.receive_s)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, asyncio.TimeoutError):
                raise TooSlowError(f"the upload took longer than {self.limits.receive_s:g} s: send it again") from None
            if isinstance(error, OSError):
                raise output_error(self.cache.folder, error) from error
            raise
        finally:
            self._receiving -= 1
        return self._work_on(folder, shown_name(name))

    def get(self, upload_id: str) -> CacheEntry:
        """An upload by its id.

        Raises:
            UnknownError: it is not, or no longer, kept.
        """
        entry = self.cache.get(upload_id)
        if entry is None:
            raise UnknownError(UPLOAD_GONE)
        return entry

    def _too_large(self) -> TooLargeError:
        most = self.limits.upload_bytes / 1e6
        return TooLargeError(f"the file is larger than {most:.0f} MB: give a shorter recording, or a compressed one")

    async def _write(self, pieces: AsyncIterator[bytes], target: Path) -> None:
        size = 0
        async with await anyio.open_file(target, "wb") as file:
            async for piece in pieces:
                size += len(piece)
                if size > self.limits.upload_bytes:
                    raise self._too_large()
                if piece:
                    await file.write(piece)
        if not size:
            raise AudioError("the upload is empty: send the bytes of an audio file")

    def _work_on(self, folder: Path, name: str) -> Job:
        kept: list[CacheEntry] = []

        def decode(job: Job) -> dict[str, Any]:
            facts = self.recordings.decode(folder / "given", folder, self.limits.upload_s, name, job.report)
            (folder / "given").unlink()
            kept.append(CacheEntry(secrets.token_urlsafe(12), folder, facts={**facts, "name": name}))
            return {}

        def embed(job: Job) -> dict[str, Any]:
            entry = kept[0]
            vector = self.library.encoder.embed_for(job, str(audio_file(entry)))
            place = self.place(vector)
            self.cache.keep(entry.key, entry.folder, entry.facts)
            return {
                "upload": entry.key,
                "name": name,
                "duration_s": entry.facts["duration_s"],
                "x": None if place is None else place[0],
                "y": None if place is None else place[1],
            }

        def clean_up() -> None:
            if not kept or self.cache.get(kept[0].key) is None:
                if kept:
                    self.library.encoder.forget(str(audio_file(kept[0])))
                shutil.rmtree(folder, ignore_errors=True)

        return self.board.submit("upload", [("decode", decode), ("encode", embed)], clean_up)


def shown_name(name: str) -> str:
    """What a visitor calls a file, as one short line of text without folders."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(sign for sign in last if unicodedata.category(sign)[0] != "C").strip()
    return plain[:_LONGEST_NAME] or "recording"
