"""What is said of inverted lists is true, and a filter does not leave them without hits."""

from __future__ import annotations

import numpy as np
import pytest

from fxrep.retrieval import EmbeddingTable, ReferenceIndex
from fxrep.retrieval.list_building import SCALAR_BYTES, plan_lists
from fxrep.retrieval.list_measuring import TARGET_RECALL, exact_neighbors, sample_windows
from fxrep.retrieval.view import load_view

from .killed_writers import DIM, Named

SONGS, WINDOWS = 400, 12


def windows_of(songs: int, windows: int, seed: int) -> np.ndarray:
    """Windows that lie around songs, which lie around twenty centres, (songs * windows, DIM)."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(20, DIM))
    means = centres[generator.integers(20, size=songs)] + 0.5 * generator.normal(size=(songs, DIM))
    vectors = (means[:, None] + 0.3 * generator.normal(size=(songs, windows, DIM))).reshape(-1, DIM)
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


@pytest.fixture
def index(tmp_path, caplog):
    caplog.set_level("ERROR")  # the songs are names only
    vectors = windows_of(SONGS, WINDOWS, 0)
    names = np.repeat([str(tmp_path / f"{number % 10}" / f"{number}.wav") for number in range(SONGS)], WINDOWS)
    table = EmbeddingTable(
        names.tolist(), names.tolist(), np.tile(np.arange(WINDOWS, dtype=float), SONGS), np.ones(len(names)),
        vectors.astype(np.float32), "window", "vectors",
    )  # fmt: skip
    with ReferenceIndex.create(tmp_path / "library.fxindex", Named()) as made:
        made.add_embeddings(table)
        yield made


def test_neighbours_of_other_songs_are_those_of_a_plain_comparison(index):
    with index._database.snapshot():
        view = load_view(index._database)
    songs = np.arange(len(view.places))
    own, windows = sample_windows(view, songs, 50, np.random.default_rng(1))
    rows = np.stack([view.vectors(int(song))[0] for song in songs]).astype(np.float64)
    queries = rows[own, windows]
    found = exact_neighbors(view, songs, queries.astype(np.float32), own)
    scores = np.einsum("swd,qd->qsw", rows, queries)
    scores[np.arange(50), own] = -np.inf
    np.testing.assert_allclose(found.windows, -np.sort(-scores.reshape(50, -1))[:, :10], atol=1e-6)
    np.testing.assert_allclose(found.best, -np.sort(-scores.max(-1))[:, :10], atol=1e-6)


def test_recall_is_what_was_measured(index):
    told = index.compact(lists=True).inverted
    assert min(told["recall_at_10"], told["song_recall_at_10"]) >= TARGET_RECALL and told["kind"] == "IVF32,SQ8"
    same = {False: 0, True: 0}
    for query in windows_of(60, 1, 1):
        for all_windows in same:
            fast, slow = (
                index.search_vector(query, 10, exact=exact, all_windows=all_windows) for exact in (False, True)
            )
            least = slow[-1].score
            same[all_windows] += sum(hit.score >= least for hit in fast)
    # Windows of sixty songs that are not in the index: 600 hits, of which 19 of 20 are to be found.
    assert min(same.values()) >= 0.95 * 600, same


def test_a_filter_leaves_as_many_hits_as_there_are(index):
    index.compact(lists=True)
    query = index.embeddings("window").vectors[7]
    for options in ({"path_glob": "*/3/*"}, {"path_glob": "*/123.wav"}, {"path_glob": "*/12?.wav"}):
        fast = index.search_vector(query, 10, exact=False, **options)
        slow = index.search_vector(query, 10, exact=True, **options)
        assert len(fast) == len(slow)
        assert len({hit.song_id for hit in fast} & {hit.song_id for hit in slow}) >= 0.9 * len(slow)


def test_lists_and_codes_are_chosen_by_size():
    assert [plan_lists(windows, 128).lists for windows in (300_000, 1_000_000, 10_000_000)] == [256, 512, 2048]
    most = SCALAR_BYTES // 128
    assert plan_lists(most, 128).code == "SQ8" and plan_lists(most + 1, 128).code == "PQ64"
