"""Who may ask: names of the server, pages that requests come from, tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from fxrep.errors import ArgumentError
from fxrep.web.access import host_is_allowed, is_loopback, origin_is_own
from fxrep.web.app import create_app
from fxrep.web.config import WebConfig
from fxrep.web.site import WebSite

TOKEN = "a-token-that-nobody-guesses"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_told(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.3", "studio.local", "127.0.0.1.evil.example", ""])
def test_all_else_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "header", ["127.0.0.1", "127.0.0.1:8765", "localhost:1", "LOCALHOST", "[::1]:8765", "studio.local:80"]
)
def test_own_names_are_allowed(header: str) -> None:
    assert host_is_allowed(header, {"studio.local"}, loopback=True)


@pytest.mark.parametrize(
    "header",
    [
        *(None, "", "evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example"),
        *("evil@127.0.0.1", "127.0.0.1@evil.example", "127.0.0.1:x", "127.0.0.1:99999", "127.0.0.1/..", "[::1", "::1"),
        *(
            "192.168.0.3",
            "2130706433",
            "0x7f.1",
            "127.1",
            "localhost evil.example",
            "localhost,evil.example",
            "0.0.0.0",
        ),
    ],
)
def test_other_names_are_not(header: str | None) -> None:
    assert not host_is_allowed(header, frozenset(), loopback=True)


def test_a_server_for_others_is_called_by_its_addresses_too_but_by_no_foreign_name() -> None:
    assert host_is_allowed("192.168.0.3:8765", frozenset(), loopback=False)
    assert not host_is_allowed("evil.example", frozenset(), loopback=False)


@given(st.text(max_size=30))
def test_no_host_breaks_the_check(header: str) -> None:
    host_is_allowed(header, frozenset(), loopback=True)


@given(st.text(max_size=30), st.sampled_from(["GET", "POST", "DELETE"]))
def test_no_foreign_origin_passes(origin: str, method: str) -> None:
    headers = {"host": "127.0.0.1:8765", "origin": origin}
    assert origin_is_own(headers, method, "/api/songs") == (origin.lower() in ("http://127.0.0.1:8765",))


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9", "http://localhost:8765", ""])
def test_requests_from_other_pages_are_refused(client: TestClient, origin: str) -> None:
    answer = client.post("/api/searches", json={"like": [{"song": 1}]}, headers={"origin": origin})
    assert answer.status_code == 403 and "other pages" in answer.json()["error"]


def test_the_own_page_may_ask(client: TestClient) -> None:
    own = {"origin": "http://127.0.0.1:8765", "sec-fetch-site": "same-origin"}
    assert client.post("/api/searches", json={"like": [{"song": 1}]}, headers=own).status_code == 200


def test_pictures_and_sounds_of_other_pages_are_refused_and_links_are_not(client: TestClient) -> None:
    cross = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "audio"}
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/api/audio/songs/1", headers=cross).status_code == 403
    assert client.get("/api/audio/songs/1", headers=link).status_code == 403
    assert client.get("/", headers={**link, "sec-fetch-dest": "iframe"}).status_code == 403
    assert client.get("/", headers=link).status_code != 403
    assert client.get("/api/songs", headers={"sec-fetch-site": "same-site"}).status_code == 403


def test_another_name_of_the_server_is_refused(client: TestClient) -> None:
    for path in ("/", "/api/songs", "/static/app.js", "/api/audio/songs/1"):
        answer = client.get(path, headers={"host": "rebound.example:8765"})
        assert answer.status_code == 403 and answer.headers["x-content-type-options"] == "nosniff"


def test_a_short_token_is_refused(config: WebConfig) -> None:
    with pytest.raises(ArgumentError, match="16 or more"):
        WebConfig(config.index, token="short")


@pytest.fixture
def guarded(config: WebConfig, tmp_path):
    import dataclasses

    with_token = dataclasses.replace(config, token=TOKEN, host="0.0.0.0", cache=tmp_path)
    with WebSite(with_token) as site, TestClient(create_app(site), base_url="http://192.168.0.3:8765") as client:
        yield client


def test_without_the_token_there_is_nothing(guarded: TestClient) -> None:
    for path in ("/", "/mix", "/static/app.js", "/api/library", "/api/audio/songs/1", "/api/nothing"):
        assert guarded.get(path).status_code == 401
    assert guarded.post("/api/uploads?name=x", content=b"RIFF").status_code == 401
    assert guarded.get("/?" + "&".join(["token=x"] * 500)).status_code == 401
    assert guarded.get("/?token=" + TOKEN[:-1], follow_redirects=False).status_code == 401
    assert guarded.get("/api/library?token=" + TOKEN).status_code == 401
    assert guarded.get("/api/library", headers={"authorization": "Bearer " + TOKEN[:-1]}).status_code == 401
    assert guarded.get("/api/library", headers={"cookie": "fxrep_token=; a=b;;=;"}).status_code == 401


def test_the_address_with_the_token_sets_a_cookie_once(guarded: TestClient) -> None:
    answer = guarded.get(f"/?token={TOKEN}&k=1", follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"] == "/?k=1"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie
    assert TOKEN not in answer.text
    assert guarded.get("/api/library").status_code == 200  # the client keeps the cookie
    again = guarded.get(f"/?token={TOKEN}", follow_redirects=False)
    assert again.status_code == 303 and "set-cookie" not in again.headers


def test_programs_may_show_the_token_in_a_header(guarded: TestClient) -> None:
    assert guarded.get("/api/library", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
