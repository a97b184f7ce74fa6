"""The cache is bounded in bytes and in number, forgets the oldest first, and goes when the server does."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fxrep.errors import OutputError
from fxrep.web.cache_folder import CacheFolder, temporary_root


def put(cache: CacheFolder, key: str, size: int) -> None:
    folder = cache.new_folder()
    (folder / "file").write_bytes(bytes(size))
    cache.keep(key, folder, {"size": size})


def test_the_one_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    gone: list[str] = []
    cache = CacheFolder(tmp_path / "cache", 100, 10, lambda entry: gone.append(entry.key))
    for key in "abc":
        put(cache, key, 30)
    assert cache.get("a") is not None
    put(cache, "d", 30)
    assert gone == ["b"] and cache.get("b") is None and cache.get("a") is not None
    assert cache.used_bytes == 90 and len(list((tmp_path / "cache").iterdir())) == 3


def test_who_reads_a_file_reads_on_when_it_is_dropped(tmp_path: Path) -> None:
    cache = CacheFolder(tmp_path / "cache", 100, 1)
    put(cache, "a", 30)
    entry = cache.get("a")
    assert entry is not None
    with (entry.folder / "file").open("rb") as file:
        put(cache, "b", 30)
        assert cache.get("a") is None and file.read() == bytes(30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 60), st.booleans()), max_size=25))
def test_it_stays_within_its_bounds_whatever_is_done(tmp_path: Path, steps: list[tuple[str, int, bool]]) -> None:
    cache = CacheFolder(tmp_path / os.urandom(6).hex(), 100, 3)
    for key, size, drop in steps:
        if drop:
            cache.drop(key)
        else:
            put(cache, key, size)
            assert cache.get(key) is not None
        on_disk = sum(file.stat().st_size for file in cache.folder.rglob("file"))
        assert on_disk == cache.used_bytes <= 100 and len(cache) == len(list(cache.folder.iterdir())) <= 3


def test_the_root_is_private_and_goes_with_the_server(tmp_path: Path) -> None:
    with temporary_root(tmp_path / "cache") as root, temporary_root(tmp_path / "cache") as other:
        assert root != other and stat.S_IMODE(root.stat().st_mode) == 0o700
        (root / "left").write_text("")
    assert not root.exists() and not other.exists()


def test_a_root_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="--cache"), temporary_root(tmp_path / "file"):
        pass
