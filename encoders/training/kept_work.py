"""Folders of work that training does once and keeps: a note in them says what it depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fxrep.errors import ArgumentError, DataError
from fxrep.files import atomic_file


def claim_folder(note: Path, about: dict[str, Any], others: str) -> None:
    """Make the folder of a note and write it; a folder whose note says something else is refused.

    Args:
        note: a JSON file.
        about: what the work depends on, plain values.
        others: what a folder with another note holds, for the message, and which option names another folder.

    Raises:
        ArgumentError: the note is there and says something else.
        DataError: it is damaged.
    """
    note.parent.mkdir(parents=True, exist_ok=True)
    if note.is_file() and read_note(note) != json.loads(json.dumps(about)):
        raise ArgumentError(f"{note.parent} holds {others}, or delete it")
    with atomic_file(note) as temporary:
        temporary.write_text(json.dumps(about, indent=2), encoding="utf-8")


def read_note(note: Path) -> Any:
    """What a note says.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{note} is missing or damaged: delete the folder, it will be written again") from error
