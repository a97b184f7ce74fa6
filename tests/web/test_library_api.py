"""What the page is told of the library, and what it may hear of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from fxrep.audio import integrated_loudness, load_audio
from fxrep.retrieval import ReferenceIndex
from fxrep.web.decoding import reduce_peaks
from fxrep.web.media_types import playable_type
from fxrep.web.site import WebSite


def test_the_library_is_described(client: TestClient) -> None:
    told = client.get("/api/library").json()
    assert (told["name"], told["songs"], told["windows"], told["model"]) == ("lib", 6, 6, "tiny")
    assert told["sample_rate"] == 44100 and told["mixes"] == 1 and told["can_search_audio"]
    assert told["limits"] == {"upload_bytes": 3 << 20, "upload_s": 20.0}
    fields = {field["key"]: field for field in told["fields"]}
    assert fields["tempo"] == {"key": "tempo", "kind": "number", "values": [], "low": 90.0, "high": 140.0}
    assert fields["artist"]["kind"] == "text" and fields["artist"]["values"] == ["Ana", "Bo", "<b>Cy</b>", "Cy"]


def test_songs_come_in_pages_by_text_and_by_id(client: TestClient) -> None:
    whole = client.get("/api/songs").json()
    assert whole["total"] == 6 and [song["id"] for song in whole["songs"]] == [1, 2, 3, 4, 5, 6]
    assert whole["songs"][0] | {"duration_s": 3.0} == {
        "id": 1, "name": "song 1", "path": "music/song 1.wav", "duration_s": 3.0,
        "metadata": {"artist": "Ana", "tempo": 90}, "facts": {},
    }  # fmt: skip
    assert [song["id"] for song in client.get("/api/songs?offset=2&limit=2").json()["songs"]] == [3, 4]
    assert client.get("/api/songs?text=ANA").json()["total"] == 2
    assert client.get("/api/songs", params={"text": "song 3.ogg"}).json()["total"] == 1
    for text in ("%", "_", "\\", "' OR 1 --", "\0"):
        assert client.get("/api/songs", params={"text": text}).json()["total"] == 0
    assert [song["id"] for song in client.get("/api/songs?ids=5,99,2").json()["songs"]] == [5, 2]
    assert client.get("/api/songs/4").json()["name"] == "song 4"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("/api/songs/99", 404), ("/api/songs/0", 404), ("/api/songs/-1", 404), ("/api/songs/x", 400)),
        *(("/api/songs/1e3", 400), ("/api/songs/99999999999999999999999", 404), ("/api/songs?ids=a", 400)),
        *(("/api/songs?limit=0", 400), ("/api/songs?limit=100000", 400), ("/api/songs?offset=-1", 400)),
        *(("/api/nothing", 404), ("/api/waveforms/songs/1?points=0", 400), ("/api/waveforms/songs/1?points=9999", 400)),
        *(("/api/audio/songs/%2e%2e", 404), ("/api/audio/songs/1%00", 404), ("/api/audio/files/1", 400)),
        *(("/api/audio/songs/..%2f..%2flib.fxindex", 404), ("/api/audio/uploads/..", 404), ("/api/jobs/x", 404)),
        *(("/api/audio/renders/%2e%2e%2f", 404), ("/api/searches/x/hits/0/explanation", 404)),
    ],
)
def test_what_is_not_there_is_answered_with_one_sentence(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json" and "\n" not in answer.json()["error"]


def test_nothing_in_an_answer_is_markup(client: TestClient) -> None:
    answer = client.get("/api/songs/5")
    assert answer.json()["metadata"]["artist"] == "<b>Cy</b>"
    assert b"<" not in answer.content and answer.headers["x-content-type-options"] == "nosniff"


def test_songs_are_heard_as_they_are_stored_where_browsers_play_them(client: TestClient, library: Path) -> None:
    kinds = {}
    for number, suffix in enumerate((".wav", ".flac", ".ogg", ".mp3", ".wav"), 1):
        answer = client.get(f"/api/audio/songs/{number}")
        assert answer.content == (library.parent / f"music/song {number}{suffix}").read_bytes()
        kinds[suffix] = answer.headers["content-type"]
    assert kinds == {".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".mp3": "audio/mpeg"}


def test_other_songs_are_decoded_for_them(client: TestClient, library: Path, tmp_path: Path) -> None:
    answer = client.get("/api/audio/songs/6")
    assert answer.headers["content-type"] == "audio/flac"
    (tmp_path / "heard.flac").write_bytes(answer.content)
    heard, _ = load_audio(tmp_path / "heard.flac")
    stored, _ = load_audio(library.parent / "music/song 6.aiff")
    assert heard.equal(stored)
    assert client.get("/api/audio/songs/6").headers["etag"] == answer.headers["etag"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.from_regex(r"bytes=[0-9]{0,7}-[0-9]{0,7}", fullmatch=True)
    | st.text(st.characters(max_codepoint=126), max_size=20)
)
def test_ranges_give_the_bytes_asked_for_or_all(client: TestClient, library: Path, header: str) -> None:
    whole = (library.parent / "music/song 2.flac").read_bytes()
    if not header.isprintable():
        return
    answer = client.get("/api/audio/songs/2", headers={"range": header})
    assert answer.status_code in (200, 206, 416)
    if answer.status_code == 206:
        start, _, rest = answer.headers["content-range"].removeprefix("bytes ").partition("-")
        assert answer.content == whole[int(start) : int(rest.partition("/")[0]) + 1]
        assert int(answer.headers["content-length"]) == len(answer.content) > 0
    elif answer.status_code == 200:
        assert answer.content == whole
    else:
        assert answer.headers["content-range"] == f"bytes */{len(whole)}" and not answer.content


def test_what_a_browser_has_already_is_not_sent_again(client: TestClient) -> None:
    tag = client.head("/api/audio/songs/1").headers["etag"]
    assert client.get("/api/audio/songs/1", headers={"if-none-match": tag}).status_code == 304
    part = {"range": "bytes=0-3"}
    assert client.get("/api/audio/songs/1", headers={**part, "if-range": tag}).status_code == 206
    assert client.get("/api/audio/songs/1", headers={**part, "if-range": '"another"'}).status_code == 200
    head = client.head("/api/audio/songs/1", headers=part)
    assert head.status_code == 206 and head.headers["content-length"] == "4" and not head.content


def test_waveform_and_loudness_are_those_of_the_file(client: TestClient, library: Path) -> None:
    told = client.get("/api/waveforms/songs/1?points=10").json()
    audio, rate = load_audio(library.parent / "music/song 1.wav")
    peaks = audio.abs().amax(0).reshape(10, -1).amax(1)
    # A peak belongs to one of 4096 parts; the ten are made of these, so that their edges lie a little off.
    assert np.allclose(told["peaks"], peaks, atol=0.05 * float(peaks.max())) and max(told["peaks"]) <= 1
    assert abs(max(told["peaks"]) - float(peaks.max())) < 1e-4
    assert abs(told["loudness_lufs"] - float(integrated_loudness(audio, rate))) < 0.01
    assert abs(told["duration_s"] - 3.0) < 1e-6
    assert len(client.get("/api/waveforms/songs/3").json()["peaks"]) == 1200


def test_fewer_peaks_are_the_largest_of_more() -> None:
    peaks = np.array([0.1, 0.5, 0.2, 0.9, 0.3])
    assert (
        reduce_peaks(peaks, 2) == [0.5, 0.9]
        and reduce_peaks(peaks, 1) == [0.9]
        and reduce_peaks(peaks, 9) == peaks.tolist()
    )


@pytest.mark.parametrize(
    "head",
    [
        *(b"", b"RIFF", b"<html><script>", b"RIFF....WAVEfmt " + bytes(4) + b"\x02\x00", b"#!/bin/sh", b"\xff"),
        *(b"\xff\xfe<\0h\0", b"%PDF-1.4", b"FORM....AIFF", b"\xff\xd8\xff\xe0", bytes(64), b"\xff\xff\xff\xff"),
    ],
)
def test_what_is_no_audio_for_browsers_is_never_sent_as_such(head: bytes) -> None:
    assert playable_type(head) is None


def test_a_decoded_song_that_was_displaced_is_decoded_again(client: TestClient, site: WebSite) -> None:
    first = client.get("/api/audio/songs/6")
    key = next(key for key in site.recordings.cache._entries if key.startswith("decoded/songs/6/"))
    site.recordings.cache.drop(key)
    half = len(first.content) // 2
    rest = client.get(
        "/api/audio/songs/6", headers={"range": f"bytes={half}-", "if-range": first.headers["etag"]}
    )  # a browser that plays it goes on where it was
    assert rest.status_code == 206 and rest.content == first.content[half:]


def test_a_decoded_song_that_is_displaced_at_once_is_no_missing_song(
    client: TestClient, site: WebSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, keep, displaced = site.recordings.cache, site.recordings.cache.keep, []

    def keep_for_a_moment(key, folder, facts):
        entry = keep(key, folder, facts)
        if len(displaced) < times:
            displaced.append(key)
            cache.drop(key)
        return entry

    monkeypatch.setattr(cache, "keep", keep_for_a_moment)
    for times, status in ((1, 200), (9, 429)):
        displaced.clear()
        for key in [key for key in cache._entries if key.startswith("decoded/songs/6/")]:
            cache.drop(key)
        answer = client.get("/api/audio/songs/6")
        assert answer.status_code == status and len(displaced) == min(times, 3), answer.text


def test_a_song_that_was_replaced_by_a_link_is_not_served(own, tmp_path: Path) -> None:
    index, client, _ = own
    secret = tmp_path / "secret.wav"
    secret.write_bytes((index.parent / "music/song 1.wav").read_bytes())
    (index.parent / "music/song 1.wav").unlink()
    (index.parent / "music/song 1.wav").symlink_to(secret)
    for path in ("/api/audio/songs/1", "/api/waveforms/songs/1"):
        answer = client.get(path)
        assert answer.status_code == 404 and str(tmp_path) not in answer.text
    found = client.post("/api/searches", json={"like": [{"song": 2}], "where": {"artist": "Ana"}}).json()
    assert found["hits"][0]["song_id"] == 1
    assert client.get(f"/api/searches/{found['search']}/hits/0/explanation").status_code == 404


def test_a_song_from_elsewhere_is_served_from_its_folder_and_not_through_a_later_link(own, tmp_path: Path) -> None:
    index, client, site = own
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "far.wav").write_bytes((index.parent / "music/song 1.wav").read_bytes()[:-4])
    with ReferenceIndex.open(index, site.library.encoder.encoder()) as writer:
        assert len(writer.add([outside / "far.wav"]).added) == 1
    assert client.get("/api/songs").json()["total"] == 7  # another writer's songs are seen at once
    song = client.get("/api/songs?text=far").json()["songs"][0]
    assert song["path"] == "outside/far.wav" and str(tmp_path) not in str(song)
    assert client.get(f"/api/audio/songs/{song['id']}").status_code == 200
    outside.rename(tmp_path / "moved")
    outside.symlink_to(tmp_path / "moved")
    assert client.get(f"/api/audio/songs/{song['id']}").status_code == 404


def test_a_song_that_is_gone_and_one_that_was_removed_are_told(own) -> None:
    index, client, _ = own
    (index.parent / "music/song 2.flac").unlink()
    answer = client.get("/api/audio/songs/2")
    assert answer.status_code == 404 and "bring the file back" in answer.json()["error"]
    with ReferenceIndex.open(index) as writer:
        writer.remove(2)
    assert client.get("/api/songs/2").status_code == 404 and client.get("/api/library").json()["songs"] == 5


def test_a_library_that_was_built_again_is_opened_again(own, make_library) -> None:
    index, client, _ = own
    assert client.get("/api/library").json()["songs"] == 6
    other = make_library()
    with ReferenceIndex.open(other) as writer:
        writer.remove([1, 2, 3])
    index.rename(index.with_name("old"))
    other.rename(index)
    assert client.get("/api/library").json()["songs"] == 3
    assert len(client.post("/api/searches", json={"like": [{"song": 4}]}).json()["hits"]) == 2
