"""The pages carry a strict policy, and nothing but them and their files is served."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

import fxrep.web
from fxrep.retrieval import ReferenceIndex
from fxrep.visualization import LibraryMap
from fxrep.visualization.map_file import map_file
from fxrep.web import page_routes
from fxrep.web.job_board import FINISHED
from fxrep.web.maps import Maps
from fxrep.web.site import WebSite

STATIC = Path(fxrep.web.__file__).parent / "static"


@pytest.mark.parametrize("path", ["/", "/api/library", "/api/nothing", "/static/nothing.js", "/api/audio/songs/1"])
def test_every_answer_carries_the_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "object-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer" and headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers and "access-control-allow-origin" not in headers


def test_pages_get_a_fresh_value_for_the_style_of_the_waveform(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_routes, "PAGES", tmp_path)
    (tmp_path / "page.html").write_text('<meta name="csp-nonce" content="{{nonce}}">{{body}}')
    (tmp_path / "library.html").write_text("<p>{{nonce}}</p>")
    answers = [client.get("/") for _ in range(2)]
    values = [answer.text.partition('content="')[2].partition('"')[0] for answer in answers]
    assert values[0] != values[1] and all(len(value) >= 20 for value in values)
    for value, answer in zip(values, answers, strict=True):
        assert f"style-src 'self' 'nonce-{value}'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store" and answer.headers["content-type"].startswith("text/html")
    answer = client.get("/mix")
    assert answer.status_code == 404 and "install fxrep again" in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        *("../__init__.py", "..%2f__init__.py", "%2e%2e/__init__.py", "%2e%2e%2f%2e%2e%2fcli%2fmain.py", "..\\site.py"),
        *(
            "%5c..%5csite.py",
            "//etc/passwd",
            "%00",
            "a%00.js",
            "....//site.py",
            "%252e%252e%252fsite.py",
            "vendor/../../site.py",
        ),
    ],
)
def test_nothing_beside_the_static_files_is_served(client: TestClient, path: str) -> None:
    answer = client.get(f"/static/{path}")
    assert answer.status_code in (404, 405) and b"import" not in answer.content


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(["..", "%2e%2e", "/", "%2f", "\\", "%5c", "static", "site.py", "a", ".", "%00"]), max_size=8
    )
)
def test_no_address_gives_a_file_of_the_package(client: TestClient, parts: list[str]) -> None:
    answer = client.get("/static/" + "".join(parts))
    assert answer.status_code < 500 and b"from __future__" not in answer.content


@pytest.mark.parametrize("path", ["/", "/mix"])
def test_a_page_is_whole_and_all_that_it_names_is_there(client: TestClient, path: str) -> None:
    text = client.get(path).text
    assert text.startswith("<!doctype html>") and "{{" not in text and text.count("<main>") == 1
    named = re.findall(r'(?:href|src)="(/static/[^"]+)"', text)
    assert len(named) >= 8
    for address in named:
        assert client.get(address).status_code == 200, address


def test_only_the_methods_that_are_meant_work(client: TestClient) -> None:
    for method, path in (("PUT", "/api/songs/1"), ("DELETE", "/api/songs/1"), ("POST", "/api/library"), ("TRACE", "/")):
        answer = client.request(method, path)
        assert answer.status_code == 405 and "error" in answer.json()
    assert client.get("/openapi.json").status_code == client.get("/docs").status_code == 404


def test_a_map_is_made_as_a_job_and_then_drawn(client: TestClient, finished, site: WebSite) -> None:
    first = client.get("/api/map")
    if first.status_code == 202:
        same = client.get("/api/map")
        assert same.status_code == 200 or same.json() == first.json()
        job = finished(first)
        assert job["state"] == "done" and job["result"] == {"points": 6}, job
    told = client.get("/api/map?color=artist").json()
    assert sorted(told["points"]["song_id"]) == [1, 2, 3, 4, 5, 6] and told["total"] == 6
    assert {len(column) for column in told["points"].values()} == {6} and told["color"]["kind"] == "groups"
    assert {"<b>Cy</b>", "Ana", "Bo", "Cy"} <= set(told["color"]["groups"])
    assert {"cluster", "artist", "tempo"} <= {color["key"] for color in told["colors"]}
    assert client.get("/api/map?color=nothing").status_code == 400
    assert client.get("/api/map?level=bar").status_code == 400
    assert client.get("/api/library").json()["has_map"]
    again = client.get("/api/map").json()["points"]
    assert (again["x"], again["y"]) == (told["points"]["x"], told["points"]["y"])


def test_an_upload_lands_on_the_map(client: TestClient, finished, library: Path) -> None:
    if client.get("/api/map").status_code == 202:
        pytest.skip("there is no map yet")
    content = (library.parent / "music/song 2.flac").read_bytes()
    upload = finished(client.post("/api/uploads?name=a.flac", content=content))["result"]
    points = client.get("/api/map").json()["points"]
    place = points["song_id"].index(2)
    assert abs(upload["x"] - points["x"][place]) < 0.05 and abs(upload["y"] - points["y"][place]) < 0.05


def test_nobody_waits_for_a_map_that_is_being_opened(
    client: TestClient, finished: Any, site: WebSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    if client.get("/api/map").status_code == 202:
        pytest.skip("there is no map yet")
    opened, gate = LibraryMap.open, threading.Event()

    def slowly(*arguments: Any) -> LibraryMap:
        assert gate.wait(60)
        return opened(*arguments)

    opened_map = site.maps._open["song"].map
    vector = opened_map.index.points().vectors(np.array([0]))[0]
    before = site.maps.place(vector)
    monkeypatch.setattr(LibraryMap, "open", slowly)
    # As if another process had written it: what is open is not what is kept.
    monkeypatch.setattr(opened_map, "stored", replace(opened_map.stored, checksum="another"))
    answers = [client.get("/api/map") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {202} and len({answer.text for answer in answers}) == 1
    assert client.get(f"/api/jobs/{answers[0].json()['job']}").json()["message"] == "opening the map"
    assert client.get("/api/songs").status_code == 200 and site.maps.place(vector) == before
    gate.set()
    assert finished(answers[0])["state"] == "done" and client.get("/api/map").status_code == 200


def test_a_damaged_map_is_made_again(client: TestClient, finished: Any, site: WebSite) -> None:
    if client.get("/api/map").status_code == 202:
        pytest.skip("there is no map yet")
    file = map_file(site.library.folder, "song")
    sound = file.read_bytes()
    file.write_bytes(sound[:1000] + bytes(1000) + sound[2000:])
    for _ in range(3):
        answer = client.get("/api/map")
        if answer.status_code == 200:
            break
        assert finished(answer)["state"] == "done"
    assert answer.status_code == 200 and file.read_bytes() == sound, "the same songs and seed give the same map"


def test_points_that_were_measured_are_drawn_so(client: TestClient, finished: Any, site: WebSite) -> None:
    """Also where no cluster got another name by it, so that the map itself is what it was."""

    def drawn() -> Any:
        answer = client.get("/api/map?color=loudness")
        if answer.status_code == 202:
            assert finished(answer)["state"] == "done"
            answer = client.get("/api/map?color=loudness")
        return answer.json()

    before, file = drawn(), map_file(site.library.folder, "song").read_bytes()
    assert before["unmeasured"] == 6 and set(before["points"]["value"]) == {None}
    with ReferenceIndex.open(site.library.folder) as index:
        assert LibraryMap.open(index).measure() == []
    assert map_file(site.library.folder, "song").read_bytes() == file
    after = drawn()
    assert after["unmeasured"] == 0 and None not in after["points"]["value"]


def test_making_a_map_can_be_stopped(site: WebSite, client: TestClient) -> None:
    maps = Maps(site.library, site.board)
    job = maps.make("window")
    assert maps.make("window") is job
    site.board.cancel(job)
    answer = client.get(f"/api/jobs/{job.id}?wait_s=20").json()
    assert answer["state"] in FINISHED
