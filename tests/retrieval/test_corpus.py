from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fxrep.errors import ArgumentError, AudioError, DataError, OutputError, ReferenceIndexError
from fxrep.retrieval import ReferenceIndex, build_index, embed_corpus, in_shard, read_embeddings
from fxrep.retrieval.embedding_file import EmbeddingFile


def test_one_row_per_song_with_the_encoder_named(tmp_path, encoder, songs):
    report = embed_corpus(songs[0].parent, encoder, tmp_path / "out.parquet")
    assert (report.files, report.rows, report.failures) == (6, 6, [])
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.field("embedding").type == pa.list_(pa.float32(), 24)
    assert table.schema.metadata[b"fxrep.fingerprint"] == b"bands-1"
    assert table.column("path").to_pylist() == [str(path) for path in songs]
    expected = np.stack([encoder.embed(path) for path in songs])
    np.testing.assert_allclose(read_embeddings(tmp_path / "out.parquet").vectors, expected, atol=1e-6)
    assert not (tmp_path / "out.parquet.parts").exists()


def test_windows_have_their_positions(tmp_path, encoder, songs):
    embed_corpus(songs[0], encoder, tmp_path / "out.parquet", level="window")
    table = read_embeddings(tmp_path / "out.parquet")
    assert table.start_s.tolist() == [0.0, 0.5, 1.0] and table.duration_s.tolist() == [0.5, 0.5, 0.5]
    np.testing.assert_allclose(table.vectors, encoder.embed_windows(songs[0])[1], atol=1e-6)


def test_the_same_bytes_each_time(tmp_path, encoder, songs):
    for name in ("a.parquet", "b.parquet"):
        embed_corpus(songs, encoder, tmp_path / name, level="window")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, encoder, songs, monkeypatch):
    embed, calls = encoder.embed_windows, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return embed(*arguments)

    monkeypatch.setattr(encoder, "embed_windows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        embed_corpus(songs, encoder, tmp_path / "out.parquet", part_files=2)
    assert not (tmp_path / "out.parquet").exists()
    report = embed_corpus(songs, encoder, tmp_path / "out.parquet", part_files=2)
    assert (report.reused, report.files, len(calls)) == (3, 6, 7)
    embed_corpus(songs, encoder, tmp_path / "whole.parquet")
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_only_what_changed_is_embedded_again(tmp_path, encoder, songs):
    output = tmp_path / "out.parquet"
    embed_corpus(songs, encoder, output)
    songs[0].write_bytes(songs[1].read_bytes())
    assert embed_corpus(songs, encoder, output).reused == 5


def test_rows_of_files_not_named_stay_until_they_are_pruned(tmp_path, encoder, songs):
    output = tmp_path / "out.parquet"
    embed_corpus(songs, encoder, output, level="window")
    report = embed_corpus(songs[0], encoder, output, level="window")
    assert (report.files, report.rows, report.reused, report.kept, report.dropped) == (6, 18, 1, 5, 0)
    assert sorted(set(read_embeddings(output).paths)) == sorted(str(path) for path in songs)
    report = embed_corpus(songs[:2], encoder, output, level="window", prune=True)
    assert (report.files, report.rows, report.kept, report.dropped) == (2, 6, 0, 4)


def test_a_file_under_another_name_of_its_folder_is_the_same_file(tmp_path, encoder, songs, monkeypatch):
    output = tmp_path / "out.parquet"
    embed_corpus(songs, encoder, output)
    monkeypatch.chdir(tmp_path)
    report = embed_corpus("songs", encoder, output)
    assert (report.files, report.reused, report.kept) == (6, 6, 0)
    assert read_embeddings(output).paths[0].startswith("songs")


def test_what_an_interrupted_run_finished_stays_when_fewer_files_are_named(tmp_path, encoder, songs, monkeypatch):
    embed, calls = encoder.embed_windows, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return embed(*arguments)

    monkeypatch.setattr(encoder, "embed_windows", interrupted)
    output = tmp_path / "out.parquet"
    with pytest.raises(KeyboardInterrupt):
        embed_corpus(songs, encoder, output, part_files=2)
    (tmp_path / "bad.wav").touch()
    with pytest.raises(AudioError, match="none of the 1 files"):
        embed_corpus(tmp_path / "bad.wav", encoder, output)
    assert embed_corpus(songs[5], encoder, output).files == 4


def test_nothing_else_is_replaced(tmp_path, encoder, other_encoder, songs):
    output = tmp_path / "out.parquet"
    embed_corpus(songs, encoder, output, shard=(1, 2))
    before = output.read_bytes()
    for shard in ((2, 2), None):
        with pytest.raises(OutputError, match=r"holds shard 1/2, not .*every shard an output of its own"):
            embed_corpus(songs, encoder, output, shard=shard)
    with pytest.raises(OutputError, match="another model"):
        embed_corpus(songs, other_encoder, output, shard=(1, 2))
    with pytest.raises(OutputError, match="one row per song, not per window"):
        embed_corpus(songs, encoder, output, shard=(1, 2), level="window")
    assert output.read_bytes() == before
    for content in (b"PAR1 and nothing more", b"notes"):
        output.write_bytes(content)
        with pytest.raises(OutputError, match="not Parquet"):
            embed_corpus(songs, encoder, output)
        assert output.read_bytes() == content
    output.write_bytes(b"")
    assert embed_corpus(songs, encoder, output).files == 6


def test_an_unfinished_run_of_another_model_is_not_deleted(tmp_path, encoder, other_encoder, songs):
    parts = tmp_path / "out.parquet.parts"
    embed_corpus(songs[0], other_encoder, parts / "0.parquet")
    with pytest.raises(OutputError, match="interrupted run left, holds embeddings by another model"):
        embed_corpus(songs, encoder, tmp_path / "out.parquet")
    assert (parts / "0.parquet").exists()


def test_a_damaged_part_is_embedded_again(tmp_path, encoder, songs):
    parts = tmp_path / "out.parquet.parts"
    parts.mkdir()
    (parts / "0123.parquet").write_bytes(b"PAR1 and nothing more")
    assert embed_corpus(songs, encoder, tmp_path / "out.parquet").files == 6


def test_shards_are_a_partition(tmp_path, encoder, songs):
    for number in (1, 2, 3):
        embed_corpus(songs, encoder, tmp_path / "shards" / f"{number}.parquet", shard=(number, 3))
    whole = read_embeddings(tmp_path / "shards")
    assert sorted(whole.paths) == sorted(str(path) for path in songs)
    assert [sum(in_shard(f"{n}.wav", (i, 4)) for n in range(4000)) for i in (1, 2, 3, 4)] == pytest.approx(
        [1000] * 4, abs=120
    )
    # A stable hash: the same on every machine and in every version.
    assert [in_shard("songs/a.wav", (i, 4)) for i in (1, 2, 3, 4)].count(True) == 1


def test_bad_files_are_named_and_the_rest_goes_on(tmp_path, encoder, songs, bad_files):
    report = embed_corpus([*bad_files.values(), *songs], encoder, tmp_path / "out.parquet")
    assert {path for path, _ in report.failures} == {str(path) for path in bad_files.values()}
    assert report.files == 6


def test_wrong_calls(tmp_path, encoder, songs, bad_files):
    with pytest.raises(ArgumentError, match=r"not a .parquet file"):
        embed_corpus(songs, encoder, tmp_path / "out.csv")
    with pytest.raises(ArgumentError, match="shard 5/4"):
        embed_corpus(songs, encoder, tmp_path / "out.parquet", shard=(5, 4))
    with pytest.raises(AudioError, match="none of the 1 files"):
        embed_corpus(bad_files["empty"], encoder, tmp_path / "out.parquet")
    with pytest.raises(OutputError, match="is a folder"):
        (tmp_path / "folder.parquet").mkdir()
        embed_corpus(songs, encoder, tmp_path / "folder.parquet")
    with pytest.raises(OutputError, match="cannot write"):
        embed_corpus(songs, encoder, songs[0] / "out.parquet")


def test_tables_that_are_none(tmp_path, encoder, other_encoder, songs):
    with pytest.raises(DataError, match="does not exist"):
        read_embeddings(tmp_path / "missing.parquet")
    (tmp_path / "garbage.parquet").write_bytes(b"garbage")
    with pytest.raises(DataError, match="not a readable Parquet"):
        read_embeddings(tmp_path / "garbage.parquet")
    pq.write_table(pa.table({"path": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match="a table that fxrep did not write and not fxrep embeddings"):
        read_embeddings(tmp_path / "other.parquet")
    embed_corpus(songs[0], encoder, tmp_path / "mixed" / "1.parquet")
    embed_corpus(songs[1], other_encoder, tmp_path / "mixed" / "2.parquet")
    with pytest.raises(DataError, match="different models"):
        read_embeddings(tmp_path / "mixed")


def test_an_index_takes_embeddings_that_exist(tmp_path, encoder, other_encoder, songs):
    embed_corpus(songs, encoder, tmp_path / "windows.parquet", level="window")
    embed_corpus(songs, encoder, tmp_path / "songs.parquet")
    direct = ReferenceIndex.create(tmp_path / "direct.fxindex", encoder)
    direct.add(songs)
    index = ReferenceIndex.create(tmp_path / "library.fxindex", encoder)
    assert len(index.add_embeddings(read_embeddings(tmp_path / "windows.parquet")).added) == 6
    assert index.search(songs[2]) == direct.search(songs[2])
    assert len(index.add(songs).unchanged) == 6
    with pytest.raises(ArgumentError, match="--windows"):
        index.add_embeddings(read_embeddings(tmp_path / "songs.parquet"))
    with pytest.raises(ReferenceIndexError, match=r"bands-1.*bands-2"):
        ReferenceIndex.create(tmp_path / "other.fxindex", other_encoder).add_embeddings(
            read_embeddings(tmp_path / "windows.parquet")
        )


def test_files_of_any_size_are_added_piece_by_piece(tmp_path, encoder, other_encoder, songs, monkeypatch):
    embed_corpus(songs[:3], encoder, tmp_path / "parts" / "1.parquet", level="window")
    embed_corpus(songs[3:], encoder, tmp_path / "parts" / "2.parquet", level="window")
    for rows in (1, 4, 8192):
        # Songs of three rows lie across pieces of one and of four.
        monkeypatch.setattr(EmbeddingFile.pieces, "__defaults__", (rows,))
        with ReferenceIndex.create(tmp_path / f"{rows}.fxindex", encoder) as index:
            assert len(index.add_embedding_files(tmp_path / "parts").added) == 6
            again = index.add_embedding_files([tmp_path / "parts" / "1.parquet", tmp_path / "parts" / "2.parquet"])
            assert len(again.unchanged) == 6
            for song in songs:
                vectors = encoder.embed_windows(song)[1].numpy()
                assert [hit.path for hit in index.search_vector(vectors, 1)] == [song.resolve()]
                assert index.search_vector(vectors[2], 1)[0].start_s == 1.0
    with ReferenceIndex.create(tmp_path / "other.fxindex", other_encoder) as index:
        with pytest.raises(ReferenceIndexError, match=r"bands-1.*bands-2"):
            index.add_embedding_files(tmp_path / "parts")
        assert len(index) == 0


def test_an_index_is_built_of_shards_and_songs_together(tmp_path, encoder, songs):
    shards = tmp_path / "shards"
    for number in (1, 2):
        embed_corpus(songs[:4], encoder, shards / f"{number}.parquet", level="window", shard=(number, 2))
    (shards / "shards.json").write_text('{"shards": 2}')
    (songs[0].parent / "notes.parquet").write_bytes(b"a table beside songs makes no embeddings of them")
    report = build_index(tmp_path / "library.fxindex", [shards, songs[0].parent], encoder)
    assert (len(report.added), len(report.unchanged), report.failures) == (6, 4, [])


def test_windows_that_are_not_together_are_refused(tmp_path, encoder, songs):
    embed_corpus(songs, encoder, tmp_path / "out.parquet", level="window")
    table = pq.read_table(tmp_path / "out.parquet")
    pq.write_table(pa.concat_tables([table.slice(0, 2), table.slice(3, 6), table.slice(2, 1)]), tmp_path / "x.parquet")
    with (
        ReferenceIndex.create(tmp_path / "x.fxindex", encoder) as index,
        pytest.raises(DataError, match="not together"),
    ):
        index.add_embedding_files(tmp_path / "x.parquet")
