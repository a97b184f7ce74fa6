"""Files are opened only where they may be, whatever a name or a link says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fxrep.web.opened_file import NotServedError, open_inside

FILES = Path("/proc/self/fd")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = Path(os.path.realpath(tmp_path))
    for path in ("music/a.wav", "music/deep/b.wav", "secret.txt", "music-other/c.wav"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    (root / "music/link-out.wav").symlink_to(root / "secret.txt")
    (root / "music/link-in.wav").symlink_to(root / "music/a.wav")
    (root / "music/folder-out").symlink_to(root / "music-other")
    (root / "music/loop.wav").symlink_to(root / "music/loop.wav")
    (root / "music/gone.wav").symlink_to(root / "music/nothing.wav")
    os.mkfifo(root / "music/pipe.wav")
    return root


@pytest.mark.parametrize("name", ["a.wav", "deep/b.wav", "deep/../a.wav", "link-in.wav"])
def test_what_lies_inside_is_read(tree: Path, name: str) -> None:
    file = open_inside(tree / "music" / name, [tree / "music"])
    assert file.read(0, 100).decode() in ("music/a.wav", "music/deep/b.wav") and file.read(file.size, 10) == b""
    file.close()
    file.close()


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../secret.txt",
            "link-out.wav",
            "folder-out/c.wav",
            "../music-other/c.wav",
            "loop.wav",
            "gone.wav",
            "pipe.wav",
        ),
        *("deep", "", ".", "nothing.wav", "/etc/passwd", "deep/../../secret.txt", "%2e%2e/secret.txt", "a.wav\0.txt"),
    ],
)
def test_all_else_is_not(tree: Path, name: str) -> None:
    before = len(list(FILES.iterdir())) if FILES.exists() else 0
    with pytest.raises(NotServedError):
        open_inside(tree / "music" / name, [tree / "music"])
    assert before == 0 or len(list(FILES.iterdir())) == before


def test_a_folder_whose_name_only_begins_alike_is_another(tree: Path) -> None:
    with pytest.raises(NotServedError):
        open_inside(tree / "music-other/c.wav", [tree / "music"])


def test_what_was_opened_is_read_although_its_name_is_given_to_another(tree: Path) -> None:
    file = open_inside(tree / "music/a.wav", [tree / "music"])
    (tree / "music/a.wav").unlink()
    (tree / "music/a.wav").symlink_to(tree / "secret.txt")
    assert file.read(0, 100) == b"music/a.wav"
    file.close()


parts = st.sampled_from(["..", ".", "music", "deep", "a.wav", "folder-out", "link-out.wav", "secret.txt", "c.wav", "~"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.lists(parts | st.text(max_size=5), max_size=8))
def test_no_path_leads_out(tree: Path, names: list[str]) -> None:
    try:
        file = open_inside(tree / "music" / "/".join(names).lstrip("/"), [tree / "music"])
    except NotServedError:
        return
    assert file.read(0, 100).startswith(b"music/") and file.path.is_relative_to(tree / "music")
    file.close()
