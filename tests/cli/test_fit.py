"""`fxrep fit` refuses what it cannot do, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from fxrep.cli.fit import run
from fxrep.errors import ArgumentError, DataError


def fit(system: str, output: Path, force: bool = False) -> None:
    run(system, [Path("missing.parquet")], output, "train", "test", 4, 0, force, False)


def test_what_cannot_be_fitted(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="choose classical"):
        fit("dmc", tmp_path / "new")
    (tmp_path / "model.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ArgumentError, match="holds a model already"):
        fit("classical", tmp_path)
    with pytest.raises(DataError, match="missing"):
        fit("classical", tmp_path, force=True)
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(ArgumentError, match="holds something else"):
        fit("classical", tmp_path, force=True)
    with pytest.raises(ArgumentError, match="is a file"):
        fit("classical", tmp_path / "letter.txt")
