"""No answer tells where files lie on this machine: neither errors, nor jobs, nor mixes whose tracks are gone."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from fxrep.web.public_names import PublicNames
from fxrep.web.site import WebSite

from .conftest import ABSOLUTE, WatchedClient

NAMES = PublicNames(
    {Path("/srv/u/music"): "", Path("/srv/u/My Mixes"): "", Path("/srv/u/My Mixes/OUT"): "OUT", Path("/"): ""}
)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("/srv/u/music/a b/x.wav: it is no audio", "a b/x.wav: it is no audio"),
        ("track a: /srv/u/My Mixes/OUT/a.wav is gone", "track a: OUT/a.wav is gone"),
        ("neither /srv/u/My Mixes/t/a.wav nor /else/where/a.wav exists", "neither t/a.wav nor a.wav exists"),
        ("/srv/u/music is being changed", "music is being changed"),
        ("/srv/u/musical/x.wav is silent", "x.wav is silent"),
        ("copy /a/b c/d to /e/f/g.wav", "copy d to g.wav"),
        ("PosixPath('/etc/passwd') (/a/b.wav)", "PosixPath('passwd') (b.wav)"),
        ("model 'C:\\\\Users\\\\me\\\\x.ckpt'", "model 'x.ckpt'"),
        ("two\nlines  of /a/b", "two lines of b"),
        ("and/or 3/4, see https://x.example/y: km / h", "and/or 3/4, see https://x.example/y: km / h"),
    ],
)
def test_folders_of_this_machine_are_left_out_and_all_else_stays(told: str, shown: str) -> None:
    assert NAMES.text(told) == shown


@given(
    st.lists(st.sampled_from(["/", "a", "b c", "..", ".", " ", ": ", "'", "x.wav", "//", "home/u/music"]), max_size=12)
)
def test_nothing_that_is_left_is_absolute(parts: list[str]) -> None:
    assert not ABSOLUTE.search(NAMES.text("".join(parts)))


def test_a_mix_whose_tracks_are_gone_names_them_by_the_mix(
    make_library, mix: Path, config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = tmp_path / "elsewhere"
    shutil.copytree(mix.parent / "tracks", away / "tracks")
    for name in ("GONE", "BROKEN", "LATER"):
        shutil.copytree(mix, away / name)
    (away / "GONE" / "console.json").write_text(
        (mix / "console.json").read_text().replace("../tracks/vox", "../nowhere/vox")
    )
    (away / "BROKEN" / "console.json").write_text("{")
    changed = dataclasses.replace(config, mixes=(away,), cache=tmp_path / "cache")
    with WebSite(changed) as site, WatchedClient(site) as client:
        told = {one["name"]: one for one in client.get("/api/mixes").json()}
        assert "nowhere/vox.wav" in told["GONE"]["error"] and "BROKEN/console.json" in told["BROKEN"]["error"]
        assert client.get(f"/api/mixes/{told['GONE']['id']}").status_code == 422
        job = client.post(f"/api/mixes/{told['LATER']['id']}/renders", json={})
        (away / "tracks/vox.wav").write_bytes(b"no audio any more")
        again = client.post(f"/api/mixes/{told['LATER']['id']}/renders", json={})
        for answer in (job, again):
            ended = client.get(f"/api/jobs/{answer.json()['job']}?wait_s=20").json()
        assert ended["state"] == "failed" and "vox" in ended["error"] == ended["message"], ended


def test_songs_and_models_that_fail_are_named_and_not_placed(own, tmp_path: Path) -> None:
    from fxrep.retrieval import ReferenceIndex

    index, client, site = own
    far = tmp_path / "far away" / "song.wav"
    far.parent.mkdir()
    shutil.copy(index.parent / "music/song 1.wav", far)
    with ReferenceIndex.open(index, site.library.encoder.encoder()) as writer:
        (number,) = writer.add([far]).added
    far.write_bytes(b"no audio")
    found = client.post("/api/searches", json={"like": [{"song": 1}], "k": 6}).json()
    rank = next(rank for rank, hit in enumerate(found["hits"]) if hit["path"] == "far away/song.wav")
    answers = [
        client.get(f"/api/searches/{found['search']}/hits/{rank}/explanation"),
        client.get(f"/api/waveforms/songs/{number}"),
        client.get(f"/api/audio/songs/{number}"),
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 422]
    (index / "index.sqlite").write_bytes(b"broken")
    assert client.get("/api/songs").status_code >= 500


def test_an_encoder_that_is_gone_is_named_and_not_placed(make_library, config, tmp_path: Path) -> None:
    broken = dataclasses.replace(config, model=str(tmp_path / "models" / "gone.ckpt"), cache=tmp_path / "cache")
    with WebSite(broken) as site, WatchedClient(site) as client:
        part = client.post("/api/searches", json={"like": [{"upload": "x", "start_s": 1}]})
        told = client.get(f"/api/jobs/{part.json()['job']}?wait_s=20").json()
        assert told["state"] == "failed" and "gone.ckpt" in told["error"]


def test_what_a_visitor_writes_tells_nothing_about_what_is_there(client: TestClient) -> None:
    there, not_there = (
        client.post("/api/searches", json={"like": [{"song": 1}], "folder": folder}).json()["error"]
        for folder in ("/etc", "/xyz")
    )
    assert there.replace("etc", "") == not_there.replace("xyz", "")


def test_every_kind_of_text_is_looked_at() -> None:
    from .conftest import check_private

    check_private(json.loads('{"a": ["music/x.wav", "/api/jobs/1", "1/2"]}'))
    for text in ("/etc/x", "see '/etc/x'", str(Path.home() / "x"), "x: /a"):
        with pytest.raises(AssertionError):
            check_private({"a": [{"b": text}]})
