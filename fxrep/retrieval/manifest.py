"""`manifest.json`: what an index holds and the checksum of every part, for people and other programs.

It follows from the state in the database and nothing else, so whether it is sound is seen by making it again.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from fxrep.errors import OutputError
from fxrep.files import atomic_file
from fxrep.retrieval.index_state import IndexState
from fxrep.retrieval.vector_parts import part_file

logger = logging.getLogger(__name__)
MANIFEST_NAME = "manifest.json"


def manifest_text(folder: Path, state: IndexState) -> str:
    """The manifest of a state."""
    files = []
    for number, part in sorted(state.parts.items()):
        names = [part_file(folder, level, number).name for level in ("window", "song")]
        files.append({"file": names[0], "rows": part.windows, "crc32": f"{part.windows_crc:08x}"})
        files.append({"file": names[1], "rows": part.songs, "crc32": f"{part.songs_crc:08x}"})
    inverted = state.inverted
    described = {
        "format": "fxrep reference index",
        "format_version": state.format_version,
        "encoder": {
            "fingerprint": state.fingerprint,
            "name": state.model,
            "dim": state.dim,
            "sample_rate": state.sample_rate,
            "window_s": state.window_s,
        },
        **({"matched": _matched(state)} if state.matching else {}),
        "generation": state.generation,
        "songs": state.songs,
        "windows": state.windows,
        "vectors": files,
        "journal": {"file": state.journal, "bytes": state.journal_bytes, "crc32": f"{state.journal_crc:08x}"},
        "inverted_lists": dict(inverted) if inverted else None,
    }
    return json.dumps(described, indent=2) + "\n"


def _matched(state: IndexState) -> dict[str, float | None]:
    return {"loudness_lufs": state.loudness_lufs, "bandwidth_hz": state.bandwidth_hz}


def write_manifest(folder: Path, state: IndexState) -> None:
    """Write the manifest; a failure is only logged, since nothing is read from it."""
    try:
        with atomic_file(folder / MANIFEST_NAME) as temporary:
            temporary.write_text(manifest_text(folder, state), encoding="utf-8")
    except OutputError as error:
        logger.warning("%s: the index is safe, its manifest is written with the next change", error)


def manifest_fault(folder: Path, state: IndexState) -> str | None:
    """What is wrong with the manifest; None where it is right, or behind a change that was cut off."""
    file = folder / MANIFEST_NAME
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None if state.generation == 0 else f"{file.name} is missing"
    except (OSError, UnicodeDecodeError):
        return f"{file.name} cannot be read"
    if text == manifest_text(folder, state):
        return None
    try:
        behind = int(json.loads(text)["generation"]) < state.generation
    except (ValueError, TypeError, KeyError):
        behind = False
    return None if behind else f"{file.name} is damaged"
