from __future__ import annotations

import re
import signal

import numpy as np
import pytest
import soundfile

from fxrep.cli.index_interruption import InterruptedWorkError
from fxrep.errors import ArgumentError, DataError, FxrepError

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


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C as soon as two songs are in the index that is built."""
    from fxrep.retrieval import ReferenceIndex

    add = ReferenceIndex.add

    def add_two(index, sources, **options):
        add(index, sorted(file for folder in sources for file in folder.glob("?.wav"))[:2], **options)
        signal.raise_signal(signal.SIGINT)

    # A shell that starts the tests in the background has the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with monkeypatch.context() as patch:
        patch.setattr(ReferenceIndex, "add", add_two)
        yield patch
    signal.signal(signal.SIGINT, before)


def test_an_interrupted_replacement_leaves_the_old_index_and_says_so(
    tmp_path, command, library, model, songs, interrupted
):
    before = command("index", "info", library, "--songs", "--json")
    with pytest.raises(InterruptedWorkError, match="is still the old index, unchanged; of the new one nothing") as told:
        command("index", "build", library, songs, "--model", model, "--force")
    assert told.value.exit_code == 130
    assert command("index", "info", library, "--songs", "--json") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lib.fxindex", "songs", "songs.csv"]


@pytest.mark.parametrize(("force", "advice"), [([], "the same call goes on"), (["--force"], "call without --force")])
def test_an_interrupted_index_goes_on(tmp_path, command, model, songs, interrupted, force, advice):
    build = ("index", "build", tmp_path / "lib.fxindex", songs, "--model", model)
    with pytest.raises(InterruptedWorkError, match=f"lib.fxindex holds the songs that were finished: .*{advice}"):
        command(*build, *force)
    interrupted.undo()
    done = command(*build, "--json")
    assert (len(done["unchanged"]), done["added"]) == (2, [3, 4])


def test_what_is_in_the_way_is_a_wrong_call(tmp_path, command, library, model, songs):
    calls = [
        ("index", "build", library, songs),
        ("index", "build", songs, songs),
        ("index", "build", library, songs, "--match-loudness", "soft"),
        ("index", "remove", library, 77),
        ("embed", songs, "-o", songs),
        ("embed", songs, "-o", songs / "broken.wav"),
        ("embed", songs, "-o", tmp_path / "out.parquet", "--shard", "3"),
    ]
    command("embed", songs, "-o", tmp_path / "out.parquet", "--model", model)
    calls.append(("embed", songs, "-o", tmp_path / "out.parquet", "--windows"))
    for call in calls:
        with pytest.raises(FxrepError) as told:
            command(*call, *(() if "remove" in call else ("--model", model)))
        assert told.value.exit_code == 2, (call, told.value)
