from __future__ import annotations

import re

import numpy as np
import pytest
import soundfile

from fxrep.errors import ArgumentError, DataError

RATE = 22050


def test_build_names_the_bad_file_and_keeps_the_rest(tmp_path, command, model, songs):
    result = command("index", "build", tmp_path / "lib.fxindex", songs, "--model", model, "--json")
    assert result["added"] == [1, 2, 3, 4]
    assert [failure["path"] for failure in result["failures"]] == [str(songs / "broken.wav")]
    again = command("index", "build", tmp_path / "lib.fxindex", songs, "--model", model, "--force")
    assert "added 4, unchanged 0, failed 1" in again["text"]
    assert re.search(r"left out .*broken\.wav: \S+", again["errors"])


def test_add_and_remove(tmp_path, command, library, songs):
    assert len(command("index", "add", library, songs, "--json")["unchanged"]) == 4
    soundfile.write(songs / "4.wav", np.random.default_rng(9).normal(size=RATE) * 0.1, RATE)
    assert command("index", "add", library, songs / "4.wav", "--json")["added"] == [5]
    assert command("index", "remove", library, songs / "4.wav", 1, "--json")["removed"] == [1, 5]
    assert command("index", "remove", library, songs)["text"].endswith("removed 3, 0 left\n")
    with pytest.raises(ArgumentError, match="no song with id 77"):
        command("index", "remove", library, 77)
    with pytest.raises(ArgumentError, match="not in the index"):
        command("index", "remove", library, "missing.wav")
    with pytest.raises(DataError, match="none of the files"):
        command("index", "add", library, songs / "broken.wav")


def test_info(command, library, songs):
    result = command("index", "info", library, "--songs", "--json")
    assert (result["songs"], result["windows"], result["dim"]) == (4, 8, 8)
    assert result["song_list"][0]["metadata"] == {"genre": "rock"}
    assert "0:02.0" in command("index", "info", library, "--songs")["text"]


def test_metadata_that_is_none(tmp_path, command, library, songs):
    (tmp_path / "bad.csv").write_text("name,genre\na,b\n")
    with pytest.raises(DataError, match="no column named path"):
        command("index", "add", library, songs, "--metadata", tmp_path / "bad.csv")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        command("index", "add", library, songs, "--metadata", tmp_path / "missing.csv")
