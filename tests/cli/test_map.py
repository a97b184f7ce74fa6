from __future__ import annotations

import pytest

from fxrep.errors import ArgumentError


def test_an_index_becomes_a_page_a_picture_and_a_table(tmp_path, command, library):
    result = command("map", library, "-o", tmp_path / "map.html", "--color", "genre", "--clip-seconds", 0.5, "--json")
    assert (result["points"], result["clips"], result["failures"]) == (4, 4, [])
    assert result["groups"] == ["rock", "jazz", "not given"]
    assert result["size_bytes"] == (tmp_path / "map.html").stat().st_size
    assert "4 points, 0 clips" in command("map", library, "-o", tmp_path / "quiet.html", "--no-audio")["text"]
    for name in ("map.png", "map.parquet"):
        command("map", library, "-o", tmp_path / name, "--level", "window")
        assert (tmp_path / name).stat().st_size > 1000


def test_embeddings_become_a_map(tmp_path, command, model, songs):
    command("embed", songs, "-o", tmp_path / "windows.parquet", "--model", model, "--windows")
    drawn = command("map", tmp_path / "windows.parquet", "-o", tmp_path / "map.png", "--level", "song", "--json")
    assert drawn["points"] == 4


def test_wrong_calls(tmp_path, command, library):
    for arguments in (["--color", "mood"], ["--level", "bar"], ["--clip-seconds", "-1"]):
        with pytest.raises(ArgumentError):
            command("map", library, "-o", tmp_path / "map.html", *arguments)
    assert not (tmp_path / "map.html").exists()
