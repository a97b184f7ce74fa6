"""Writing whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fxrep.files import atomic_folder, file_hash


def test_an_interrupt_between_the_two_moves_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "release"
    target.mkdir()
    (target / "weights").write_text("old")
    move = Path.replace
    moves = []

    def interrupted(self: Path, to: Path) -> Path:
        moves.append(to)
        if len(moves) == 2:
            raise KeyboardInterrupt
        return move(self, to)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_folder(target) as draft:
        (draft / "weights").write_text("new")
    assert (target / "weights").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["release"]


def test_file_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(content)
    assert file_hash(tmp_path / "file") == hashlib.sha256(content).hexdigest()
