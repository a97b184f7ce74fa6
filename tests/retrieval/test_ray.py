"""Embedding on a cluster: what a worker does with a shard, and a cluster of two nodes of which one is killed."""

from __future__ import annotations

import json
import os
import threading
import time
from functools import partial

import numpy as np
import pytest
import soundfile

from fxrep.errors import AudioError, OutputError
from fxrep.retrieval import read_embeddings
from fxrep.retrieval.ray_shard import ShardEmbedder, ShardPlan, embed_shard

from .conftest import RATE, filtered_noise


@pytest.fixture
def plan(tmp_path):
    return ShardPlan(str(tmp_path / "out"), "window", 3)


def test_a_finished_shard_is_not_read_again(encoder, songs, plan):
    first = embed_shard(2, songs, encoder, plan)
    assert (first.files, first.rows, first.reused, first.failures) == (6, 18, 0, [])
    embedded = list(encoder.embedded)
    again = embed_shard(2, songs, encoder, plan)
    assert (again.files, again.rows, again.reused) == (6, 18, 6) and encoder.embedded == embedded
    os.utime(songs[0])  # looked at again, and found to be the same
    assert embed_shard(2, songs, encoder, plan).reused == 6 and encoder.embedded == embedded
    songs[0].write_bytes(songs[1].read_bytes())
    assert embed_shard(2, songs, encoder, plan).reused == 5


def test_failures_are_told_every_time(encoder, songs, bad_files, plan):
    files = [*songs[:2], bad_files["text"], songs[0].with_name("vanished.wav")]
    for reused in (0, 2):
        result = embed_shard(1, files, encoder, plan)
        assert (result.files, result.reused) == (2, reused)
        assert [path for path, _ in result.failures] == [str(files[2]), str(files[3])]
    result = embed_shard(3, [bad_files["text"]], encoder, plan)
    assert [path for path, _ in result.failures] == [str(bad_files["text"])] and not plan.file(3).exists()
    assert "none of" not in result.failures[0][1]


def test_what_must_end_the_run_is_told(encoder, other_encoder, songs, plan):
    row = {"shard": 1, "files": json.dumps([str(song) for song in songs])}
    told = ShardEmbedder(lambda: encoder, plan)(row)
    assert not told["error"] and json.loads(told["counts"])["files"] == 6
    told = ShardEmbedder(lambda: other_encoder, plan)(row)
    kind, message = json.loads(told["error"])
    assert not told["counts"] and kind == "OccupiedError" and "another model" in message


def test_files_that_are_not_named_stay_until_they_are_pruned(encoder, songs, plan):
    embed_shard(1, songs, encoder, plan)
    result = embed_shard(1, songs[:1], encoder, plan)
    assert (result.files, result.reused, result.kept) == (6, 1, 5)
    pruned = ShardPlan(plan.folder, plan.level, plan.count, prune=True)
    assert embed_shard(1, songs[:1], encoder, pruned).dropped == 5
    assert embed_shard(1, [], encoder, pruned).dropped == 1 and len(read_embeddings(plan.file(1))) == 0


SHARDS, SHARD_FILES = 12, 2


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "songs"
    folder.mkdir()
    for number in range(SHARDS * SHARD_FILES):
        soundfile.write(folder / f"{number:02d}.wav", filtered_noise(number, 300 + 70 * number, 20.0), RATE)
    (folder / "broken.wav").write_text("no audio")
    return folder


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    import torch

    from encoders import SpectralEncoder, load_encoder, save_encoder

    torch.manual_seed(0)
    # Wide enough for some tenths of a second a shard: a node is to be lost in the middle of one.
    encoder = SpectralEncoder(
        dim=8, channels=64, n_blocks=2, hidden=64, sample_rate=RATE, window_s=1.0, n_fft=512, hop=64, n_mels=64
    )
    return partial(load_encoder, str(save_encoder(encoder, tmp_path_factory.mktemp("model") / "small")))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_node_that_is_killed_loses_nothing(tmp_path, corpus, load):
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    from ray.cluster_utils import Cluster

    from fxrep.retrieval.ray_corpus import embed_on_ray

    out, killed = tmp_path / "out", threading.Event()
    # A node counts as lost after a few seconds instead of half a minute.
    soon = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 1000, "health_check_failure_threshold": 5}
    head = {"num_cpus": 1, "include_dashboard": False, "_system_config": soon}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        other = cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False)

        def load_and_note():
            (tmp_path / f"node-{ray.get_runtime_context().get_node_id()}").touch()
            return load()

        def kill() -> None:
            # Both nodes are at work and some shards are done.
            while len(list(tmp_path.glob("node-*"))) < 2 or len(list(out.glob("part-*.parquet"))) < 2:
                time.sleep(0.02)
            cluster.remove_node(other, allow_graceful=False)
            killed.set()

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        report = embed_on_ray(corpus, load_and_note, out, shard_files=SHARD_FILES)
        killer.join(30)
        assert killed.is_set() and sum(node["Alive"] for node in ray.nodes()) == 1
        assert (report.files, report.rows) == (SHARDS * SHARD_FILES, 20 * SHARDS * SHARD_FILES)
        assert [path for path, _ in report.failures] == [str(corpus / "broken.wav")]
        again = embed_on_ray(corpus, load, out, shard_files=1000)
        assert (again.files, again.reused, again.failures) == (report.files, report.files, report.failures)
    finally:
        ray.shutdown()
        cluster.shutdown()
    table = read_embeddings(out)
    encoder = load()
    assert sorted(set(table.paths)) == sorted(str(file) for file in corpus.glob("??.wav"))
    rows = [row for row, path in enumerate(table.paths) if path.endswith("07.wav")]
    np.testing.assert_allclose(table.vectors[rows], encoder.embed_windows(corpus / "07.wav")[1], atol=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_wrong_calls_on_a_cluster(tmp_path, songs, load):
    pytest.importorskip("ray.data")
    from fxrep.retrieval.ray_corpus import embed_on_ray

    with pytest.raises(AudioError, match="does not exist"):
        embed_on_ray(tmp_path / "missing", load, tmp_path / "out")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.parquet").touch()
    with pytest.raises(OutputError, match="another kind of run"):
        embed_on_ray(songs, load, tmp_path / "other")
