from __future__ import annotations

from importlib.util import find_spec

import pytest

from fxrep.errors import ArgumentError, AudioError, CheckpointError, MissingExtraError, ReferenceIndexError
from fxrep.retrieval import read_embeddings


def test_songs_and_windows(tmp_path, command, model, songs):
    result = command("embed", songs, "-o", tmp_path / "out.parquet", "--model", model, "--json")
    assert (result["files"], result["rows"], result["dim"]) == (4, 4, 8)
    assert [failure["path"] for failure in result["failures"]] == [str(songs / "broken.wav")]
    assert read_embeddings(tmp_path / "out.parquet").fingerprint == result["fingerprint"]
    again = command("embed", songs, "-o", tmp_path / "out.parquet", "--model", model)
    assert "4 embeddings of 4 files (4 from an earlier run)" in again["text"]
    fewer = command("embed", songs / "1.wav", "-o", tmp_path / "out.parquet", "--model", model)
    assert "4 embeddings of 4 files (1 from an earlier run); 3 of them are not named now and were kept" in fewer["text"]
    pruned = command("embed", songs / "1.wav", "-o", tmp_path / "out.parquet", "--model", model, "--prune")
    assert "1 embeddings of 1 files (1 from an earlier run); dropped 3 that are not named now" in pruned["text"]
    windows = command("embed", songs, "-o", tmp_path / "windows.parquet", "--model", model, "--windows", "--json")
    assert windows["rows"] == 8


def test_embeddings_can_be_indexed(tmp_path, command, model, library, songs):
    for n in range(4):
        command("index", "remove", library, n + 1)
    command("embed", songs, "-o", tmp_path / "windows.parquet", "--model", model, "--windows")
    assert command("index", "add", library, tmp_path / "windows.parquet", "--json")["added"] == [5, 6, 7, 8]


def test_loudness_and_bandwidth_are_those_of_the_index(tmp_path, command, model, library, songs):
    plain = ("--match-loudness", "none", "--match-bandwidth", "none")
    parts = tmp_path / "plain.parquet"
    result = command("embed", songs, "-o", parts, "--model", model, "--windows", *plain, "--json")
    assert result["heard"] == "as released"
    with pytest.raises(ReferenceIndexError, match=r"as released, but .* hears them at -16 LUFS, up to 14 kHz"):
        command("index", "add", library, parts)
    command("index", "build", tmp_path / "plain.fxindex", parts, "--model", model, *plain)
    assert command("index", "info", tmp_path / "plain.fxindex", "--json")["heard"] == "as released"
    for wrong in (("--match-loudness", "loud"), ("--match-bandwidth", "3"), ("--match-loudness", "nan")):
        with pytest.raises(ArgumentError, match=r"none"):
            command("embed", songs, "-o", parts, "--model", model, *wrong)


def test_shards_share_the_files(tmp_path, command, model, songs):
    rows = [
        command("embed", songs, "-o", tmp_path / f"{n}.parquet", "--model", model, "--shard", f"{n}/2", "--json")[
            "rows"
        ]
        for n in (1, 2)
        if any_good(songs, n)
    ]
    assert sum(rows) == 4


def test_a_cluster_shares_the_files(tmp_path, command, model, songs):
    for options in (("--shard", "1/2"), ("--readers", "2")):
        with pytest.raises(ArgumentError, match="leave out --shard and --readers"):
            command("embed", songs, "-o", tmp_path / "out", "--model", model, "--ray", "local", *options)
    if find_spec("ray") is None:
        with pytest.raises(MissingExtraError, match=r"fxrep\[ray\]"):
            command("embed", songs, "-o", tmp_path / "out", "--model", model, "--ray", "local")


@pytest.mark.slow
def test_shards_of_a_cluster_can_be_indexed(tmp_path, command, model, library, songs):
    pytest.importorskip("ray.data")
    call = ("embed", songs, "-o", tmp_path / "out", "--model", model, "--windows", "--ray", "local", "--json")
    assert (command(*call)["files"], command(*call)["reused"]) == (4, 4)
    for n in range(4):
        command("index", "remove", library, n + 1)
    assert sorted(command("index", "add", library, tmp_path / "out", "--json")["added"]) == [5, 6, 7, 8]


def any_good(songs, number) -> bool:
    from fxrep.retrieval import in_shard

    return any(in_shard(songs / f"{n}.wav", (number, 2)) for n in range(4))


def test_wrong_calls(tmp_path, command, model, songs):
    for shard in ("1", "a/b", "0/2", "3/2", "1/"):
        with pytest.raises(ArgumentError, match="shard"):
            command("embed", songs, "-o", tmp_path / "out.parquet", "--model", model, "--shard", shard)
    with pytest.raises(CheckpointError):
        command("embed", songs, "-o", tmp_path / "out.parquet", "--model", tmp_path / "no-model")
    with pytest.raises(AudioError, match="none of the 1 files"):
        command("embed", songs / "broken.wav", "-o", tmp_path / "out.parquet", "--model", model)
