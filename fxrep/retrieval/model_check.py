"""Whether an index and what is given to it come from the same model."""

from __future__ import annotations

from pathlib import Path

from fxrep.errors import ArgumentError, ReferenceIndexError
from fxrep.retrieval.embedding_file import EmbeddingFile
from fxrep.retrieval.embedding_table import EmbeddingTable
from fxrep.retrieval.encoder import AudioEncoder
from fxrep.retrieval.matched_encoder import MatchedEncoder
from fxrep.retrieval.matching import Matching


def check_model(index: Path, expected: str, matching: Matching, encoder: AudioEncoder) -> None:
    """Refuse an encoder that did not make the index of this fingerprint and matching.

    Raises:
        ReferenceIndexError: the fingerprints differ.
    """
    given = encoder.fingerprint
    if given == expected:
        return
    if isinstance(encoder, MatchedEncoder) and encoder.matching != matching:
        raise ReferenceIndexError(
            f"{index} hears recordings {matching}, but the encoder given hears them {encoder.matching}: give that of "
            f"the index, or rebuild with: fxrep index build {index} SONGS --force {encoder.matching.options}"
        )
    raise ReferenceIndexError(
        f"{index} was made with model {_short(expected)}, but the model given is "
        f"{_short(given)}: give the first, or rebuild with: fxrep index build {index} SONGS --force"
    )


def check_windows(table: EmbeddingTable | EmbeddingFile, fingerprint: str, index: str, matching: Matching) -> None:
    """Refuse embeddings that an index of this fingerprint and matching cannot take.

    Raises:
        ReferenceIndexError: the table was made with another model, or of recordings that were matched otherwise.
        ArgumentError: it has no windows.
    """
    if table.matching != matching:
        name = str(table.path) if isinstance(table, EmbeddingFile) else "the table"
        raise ReferenceIndexError(
            f"{name} holds recordings {table.matching}, but {index} hears them {matching}: embed them again with: "
            f"fxrep embed SONGS -o NEW.parquet --windows {matching.options}"
        )
    if table.fingerprint != fingerprint:
        raise ReferenceIndexError(
            f"the embeddings were made with model {_short(table.fingerprint)}, but {index} with "
            f"{_short(fingerprint)}: give that model, or embed the songs again"
        )
    if table.level != "window":
        raise ArgumentError("the table holds whole songs only: embed again with --windows")


def _short(fingerprint: str) -> str:
    return fingerprint[:16]
