"""Whether an index and what is given to it come from the same model."""

from __future__ import annotations

from pathlib import Path

from fxrep.errors import ArgumentError, ReferenceIndexError
from fxrep.retrieval.embedding_file import EmbeddingFile
from fxrep.retrieval.embedding_table import EmbeddingTable


def check_model(index: Path, expected: str, given: str) -> None:
    """Refuse an encoder that did not make the index.

    Raises:
        ReferenceIndexError: the fingerprints differ.
    """
    if given != expected:
        raise ReferenceIndexError(
            f"{index} was made with model {_short(expected)}, but the model given is "
            f"{_short(given)}: give the first, or rebuild with: fxrep index build {index} SONGS --force"
        )


def check_windows(table: EmbeddingTable | EmbeddingFile, fingerprint: str, index: str) -> None:
    """Refuse embeddings that an index cannot take.

    Raises:
        ReferenceIndexError: the table was made with another model.
        ArgumentError: it has no windows.
    """
    if table.fingerprint != fingerprint:
        raise ReferenceIndexError(
            f"the embeddings were made with model {_short(table.fingerprint)}, but {index} with "
            f"{_short(fingerprint)}: give that model, or embed the songs again"
        )
    if table.level != "window":
        raise ArgumentError("the table holds whole songs only: embed again with --windows")


def _short(fingerprint: str) -> str:
    return fingerprint[:16]
