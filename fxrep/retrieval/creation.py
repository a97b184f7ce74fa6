"""The files of an empty index."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from fxrep.retrieval.database import IndexDatabase
from fxrep.retrieval.encoder import AudioEncoder
from fxrep.retrieval.index_state import IndexState
from fxrep.retrieval.journal import append_journal
from fxrep.retrieval.manifest import write_manifest
from fxrep.retrieval.matched_encoder import matching_of


def state_without_songs(encoder: AudioEncoder, model: str) -> IndexState:
    """The state of an index that is made with an encoder, which was loaded under a name."""
    matching = matching_of(encoder)
    return IndexState(
        fingerprint=encoder.fingerprint,
        model=model,
        dim=int(encoder.dim),
        sample_rate=int(encoder.sample_rate),
        window_s=float(encoder.window_s),
        loudness_lufs=matching.loudness_lufs,
        bandwidth_hz=matching.bandwidth_hz,
    )


def create_files(folder: Path, state: IndexState) -> None:
    """Write an index without songs into an empty folder.

    Raises:
        OutputError: it cannot be written.
    """
    with closing(IndexDatabase(folder, create=True)) as database, database.transaction():
        written = append_journal(folder, state, [])
        database.write_state(written)
    write_manifest(folder, written)
