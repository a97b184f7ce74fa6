"""What files are called in answers: by their place in the library or in a mix, never by their place on this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

# Folders that are not known, from the root to the last: none of a name ends in a space, so that of two paths in one
# sentence the words between them stay.
_FOLDERS = re.compile(
    r"(?<![\w./<)-])(?!(?<=:)//)(?:[A-Za-z]:(?=[\\/]))?[\\/]+"
    r"(?:[^\\/:\n'\"(),;]*[^\\/:\n'\"(),; ][\\/]+)*(?=[^\s])"
)


class PublicNames:
    """Takes the folders of this machine out of messages.

    Args:
        known: by folder, what is written in its place: a name, or nothing where names are relative to it.
    """

    def __init__(self, known: Mapping[Path, str]) -> None:
        inner_first = sorted(known.items(), key=lambda item: -len(str(item[0])))
        self._known = [
            (re.compile(rf"(?<![\w./-]){re.escape(str(folder))}(?P<rest>[\\/]|(?![\w.-]))"), folder.name, shown)
            for folder, shown in inner_first
            if folder != folder.parent and folder.is_absolute()
        ]

    def text(self, text: str) -> str:
        """A message on one line, without absolute paths.

        What lies in no known folder loses its folders but the name: the message tells as much whether it exists or not.
        """
        for pattern, name, shown in self._known:
            text = pattern.sub(lambda match: _in_place(match["rest"], name, shown), text)  # noqa: B023  # called at once
        return " ".join(_FOLDERS.sub("", text).split())


def _in_place(rest: str, name: str, shown: str) -> str:
    """What stands for a folder: before a separator nothing or its name, alone always its name."""
    return f"{shown}{rest}" if shown and rest else "" if rest else shown or name
