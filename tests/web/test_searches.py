"""Searching from the page finds what the index finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from fxrep.retrieval import Between, ReferenceIndex


def ids(answer) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [hit["song_id"] for hit in answer.json()["hits"]]


def search(client: TestClient, *like: dict, **options):
    return client.post("/api/searches", json={"like": list(like), **options})


@pytest.fixture
def index(library: Path):
    with ReferenceIndex.open(library) as opened:
        yield opened


def test_hits_are_those_of_the_index(client: TestClient, index: ReferenceIndex) -> None:
    answer = search(client, {"song": 1}, k=3)
    expected = index.search(1, 3)
    assert ids(answer) == [hit.song_id for hit in expected]
    first = answer.json()["hits"][0]
    assert first["score"] == pytest.approx(expected[0].score) and first["path"].startswith("music/song ")
    assert set(first) == {
        *("song_id", "name", "path", "start_s", "duration_s", "score", "query_start_s", "query_duration_s"),
        *("metadata", "facts"),
    }
    assert ids(search(client, {"song": 1}, songs_only=True)) == [hit.song_id for hit in index.search(1, level="song")]


def test_several_and_unlike_and_parts(client: TestClient, index: ReferenceIndex) -> None:
    both = search(client, {"song": 1}, {"song": 2, "start_s": 1}, unlike=[{"song": 3}])
    assert ids(both) == [hit.song_id for hit in index.search([1, 2], unlike=3)]
    assert not {1, 2, 3} & set(ids(both))
    assert search(client, {"song": 1, "start_s": 500}).status_code == 400


def test_filters(client: TestClient, index: ReferenceIndex) -> None:
    assert set(ids(search(client, {"song": 1}, where={"artist": "Bo"}))) == {3, 4}
    assert set(ids(search(client, {"song": 1}, where={"artist": ["Bo", "Cy"]}))) == {3, 4, 6}
    assert set(ids(search(client, {"song": 1}, where={"tempo": {"low": 110, "high": 120}}))) == {3, 4}
    assert set(ids(search(client, {"song": 1}, where={"tempo": {"low": 110}}))) == {3, 4, 5, 6}
    expected = {hit.song_id for hit in index.search(1, where={"tempo": Between(None, 100)})}
    assert set(ids(search(client, {"song": 1}, where={"tempo": {"high": 100}}))) == expected == {2}
    assert ids(search(client, {"song": 1}, where={"artist": "nobody"})) == []
    unknown = search(client, {"song": 1}, where={"nokey": 1})
    assert unknown.status_code == 400 and "artist" in unknown.json()["error"]
    assert len(ids(search(client, {"song": 1}, folder="music/"))) == 5
    assert ids(search(client, {"song": 1}, folder="elsewhere")) == []
    for folder in ("..", "/etc", "music/../..", "\0"):
        assert search(client, {"song": 1}, folder=folder).status_code == 404


@pytest.mark.parametrize(
    "options",
    [
        {"folder": "\ud800"},
        {"where": {"\ud800": "a"}},
        {"where": {"artist": "\ud800"}},
        {"where": {"artist": ["\udcff"]}},
    ],
)
def test_filters_of_what_is_no_text_are_refused(client: TestClient, options: dict) -> None:
    body = json.dumps({"like": [{"song": 1}], **options})
    answer = client.post("/api/searches", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 404) and answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"like": []}, {"like": [{}]}, {"like": [{"song": 1, "upload": "x"}]}, {"like": [{"song": "x"}]}),
        *({"like": [{"song": 1}], "k": 0}, {"like": [{"song": 1}], "k": 10**9}, {"like": [{"song": 1}] * 21}, [], "x"),
        *({"like": [{"song": 1, "start_s": -1}]}, {"like": [{"song": 1, "duration_s": 0}]}, {"like": [{"song": 1.5}]}),
        *({"like": [{"song": 1}], "path": "/etc"}, {"like": [{"song": 1}], "where": {"tempo": {"low": 5, "high": 1}}}),
        *({"like": [{"song": 1}], "where": {"artist": []}}, {"like": [{"song": 1}], "unlike": [{"song": 1}]}),
    ],
)
def test_what_cannot_be_asked_is_answered_with_one_sentence(client: TestClient, body) -> None:
    answer = client.post("/api/searches", json=body)
    if body == {"like": [{"song": 1}], "unlike": [{"song": 1}]}:
        assert answer.status_code in (200, 400)  # half of itself is taken away: something is left
        return
    assert answer.status_code == 400 and ":" in answer.json()["error"], answer.text


@pytest.mark.parametrize(
    "content", [b"{", b"\xff\xfe", b'{"like": [{"song": NaN}]}', b'{"like": [{"song": 1e999}]}', b"[" * 60000]
)
def test_broken_json_is_refused(client: TestClient, content: bytes) -> None:
    answer = client.post("/api/searches", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400 and "error" in answer.json()


def test_a_form_of_another_page_is_no_request(client: TestClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = client.post("/api/searches", content=b'{"like":[{"song":1}]}', headers={"content-type": kind})
        assert answer.status_code == 400


def test_unknown_sources_are_told(client: TestClient) -> None:
    assert search(client, {"song": 99}).status_code == 404
    assert search(client, {"upload": "nothing"}).status_code == 404


def test_a_hit_is_explained_as_the_index_explains_it(client: TestClient, index: ReferenceIndex) -> None:
    found = search(client, {"song": 1}, k=2).json()
    told = client.get(f"/api/searches/{found['search']}/hits/1/explanation").json()
    expected = index.search(1, 2)[1].explanation
    assert told["sentence"] == expected.text
    assert [one["words"] for one in told["differences"]] == [one.words for one in expected.differences]
    loudness = next(one for one in told["differences"] if one["family"] == "loudness")
    assert loudness["difference"] == pytest.approx(loudness["hit"] - loudness["query"]) and loudness["unit"] == "LUFS"
    assert loudness["query_text"].endswith(" LUFS") and loudness["label"] == "loudness"
    for rank in ("2", "-1", "999999999999"):
        assert client.get(f"/api/searches/{found['search']}/hits/{rank}/explanation").status_code == 404


def test_a_part_of_an_upload_is_listened_to_as_a_job(client: TestClient, library: Path, finished) -> None:
    content = (library.parent / "music/song 2.flac").read_bytes()
    upload = finished(client.post("/api/uploads?name=a.flac", content=content))["result"]["upload"]
    job = finished(search(client, {"upload": upload, "start_s": 0.5, "duration_s": 2}, k=1))
    assert job["result"]["hits"][0]["song_id"] == 2 and job["result"]["hits"][0]["query_start_s"] == 0.5
    told = client.get(f"/api/searches/{job['result']['search']}/hits/0/explanation")
    assert told.status_code == 200, told.text
