"""Everything that works behind the page, made together and closed together."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fxrep.errors import FxrepError
from fxrep.web.cache_folder import CacheFolder, temporary_root
from fxrep.web.config import WebConfig
from fxrep.web.job_board import JobBoard
from fxrep.web.library import Library, UnknownError
from fxrep.web.limited_process import prepare_processes
from fxrep.web.maps import Maps
from fxrep.web.mix_folders import MixFolders
from fxrep.web.mixes import Mixes
from fxrep.web.opened_file import OpenedFile
from fxrep.web.public_names import PublicNames
from fxrep.web.recordings import Recordings, open_entry
from fxrep.web.searches import Searches
from fxrep.web.uploads import UPLOAD_GONE, Uploads

logger = logging.getLogger(__name__)
T = TypeVar("T")
_LANES = {"decode": 2, "encode": 1, "render": 1, "open": 1, "map": 1, "search": 2}
_SEARCHING, _LISTENING = 4, 2
# Of the disk space: what visitors bring, what is rendered, and what is decoded for browsers.
_UPLOADS, _RENDERS, _DECODED = 0.4, 0.3, 0.3
_MOST_RENDERS, _MOST_DECODED = 50, 500
RENDER_GONE = "this render is no longer kept: render it again"


@dataclass(frozen=True)
class Sound:
    """A recording that is open.

    Attributes:
        file: of it.
        key: what it is, without its state.
        name: what messages call it.
    """

    file: OpenedFile
    key: str
    name: str


class WebSite:
    """A library that is served; to be used in a ``with`` statement.

    Args:
        config: what and within which limits.

    Attributes:
        library: the index and its songs.
        board: long work.
        recordings: decoding and waveforms.
        uploads: what visitors brought.
        maps: of the library.
        mixes: results of the mixing methods.
        searches: what was found.
        names: of files, as visitors read them.

    Raises:
        ReferenceIndexError: there is no index.
        DataError: a folder holds no mix.
        OutputError: there is no place for temporary files.
    """

    def __init__(self, config: WebConfig) -> None:
        self.config, self._stack, self.closed = config, ExitStack(), False
        self._warming: threading.Thread | None = None
        with ExitStack() as stack:
            mixes = MixFolders(config.mixes)
            self.library = Library(config)
            stack.callback(self.library.close)
            self.root = stack.enter_context(temporary_root(config.cache))
            self._make(config, mixes)
            stack.callback(self._stop)
            self._stack = stack.pop_all()

    def _make(self, config: WebConfig, mixes: MixFolders) -> None:
        prepare_processes(["fxrep.web.decoding", "fxrep.web.decoder_start", "fxrep.cli.main"])
        limits, most = config.limits, config.limits.cache_bytes
        self.board = JobBoard(_LANES, limits.waiting)
        self.searching = ThreadPoolExecutor(_SEARCHING, thread_name_prefix="searching")
        self.listening = ThreadPoolExecutor(_LISTENING, thread_name_prefix="listening")
        decoded = CacheFolder(self.root / "decoded", int(most * _DECODED), _MOST_DECODED)
        self.renders = CacheFolder(self.root / "renders", int(most * _RENDERS), _MOST_RENDERS)
        self.recordings = Recordings(decoded, limits, lambda: self.closed)
        kept = CacheFolder(self.root / "uploads", int(most * _UPLOADS), limits.uploads)
        self.uploads = Uploads(
            kept, limits, self.library, self.recordings, self.board, lambda vector: self.maps.place(vector)
        )
        folders = (*self.library.folders, *(mix.folder for mix in mixes.list()))
        self.mixes = Mixes(mixes, folders, config.references, self.renders, self.recordings, self.board)
        self.maps = Maps(self.library, self.board)
        self.searches = Searches(self.library, self.uploads, limits.hits)
        self.names = PublicNames(self._known_folders(mixes))

    def _known_folders(self, mixes: MixFolders) -> dict[Path, str]:
        """What messages may name, by what visitors read in its place."""
        known = {mix.folder.parent: "" for mix in mixes.list()}
        known |= {mix.folder: mix.folder.name for mix in mixes.list()}
        known |= {Path(path).absolute().parent: "" for path in (self.config.index, *self.config.references)}
        return {**known, **dict.fromkeys((self.root, *self.library.folders), "")}

    def __enter__(self) -> WebSite:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop all work and delete all temporary files; a second call does nothing."""
        self._stack.close()

    def warm_up(self) -> None:
        """Load what the first upload needs ahead of it, on a thread of its own."""
        self._warming = threading.Thread(target=self._warm_up, name="warm-up")
        self._warming.start()

    def _warm_up(self) -> None:
        with suppress(FxrepError):  # whoever brings a recording is told
            self.recordings.warm_up()
        if self.closed:
            return
        try:
            self.library.listening_index()
        except FxrepError as error:
            logger.warning("searching by sound is not possible: %s", error)
        if self.maps.exists() and not self.closed:
            with suppress(FxrepError):
                self.maps.open("song")

    def describe(self) -> dict[str, Any]:
        """What is served, for the page."""
        state, limits = self.library.state(), self.config.limits
        return {
            "name": self.library.name,
            "songs": state.songs,
            "windows": state.windows,
            "generation": state.generation,
            "model": state.model,
            "window_s": state.window_s,
            "sample_rate": state.sample_rate,
            "fields": self.library.fields(),
            "has_map": self.maps.exists(),
            "can_search_audio": not self.library.encoder.failure,
            "mixes": len(self.mixes.folders),
            "limits": {"upload_bytes": limits.upload_bytes, "upload_s": limits.upload_s},
        }

    def sound(self, kind: str, name: str) -> Sound:
        """Open a recording.

        Args:
            kind: ``songs``, ``uploads`` or ``renders``.
            name: its id.

        Raises:
            UnknownError: it is not there.
            NotServedError: it must not be read.
        """
        if kind == "songs":
            if not (name.isascii() and name.isdigit() and len(name) < 19):
                raise UnknownError(f"{name!r:.40} is not the id of a song: ids are numbers")
            return Sound(self.library.open_song(int(name)), f"songs/{int(name)}", f"song {int(name)}")
        cache, advice = (self.uploads.cache, UPLOAD_GONE) if kind == "uploads" else (self.renders, RENDER_GONE)
        found = cache.use(name, lambda entry: (open_entry(entry), entry.facts))
        if found is None:
            raise UnknownError(advice)
        file, facts = found
        self.recordings.remember(f"{kind}/{name}/{file.stamp}", facts)
        return Sound(file, f"{kind}/{name}", str(facts.get("name", "the recording")))

    def mix_sound(self, mix_id: str, part: str) -> Sound:
        """Open the mix of a result folder, or its reference.

        Raises:
            UnknownError: there is no such mix.
            NotServedError: it is not there, or must not be read.
        """
        return Sound(self.mixes.open_part(mix_id, part), f"mixes/{mix_id}/{part}", part)

    async def search_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Call something quick that must not hold up other requests."""
        return await asyncio.get_running_loop().run_in_executor(self.searching, work, *arguments)

    async def listen_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Call something that decodes."""
        return await asyncio.get_running_loop().run_in_executor(self.listening, work, *arguments)

    def _stop(self) -> None:
        self.closed = True
        if self._warming is not None:
            self._warming.join()  # a thread that is cut off while it loads compiled code ends the process with a crash
        self.board.close()
        for pool in (self.searching, self.listening):
            pool.shutdown(wait=True, cancel_futures=True)
        self.recordings.close()
