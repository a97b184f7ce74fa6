"""The mixes that are shown: folders that `fxrep transfer` and `fxrep mix` wrote, and consoles saved beside theirs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxrep.errors import ArgumentError, DataError
from fxrep.files import output_error
from fxrep.mixing import MixSession
from fxrep.web.library import UnknownError

CONSOLE = "console.json"
MIX = "mix.wav"
RESULT = "result.json"
_CONSOLES = re.compile(r"console(-[\w-]{1,60})?\.json")
_KEPT = 16
_MOST_SAVED = 1000


@dataclass(frozen=True)
class MixFolder:
    """A result folder.

    Attributes:
        id: for addresses; the same as long as the folder stays where it is.
        folder: its real path.
    """

    id: str
    folder: Path

    @property
    def name(self) -> str:
        """What it is called."""
        return self.folder.name

    def consoles(self) -> list[str]:
        """Files of settings in it, the one of the method first."""
        found = [path.name for path in self.folder.glob("console*.json") if _CONSOLES.fullmatch(path.name)]
        return sorted(found, key=lambda name: (name != CONSOLE, len(name), name))

    def result(self) -> dict[str, Any]:
        """What the method said about it; empty where that was not kept."""
        try:
            data = json.loads((self.folder / RESULT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}


class MixFolders:
    """All mixes that are shown, for any number of threads.

    Args:
        given: result folders, or folders of these.

    Raises:
        DataError: one is neither.
    """

    def __init__(self, given: Sequence[Path]) -> None:
        folders = [folder for one in given for folder in _result_folders(one)]
        self._mixes = {mix.id: mix for mix in map(_mix_folder, folders)}
        self._sessions: OrderedDict[tuple[str, int, int], MixSession] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._mixes)

    def list(self) -> list[MixFolder]:
        """All of them, in the order given."""
        return list(self._mixes.values())

    def get(self, mix_id: str) -> MixFolder:
        """A mix by its id.

        Raises:
            UnknownError: it is not shown.
        """
        if mix_id not in self._mixes:
            raise UnknownError("there is no such mix: name its folder with --mix when the server is started")
        return self._mixes[mix_id]

    def session(self, mix: MixFolder, console: str = CONSOLE) -> MixSession:
        """The settings and tracks of a mix; not to be changed.

        Args:
            mix: the folder.
            console: one of `MixFolder.consoles`.

        Raises:
            UnknownError: there is no such file.
            DataError: it is damaged, or its tracks are not there.
        """
        if console not in mix.consoles():
            raise UnknownError(f"{mix.name} has no {console!r:.80}: choose from {', '.join(mix.consoles())}")
        path = mix.folder / console
        status = path.stat()
        key = (str(path), status.st_mtime_ns, status.st_size)
        with self._lock:
            if key in self._sessions:
                self._sessions.move_to_end(key)
                return self._sessions[key]
        session = MixSession.load(path)
        with self._lock:
            self._sessions[key] = session
            while len(self._sessions) > _KEPT:
                self._sessions.popitem(last=False)
        return session

    def save(self, mix: MixFolder, session: MixSession, name: str | None) -> str:
        """Write settings as a new file beside those that are there, never over one.

        Args:
            mix: the folder.
            session: what to write.
            name: letters, digits and hyphens, for ``console-NAME.json``; None numbers it.

        Returns:
            The name of the file.

        Raises:
            ArgumentError: the name is none, or taken.
            OutputError: the folder cannot be written.
        """
        wanted = [f"console-{name}.json"] if name else [f"console-{n}.json" for n in range(2, _MOST_SAVED)]
        if not _CONSOLES.fullmatch(wanted[0]):
            raise ArgumentError(f"{name!r:.80} cannot be the name of a console: use letters, digits and hyphens")
        draft = mix.folder / f".console-{os.getpid()}-{threading.get_ident()}.json"
        try:
            session.save(draft)
            for target in wanted:
                try:
                    # A link is made only where nothing is: another process cannot come between.
                    os.link(draft, mix.folder / target)
                    return target
                except FileExistsError:
                    continue
        except OSError as error:
            raise output_error(mix.folder, error) from error
        finally:
            draft.unlink(missing_ok=True)
        raise ArgumentError(f"{wanted[0]} is there already: give another name")


def _result_folders(given: Path) -> list[Path]:
    if (given / CONSOLE).is_file():
        return [given]
    inside = sorted(path.parent for path in given.glob(f"*/{CONSOLE}")) if given.is_dir() else []
    if not inside:
        raise DataError(f"{given} holds no mix: give a folder that fxrep transfer or fxrep mix wrote")
    return inside


def _mix_folder(folder: Path) -> MixFolder:
    real = Path(os.path.realpath(folder))
    return MixFolder(hashlib.sha256(os.fsencode(real)).hexdigest()[:12], real)
