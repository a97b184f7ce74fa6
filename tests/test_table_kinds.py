"""No verb replaces a table of another kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fxrep.data import Manifest, scan, write_manifest
from fxrep.errors import DataError, OutputError
from fxrep.retrieval import EmbeddingTable, read_embeddings
from fxrep.table_kinds import EMBEDDINGS, FOREIGN, MANIFEST, MAP, UNREADABLE, check_replaceable, table_kind
from fxrep.visualization import draw_map

TAGS = {"fxrep.fingerprint": "a", "fxrep.level": "song"}


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Path]:
    """A file of every kind."""
    files = {kind: tmp_path / f"{number}.parquet" for number, kind in enumerate((MANIFEST, EMBEDDINGS, MAP, FOREIGN))}
    write_manifest(files[MANIFEST], Manifest([], tmp_path))
    rows = pa.table({"path": ["a.wav"]})
    pq.write_table(rows.replace_schema_metadata(TAGS), files[EMBEDDINGS])
    pq.write_table(rows.replace_schema_metadata({**TAGS, "fxrep.group": "cluster"}), files[MAP])
    pq.write_table(rows, files[FOREIGN])
    files[UNREADABLE] = tmp_path / "text.parquet"
    files[UNREADABLE].write_text("my notes")
    return files


def test_every_kind_is_known_and_gives_way_to_its_own_only(tables: dict[str, Path], tmp_path: Path) -> None:
    assert {kind: table_kind(file) for kind, file in tables.items()} == {kind: kind for kind in tables}
    for kind, file in tables.items():
        for wanted in {MANIFEST, EMBEDDINGS, MAP} - {kind}:
            with pytest.raises(OutputError, match=f"holds {kind}, which is not replaced by {wanted}: choose another"):
                check_replaceable(file, wanted)
    check_replaceable(tables[MAP], MAP)
    (tmp_path / "empty.parquet").touch()
    for free in ("empty.parquet", "new.parquet"):
        check_replaceable(tmp_path / free, MAP)
    with pytest.raises(OutputError, match="is a folder"):
        check_replaceable(tmp_path, MAP)


def test_a_scan_and_a_map_leave_other_tables_alone(tables: dict[str, Path], tmp_path: Path) -> None:
    before = {kind: file.read_bytes() for kind, file in tables.items()}
    empty = EmbeddingTable([], [], *[np.empty(0)] * 3, level="song", fingerprint="a")
    for kind, file in tables.items():
        if kind != MANIFEST:
            with pytest.raises(OutputError, match="choose another name"):
                scan(tmp_path, file)
        if kind != MAP:
            with pytest.raises(OutputError, match="choose another name"):
                draw_map(empty, file)
    assert {kind: file.read_bytes() for kind, file in tables.items()} == before
    assert not list(tmp_path.glob("*.journal.jsonl"))


def test_who_takes_a_manifest_for_embeddings_is_not_told_to_write_over_it(tables: dict[str, Path]) -> None:
    with pytest.raises(DataError, match="holds a manifest and not fxrep embeddings") as refused:
        read_embeddings(tables[MANIFEST])
    assert f"-o {tables[MANIFEST].name}" not in str(refused.value)
