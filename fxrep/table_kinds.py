"""Which of the tables of this project a Parquet file holds, so that none is ever replaced by one of another kind."""

from __future__ import annotations

import os
from pathlib import Path

from fxrep.errors import OccupiedError

MANIFEST = "a manifest"
EMBEDDINGS = "embeddings"
MAP = "the coordinates of a map"
FOREIGN = "a table that fxrep did not write"
UNREADABLE = "something that is not Parquet"


def table_kind(path: str | os.PathLike[str]) -> str | None:
    """What a file holds, in words: one of the constants above; None where there is no file, or an empty one.

    Only the end of the file is read, whatever its size.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = Path(path)
    if not file.is_file() or file.stat().st_size == 0:
        return None
    try:
        tags = pq.read_schema(file).metadata or {}
    except (pa.ArrowException, OSError):
        return UNREADABLE
    if b'"fxrep manifest"' in tags.get(b"fxrep", b""):
        return MANIFEST
    if b"fxrep.group" in tags:
        return MAP
    return EMBEDDINGS if b"fxrep.fingerprint" in tags and b"fxrep.level" in tags else FOREIGN


def check_replaceable(path: str | os.PathLike[str], kind: str) -> None:
    """Refuse to write a table of one kind over anything else.

    Args:
        path: the Parquet file that is to be written.
        kind: one of the constants above.

    Raises:
        OccupiedError: the file holds something else, or is a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise OccupiedError(f"{target} is a folder: give the name of a file to write")
    found = table_kind(target)
    if found not in (None, kind):
        raise OccupiedError(f"{target} holds {found}, which is not replaced by {kind}: choose another name")
