"""Writing whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from fxrep import scratch_folder
from fxrep.files import atomic_file, atomic_folder, file_hash

needs_locks = pytest.mark.skipif(not importlib.util.find_spec("fcntl"), reason="there are no locks here")


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


WRITE = """
import sys, time
from fxrep.files import atomic_file, atomic_folder
with {kind}(sys.argv[1]) as draft:
    ({file}).write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""
FILES = {"atomic_folder": "draft / 'part'", "atomic_file": "draft"}


def started(kind: str, target: Path) -> subprocess.Popen[str]:
    """A process in the middle of writing."""
    code = WRITE.format(kind=kind, file=FILES[kind])
    process = subprocess.Popen([sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "writing\n"
    return process


@needs_locks
@pytest.mark.parametrize("kind", FILES)
def test_what_a_killed_run_left_goes_with_the_next(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "out"
    (tmp_path / ".out.partial").mkdir()  # somebody's own
    for _ in range(2):
        process = started(kind, target)
        process.kill()
        process.communicate()
        assert sorted(path.name for path in tmp_path.iterdir()) == [".out.fxrep.partial", ".out.partial"]
    with (atomic_folder if kind == "atomic_folder" else atomic_file)(target) as draft:
        assert not list(draft.iterdir()) if kind == "atomic_folder" else not draft.exists()
        (draft / "part" if kind == "atomic_folder" else draft).write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.partial", "out"]
    assert (target / "part" if kind == "atomic_folder" else target).read_text() == "whole"


@needs_locks
def test_what_another_run_is_writing_stays(tmp_path: Path) -> None:
    target = tmp_path / "out"
    process = started("atomic_folder", target)
    try:
        with atomic_folder(target) as draft:
            (draft / "part").write_text("mine")
        assert (tmp_path / ".out.fxrep.partial/part").read_text() == "half"
    finally:
        process.kill()
        process.communicate()
    with atomic_folder(tmp_path / "out") as draft:
        (draft / "part").write_text("mine again")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@needs_locks
def test_several_that_were_killed_together_go_together(tmp_path: Path) -> None:
    both = [started("atomic_file", tmp_path / "out") for _ in range(2)]
    for process in both:
        process.kill()
        process.communicate()
    assert len(list(tmp_path.iterdir())) == 2
    with atomic_file(tmp_path / "out") as draft:
        draft.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_was_moved_away_and_not_replaced_comes_back(tmp_path: Path) -> None:
    (tmp_path / ".out.fxrep.replaced").mkdir()
    (tmp_path / ".out.fxrep.replaced/old").write_text("old")
    with pytest.raises(ValueError, match="no"), atomic_folder(tmp_path / "out"):
        raise ValueError("no")
    assert (tmp_path / "out/old").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("locks", [False, pytest.param(True, marks=needs_locks)])
def test_without_locks_nothing_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: bool) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    if locks:  # there are some, but not on this file system
        monkeypatch.setattr("fcntl.flock", refuse)
    else:
        monkeypatch.setattr(scratch_folder, "fcntl", None)
    (tmp_path / ".out.fxrep.partial").mkdir()
    (tmp_path / ".out.fxrep.partial/part").write_text("half")
    for _ in range(2):
        with atomic_folder(tmp_path / "out") as draft:
            (draft / "part").write_text("whole")
        with atomic_file(tmp_path / "file.txt") as draft:
            draft.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.fxrep.partial", "file.txt", "out"]
    assert (tmp_path / ".out.fxrep.partial/part").exists()


@pytest.mark.parametrize("name", [".a.fxrep.partial", ".a.fxrep12.partial", ".a.b.fxrep0badc0de.partial", ".a.fxrep.replaced"])  # fmt: skip # noqa: E501
def test_names_of_what_may_be_left_are_known(name: str) -> None:
    assert scratch_folder.is_scratch(name)
    assert not scratch_folder.is_scratch(name.removeprefix(".")) and not scratch_folder.is_scratch(name + "s")
