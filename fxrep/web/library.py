"""The reference index behind the page: always the current one, and the files of its songs where they may be read."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fxrep.errors import FxrepError
from fxrep.retrieval import ReferenceIndex, match_encoder
from fxrep.retrieval.index_state import IndexState
from fxrep.retrieval.lookup import describe_fields, find_songs, get_songs, index_state
from fxrep.web.config import WebConfig
from fxrep.web.encoder_line import EncoderLine
from fxrep.web.opened_file import NotServedError, OpenedFile, open_inside


class UnknownError(FxrepError):
    """Something by an id that is not, or no longer, there."""


class Library:
    """An index and its songs, for any number of threads.

    A folder that another process replaces by a new index, as ``fxrep index build --force`` does, is opened again.

    Args:
        config: index, folders and model.

    Raises:
        ReferenceIndexError: there is no index, or it is corrupt.
    """

    def __init__(self, config: WebConfig) -> None:
        self.config, self.folder = config, config.index
        self.base = Path(os.path.realpath(config.index)).parent
        self.folders = tuple(Path(os.path.realpath(folder)) for folder in (self.base, *config.folders))
        self._lock = threading.Lock()
        self._fields: tuple[int, list[dict[str, Any]]] = (-1, [])
        self._mark = self._stamp()
        self._index = ReferenceIndex.open(config.index)
        self.encoder = EncoderLine(self._load_encoder)

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    @property
    def name(self) -> str:
        """What the library is called."""
        return Path(os.path.realpath(self.folder)).name.removesuffix(".fxindex")

    def index(self) -> ReferenceIndex:
        """The index; it is opened again where another one has taken its place."""
        with self._lock:
            mark = self._stamp()
            if mark != self._mark and mark is not None:
                # Searches under way hold on to the one before, which is closed when nobody does.
                self._index, self._mark = ReferenceIndex.open(self.folder), mark
                self.encoder = EncoderLine(self._load_encoder)
            return self._index

    def listening_index(self) -> ReferenceIndex:
        """The index with its encoder, to search by sound.

        Raises:
            FxrepError: there is no encoder, or another than it was made with.
        """
        index = self.index()
        if index.encoder is not self.encoder:
            index.use(self.encoder)
        return index

    def state(self) -> IndexState:
        """Counts and generation as they are now."""
        return index_state(self.index())

    def fields(self) -> list[dict[str, Any]]:
        """What can be filtered by, see `fxrep.retrieval.lookup.describe_fields`."""
        generation = self.state().generation
        if self._fields[0] != generation:
            self._fields = (generation, describe_fields(self.index()))
        return self._fields[1]

    def songs(self, text: str, offset: int, limit: int) -> dict[str, Any]:
        """A page of the list of songs."""
        total, songs = find_songs(self.index(), text, offset, limit)
        return {"total": total, "songs": [self.shown(song) for song in songs]}

    def songs_by_id(self, ids: Sequence[int]) -> dict[str, Any]:
        """Some songs; those that are not there are left out."""
        songs = get_songs(self.index(), ids)
        return {"total": len(songs), "songs": [self.shown(song) for song in songs]}

    def song(self, song_id: int) -> dict[str, Any]:
        """One song as the index knows it.

        Raises:
            UnknownError: there is none of that id.
        """
        found = get_songs(self.index(), [song_id])
        if not found:
            raise UnknownError(f"there is no song {song_id} in the library: it may have been removed, reload the page")
        return found[0]

    def shown(self, song: dict[str, Any]) -> dict[str, Any]:
        """A song as visitors see it: no path of this machine."""
        path = Path(song["path"])
        title = song["metadata"].get("title") or song["facts"].get("title")
        return {
            "id": song["id"],
            "name": str(title) if title else path.stem,
            "path": self.shown_path(path),
            "duration_s": song["duration_s"],
            "metadata": song["metadata"],
            "facts": song["facts"],
        }

    def shown_path(self, path: Path) -> str:
        """Where a file lies in the library; of one that lies elsewhere, its name and that of its folder."""
        for folder in self.folders:
            if path.is_relative_to(folder):
                return path.relative_to(folder).as_posix()
        return f"{path.parent.name}/{path.name}"

    def open_song(self, song_id: int) -> OpenedFile:
        """Open the file of a song, see `open_inside`.

        Raises:
            UnknownError: there is no such song.
            NotServedError: its file is not there, or leads out of the library's folders.
        """
        path = Path(self.song(song_id)["path"])
        return open_inside(path, (*self.folders, *_own_folder(path, self.base)))

    def check_song(self, path: Path) -> Path:
        """The real path of a song's file, if it may be read."""
        file = open_inside(path, (*self.folders, *_own_folder(path, self.base)))
        file.close()
        return file.path

    def folder_filter(self, folder: str) -> Path:
        """The folder of a filter, given by its place in the library.

        Raises:
            NotServedError: it leads out of the library's folders.
        """
        try:
            real = Path(os.path.realpath(self.base / folder)) if "\0" not in folder else Path("/")
        except ValueError:  # what no path can hold, as half of a surrogate pair
            real = Path("/")
        if not any(real.is_relative_to(one) for one in self.folders):
            raise NotServedError(f"the folder {folder!r:.60} lies outside the library: give one in it")
        return real

    def _load_encoder(self) -> Any:
        from encoders import load_encoder

        encoder = load_encoder(self.config.model or self._index.model or "default")
        return match_encoder(encoder, self._index.matching)

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = (self.folder / "index.sqlite").stat()
        except OSError:
            return None  # in the moment of being replaced
        return status.st_dev, status.st_ino


def _own_folder(path: Path, base: Path) -> tuple[Path, ...]:
    """The folder of a song that lies outside the library, as it was when the song was added.

    The index stores such paths with all links resolved. A link that was put on the way later leads elsewhere, and the
    folder is none of those that were meant.
    """
    parent = path.parent
    if path.is_relative_to(base) or Path(os.path.realpath(parent)) != parent:
        return ()
    return (parent,)
