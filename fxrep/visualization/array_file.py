"""Arrays and a description in one file that is replaced as a whole, with a checksum over all of it; no pickles."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fxrep.files import atomic_file, share_like_others

_TAG = "fxrep"


class DamagedArraysError(Exception):
    """A file does not hold what was written to it."""


class KeptArrays(NamedTuple):
    """What a file holds.

    Attributes:
        arrays: by name.
        description: plain values.
        checksum: of all of it; another one means other content.
    """

    arrays: dict[str, np.ndarray]
    description: dict[str, Any]
    checksum: str


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], description: Mapping[str, Any]) -> str:
    """Write a safetensors file whose header carries the description as JSON and the CRC-32 of everything.

    Returns:
        The checksum, as `read_arrays` and `kept_checksum` tell it.

    Raises:
        OutputError: it cannot be written.
    """
    from safetensors.numpy import save_file

    kept = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = json.dumps(description, sort_keys=True)
    checksum = _checksum(kept, text)
    with atomic_file(path) as temporary:
        # One entry, since several come in an order that changes from run to run.
        save_file(kept, temporary, metadata={_TAG: f"{checksum} {text}"})
        share_like_others(temporary)
    return checksum


def read_arrays(path: Path) -> KeptArrays:
    """The inverse of `write_arrays`.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedArraysError: it is not what was written.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with safe_open(path, framework="np") as stream:
            tags = stream.metadata() or {}
            arrays = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        checksum, _, text = tags[_TAG].partition(" ")
        if checksum != _checksum(arrays, text):
            raise DamagedArraysError("its checksum is wrong")
        return KeptArrays(arrays, json.loads(text), checksum)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise DamagedArraysError(f"it cannot be read ({error})".replace("\n", " ")) from error


def kept_checksum(path: Path) -> str | None:
    """The checksum that a file carries, read from its header alone; None where there is no such file, or no header."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as stream:
            return (stream.metadata() or {}).get(_TAG, "").partition(" ")[0] or None
    except (SafetensorError, OSError, ValueError):
        return None


def _checksum(arrays: Mapping[str, np.ndarray], text: str) -> str:
    crc = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    for name, array in sorted(arrays.items()):
        crc = zlib.crc32(f"{name} {array.dtype} {array.shape}".encode(), crc)
        crc = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, crc)
    return f"{crc:08x}"
