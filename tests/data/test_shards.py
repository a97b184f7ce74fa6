"""Shards: the same bytes every time, nothing lost, and pairs that depend on nothing but their place in the run."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
import soundfile
import torch
import typer

from fxrep.audio import load_audio
from fxrep.cli import data_check, data_shard
from fxrep.data.manifest import Manifest, ManifestRow, read_manifest, write_manifest
from fxrep.data.pairs import PairDataset
from fxrep.data.shards import ShardStream, read_shard_index, write_shards
from fxrep.data.shards import writing as shard_writing
from fxrep.data.shards.archive import read_archive
from fxrep.data.shards.members import decode
from fxrep.data.shards.order import ShardOrder
from fxrep.data.shards.plan import plan_shards
from fxrep.data.stem_sets import StemSetDataset
from fxrep.errors import ArgumentError, DataError, FxrepError, MissingExtraError, OutputError

RATE = 8000
SECONDS = 7.0
PLAN = {"passage_s": 2.0, "shard_s": 24.0}


def row(path: str, instrument: str, split: str = "train", duration_s: float = SECONDS) -> ManifestRow:
    song = path.split("/")[0]
    return ManifestRow(
        path, "stem", "test", song, "ann", "CC0", split, instrument, instrument, duration_s, RATE, 1, -20.0, 0.0, path
    )


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Manifest:
    """Six songs of bass and drums, keys in two of them; the last song is for validation."""
    root = tmp_path_factory.mktemp("songs")
    rows = []
    for song in range(6):
        for number, instrument in enumerate(("bass", "drums", "keys") if song in (1, 5) else ("bass", "drums")):
            path = f"s{song}/{instrument}.wav"
            (root / path).parent.mkdir(exist_ok=True)
            noise = np.random.default_rng([song, number]).standard_normal(round(SECONDS * RATE))
            # The first track peaks above full scale, the second is silent from its third second on.
            noise *= 0.9 if path == "s0/bass.wav" else 0.1
            noise[2 * RATE :] *= 0.0 if path == "s0/drums.wav" else 1.0
            soundfile.write(root / path, noise, RATE, subtype="FLOAT")
            rows.append(row(path, instrument, "validation" if song == 5 else "train"))
    return Manifest(rows, root)


@pytest.fixture(scope="module")
def shards(manifest, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write_shards(manifest, folder, **PLAN)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def stream(shards: object, **settings: object) -> ShardStream:
    return ShardStream(
        **{"addresses": (str(shards),), "batch_size": 2, "batches_per_epoch": 12, "window": 2, **settings}
    )


def test_plan_uses_every_second_once_and_leaves_no_instrument_alone(manifest):
    planned = plan_shards(manifest, **PLAN)
    assert planned == plan_shards(Manifest(manifest.rows[::-1], manifest.root), **PLAN)
    assert planned != plan_shards(manifest, **PLAN, seed=1)
    seconds = defaultdict(list)
    for shard in planned:
        counts = Counter(passage.row.instrument for passage in shard.passages)
        assert min(counts.values()) >= 2 or shard.split == "validation"
        for passage in shard.passages:
            assert passage.row.split == shard.split and passage.duration_s >= PLAN["passage_s"]
            seconds[passage.row.path].append((passage.start_s, passage.duration_s))
        if shard.split == "train":
            assert {"bass", "drums"} <= set(counts)
            assert len({passage.song for passage in shard.passages if passage.row.instrument == "bass"}) > 1
    assert len(seconds) == len(manifest.rows)
    for parts in seconds.values():
        ends = np.cumsum([duration for _, duration in sorted(parts)])
        assert np.allclose([start for start, _ in sorted(parts)], [0.0, *ends[:-1]]) and ends[-1] == pytest.approx(
            SECONDS
        )
    lengths = [sum(passage.duration_s for passage in shard.passages) for shard in planned if shard.split == "train"]
    assert len(lengths) == 3 and max(lengths) - min(lengths) < 2 * SECONDS


def test_samples_hold_the_audio_and_what_is_known_of_it(manifest, shards):
    index = read_shard_index(shards)
    found = {}
    for entry in index.entries:
        data = (shards / entry.name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry.bytes, entry.sha256)
        samples = list(read_archive(data, entry.name))
        assert len(samples) == entry.samples
        for sample in samples:
            about = json.loads(bytes(sample.members["json"]))
            audio, rate = decode(sample.members["flac"], sample.key)
            truth, _ = load_audio(
                manifest.root / about["source"], start_s=about["start_s"], duration_s=about["duration_s"], channels=2
            )
            assert rate == RATE and about["split"] == entry.split and about["artist"] == "ann"
            assert (audio * 10 ** (-about["gain_db"] / 20) - truth).abs().max() < 1e-6
            found[about["source"], about["start_s"]] = about
    lowered = {source for (source, _), about in found.items() if about["gain_db"] < 0}
    assert lowered == {"s0/bass.wav"}
    assert [start for source, start in sorted(found) if source == "s0/drums.wav"] == [0.0], "silence was kept"
    assert index.provenance["train"]["artists"] == {"CC0": ["ann"]}


def test_archives_name_no_machine_and_no_time(shards):
    with tarfile.open(shards / "train-000000.tar") as archive:
        members = archive.getmembers()
    assert [member.name.split(".")[1] for member in members[:4]] == ["flac", "json", "flac", "json"]
    assert members[0].name.split(".")[0] == members[1].name.split(".")[0] == "train-000000-00000"
    assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in members} == {
        (0, 0, 0, "", "")
    }


def test_webdataset_reads_them(shards):
    webdataset = pytest.importorskip("webdataset")
    samples = list(webdataset.WebDataset(str(shards / "train-{000000..000002}.tar"), shardshuffle=False))
    assert len(samples) == sum(entry.samples for entry in read_shard_index(shards).of_split("train"))
    assert all({"flac", "json", "__key__"} <= sample.keys() for sample in samples)
    assert {json.loads(sample["json"])["instrument"] for sample in samples} == {"bass", "drums", "keys"}


@pytest.mark.parametrize("codec", ["flac16", "opus"])
def test_the_same_bytes_every_time(manifest, tmp_path, codec):
    few = Manifest(manifest.rows[:4], manifest.root)
    write_shards(few, tmp_path / "one", codec=codec, **PLAN)
    write_shards(Manifest(few.rows[::-1], few.root), tmp_path / "two", codec=codec, workers=3, **PLAN)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    if codec == "opus":
        data = (tmp_path / "one" / "train-000000.tar").read_bytes()
        audio, rate = decode(next(read_archive(data, "one")).members["opus"], "a sample")
        assert rate == 48000 and audio.square().mean().sqrt() > 0.05


def test_an_interrupted_call_goes_on(manifest, shards, tmp_path, monkeypatch):
    original, done = shard_writing._Writer.write, []

    def write(self, shard):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(shard.name)
        return original(self, shard)

    monkeypatch.setattr(shard_writing._Writer, "write", write)
    with pytest.raises(KeyboardInterrupt):
        write_shards(manifest, tmp_path, **PLAN)
    assert not (tmp_path / "index.json").exists()
    monkeypatch.undo()
    with (tmp_path / "index.journal.jsonl").open("a") as journal:
        journal.write('\n{"name": "train-0000')
    again = write_shards(manifest, tmp_path, **PLAN)
    assert (again.kept, again.written) == (2, 2)
    assert content(tmp_path) == content(shards)
    assert write_shards(manifest, tmp_path, **PLAN).written == 0


def test_other_settings_replace_what_was_there(manifest, tmp_path):
    write_shards(manifest, tmp_path, **PLAN)
    (tmp_path / "notes.txt").write_text("mine")
    made = write_shards(manifest, tmp_path, passage_s=3.0, shard_s=200.0)
    assert made.kept == 0
    assert sorted(content(tmp_path)) == ["index.json", "notes.txt", "train-000000.tar", "validation-000000.tar"]


def test_what_cannot_be_read_is_named_and_tried_again(manifest, tmp_path):
    root = tmp_path / "songs"
    (root / "a").mkdir(parents=True)
    soundfile.write(root / "a" / "bass.wav", 0.1 * np.ones(RATE * 3), RATE)
    rows = [row("a/bass.wav", "bass", duration_s=3.0), row("a/drums.wav", "drums", duration_s=3.0)]
    changed = replace(row("a/bass.wav", "keys", duration_s=3.0), size_bytes=5)
    made = write_shards(Manifest([*rows, changed], root), tmp_path / "out")
    assert [path for path, _ in made.failures] == ["a/bass.wav", "a/drums.wav"]
    assert "scan again" in made.failures[0][1]
    soundfile.write(root / "a" / "drums.wav", 0.1 * np.ones(RATE * 3), RATE)
    assert write_shards(Manifest(rows, root), tmp_path / "out").failures == []
    with pytest.raises(DataError, match="no track of the manifest could be used"):
        write_shards(Manifest([changed], root), tmp_path / "none")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"codec": "mp3"}, "choose one of flac, flac16, opus"),
        ({"passage_s": 0.0}, "passages of 0.0 s"),
        ({"passage_s": 30.0, "shard_s": 10.0}, "shards the longer"),
        ({"workers": 0}, "workers=0"),
    ],
)
def test_wrong_arguments(manifest, tmp_path, settings, words):
    with pytest.raises(ArgumentError, match=words):
        write_shards(manifest, tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_order_shares_out_the_shards_and_comes_round():
    order = ShardOrder(shards=13, lanes=3, window=2, batches_per_pass=10, group=4, groups_per_epoch=6, seed=1)
    heard: dict[int, list[set[int]]] = defaultdict(list)
    for item in range(0, 4 * 90, 4):
        epoch, index = divmod(item, 4 * 6)
        lane, window, upcoming = order.place(epoch, index)
        assert (lane, window, upcoming) == order.place(epoch, index + 3), "one batch draws from two windows"
        assert lane == item // 4 % 3 and upcoming not in window
        if heard[lane]:
            assert len(set(window) - heard[lane][-1]) <= 1, "more than one shard is read at once"
        heard[lane].append(set(window))
    passes = [set().union(*heard[lane][:10]) for lane in range(3)]
    assert set().union(*passes) == set(range(13))
    counts = Counter(shard for windows in heard.values() for window in windows for shard in window)
    assert set(counts) == set(range(13)) and max(counts.values()) < 4 * min(counts.values())


def test_lanes_of_workers_are_apart():
    """Batches of two processes with two workers each: every worker reads shards that no other reads in that pass."""
    order = ShardOrder(shards=16, lanes=4, window=2, batches_per_pass=8, group=1, groups_per_epoch=8)
    read: dict[tuple[int, int], set[int]] = defaultdict(set)
    for batch in range(32):
        step, process = divmod(batch, 2)
        _, window, _ = order.place(*divmod(batch, 8))
        if batch < 24:  # afterwards the window reaches into the next pass, in which the shards are dealt anew
            read[process, step % 2] |= set(window)
    groups = list(read.values())
    assert len(groups) == 4 and sum(map(len, groups)) == len(set().union(*groups))


def test_pairs_depend_on_their_place_alone(shards):
    def dataset() -> PairDataset:
        return PairDataset(stream(shards, lanes=2), length=24, segment_s=1.0, sample_rate=RATE, seed=3)

    forward, backward = dataset(), dataset()
    items = [forward[index] for index in range(24)]
    for index in (23, 4, 11):
        other = backward[index]
        assert other["instrument"] == items[index]["instrument"]
        assert torch.equal(other["a"], items[index]["a"]) and torch.equal(other["b"], items[index]["b"])
    assert items[0]["a"].shape == (2, RATE)
    assert {item["instrument"] for item in items} >= {"bass", "drums", "mixture"}
    forward.set_epoch(1)
    assert not torch.equal(forward[0]["a"], items[0]["a"])
    # A window of two for each of two lanes, of three shards: all of them, and never another copy.
    assert sorted(forward.sampler._loaded) == [0, 1, 2]


def test_pairs_are_two_songs_of_one_instrument(shards):
    sampler = stream(shards).open_sampler("train", 1.0, RATE, None)
    rng = np.random.default_rng(0)
    for index in range(12):
        sampler.seek(0, index)
        _, _, first, second = sampler.draw_content_pair(rng, "bass")
        assert first.instrument == second.instrument == "bass" and first.song != second.song
    assert sampler.draw_content(rng, "bass").abs().max() > 0.1


def test_levels_are_as_recorded(manifest, shards):
    """The track that was lowered to fit is heard at its own level again."""
    sampler = stream(shards, window=9).open_sampler("train", 2.0, RATE, None)
    sampler.seek(0, 0)
    loud = [source for source in sampler.sources["bass"] if source.song.endswith("s0")]
    assert len(loud) == 3 and all(sampler._read(source, 0.0).abs().max() > 1.5 for source in loud)


def test_processes_with_other_shards_draw_one_set_of_instruments(shards):
    def dataset(lane: int) -> StemSetDataset:
        given = stream(shards, everywhere=True, lanes=3, batch_size=4)
        return StemSetDataset(given, length=48, segment_s=1.0, max_stems=3, group=12, sample_rate=RATE, seed=lane * 0)

    assert dataset(0).max_stems == 2, "keys are not in every shard"
    parts = [dataset(lane)[12 + 4 * lane] for lane in range(3)]
    assert len({(tuple(part["instruments"]), part["target"]) for part in parts}) == 1
    assert parts[0]["a"].shape[1:] == (2, RATE)


def test_shards_are_read_from_a_url(shards):
    memory = fsspec.filesystem("memory")
    for path in shards.iterdir():
        memory.pipe(f"/bucket/{path.name}", path.read_bytes())
    local = PairDataset(stream(shards), length=4, segment_s=1.0, sample_rate=RATE)
    remote = PairDataset(stream("memory://bucket/"), length=4, segment_s=1.0, sample_rate=RATE)
    assert all(torch.equal(local[index]["a"], remote[index]["a"]) for index in range(4))


def test_bad_shards_are_one_line(shards, tmp_path):
    def refused(error: type[FxrepError], words: str, address: object = tmp_path, **settings: object) -> None:
        given = {"split": "train", "segment_s": 1.0, "sample_rate": RATE, "loudness_lufs": None}
        with pytest.raises(error, match=words) as caught:
            stream(address).open_sampler(**{**given, **settings}).seek(0, 0)
        assert "\n" not in str(caught.value)

    for name, data in content(shards).items():
        (tmp_path / name).write_bytes(data)
    refused(DataError, r"there is no .*nowhere/index\.json", "nowhere")
    refused(MissingExtraError, "s3fs", "s3://bucket/shards")
    refused(DataError, "cannot be read", "nosuch://bucket/shards")
    refused(DataError, "no passage of 30 s", segment_s=30.0)
    refused(DataError, "split 'test'", split="test")
    for path in tmp_path.glob("train*.tar"):
        data = bytearray(path.read_bytes())
        data[3000] ^= 1
        path.write_bytes(bytes(data))
    refused(DataError, r"train-\d+\.tar is not as its index says")
    (tmp_path / "index.json").write_text((tmp_path / "index.json").read_text().replace('"bytes": ', '"bytes": 1'))
    refused(DataError, r"index\.json is damaged")
    with pytest.raises(OutputError, match="choose another folder"):
        write_shards(Manifest([row("a.wav", "bass")], tmp_path), tmp_path)
    for settings, words in (
        ({"window": 0}, "window=0"),
        ({"draws_per_passage": 0.0}, "draws_per_passage"),
        ({"addresses": ()}, "empty"),
    ):
        with pytest.raises(ArgumentError, match=words):
            stream(shards, **settings).open_sampler("train", 1.0, RATE, None)


def test_the_verb(manifest, shards, tmp_path, capsys):
    write_manifest(tmp_path / "m.parquet", manifest)
    data_shard.run(tmp_path / "m.parquet", tmp_path / "out", passage=2.0, shard_minutes=0.4, as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert report["shards_by_split"] == {"train": 3, "validation": 1} and report["failures"] == []
    assert content(tmp_path / "out") == content(shards)
    data_shard.run(tmp_path / "m.parquet", tmp_path / "out", passage=2.0, shard_minutes=0.4)
    assert "0 shards written, 4 kept from before" in capsys.readouterr().out
    write_manifest(tmp_path / "moved.parquet", Manifest(read_manifest(tmp_path / "m.parquet").rows, tmp_path / "gone"))
    with pytest.raises(DataError, match="move it back"):
        data_shard.run(tmp_path / "moved.parquet", tmp_path / "other")


def test_check_finds_what_has_changed(shards, tmp_path, capsys):
    for name, data in content(shards).items():
        (tmp_path / name).write_bytes(data)
    data_check.run(tmp_path)
    assert capsys.readouterr().out == "4 shards: as written\n"
    first, second, third = sorted(tmp_path.glob("train*.tar"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-512])
    damaged = bytearray(third.read_bytes())
    damaged[3000] ^= 1
    third.write_bytes(bytes(damaged))
    with pytest.raises(typer.Exit) as ended:
        data_check.run(tmp_path / "index.json", as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert ended.value.exit_code == 1
    assert [entry["path"] for entry in report["missing"]] == [first.name]
    assert [entry["path"] for entry in report["changed"]] == [second.name, third.name]
    with pytest.raises(ArgumentError, match="--root is for manifests"):
        data_check.run(tmp_path, root=tmp_path)
