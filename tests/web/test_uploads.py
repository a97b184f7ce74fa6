"""Uploads are limited, decoded apart and embedded; what is no audio harms nobody."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from starlette.testclient import TestClient

from fxrep.audio import load_audio, save_audio
from fxrep.web.site import WebSite
from fxrep.web.uploads import shown_name

from .conftest import RATE, noise

Finished = Callable[[Any], dict[str, Any]]


def send(client: TestClient, content: Any, name: str = "song.wav", **options: Any) -> Any:
    return client.post("/api/uploads", params={"name": name}, content=content, **options)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".aiff"])
def test_a_song_of_the_library_finds_itself(
    client: TestClient, finished: Finished, library: Path, suffix: str, tmp_path: Path
) -> None:
    number, file = next(
        (song["id"], library.parent / song["path"])
        for song in client.get("/api/songs").json()["songs"]
        if song["path"].endswith(suffix)
    )
    job = finished(send(client, file.read_bytes(), f"../x/{file.name}"))
    assert job["state"] == "done", job
    upload = job["result"]
    assert upload["name"] == file.name and abs(upload["duration_s"] - 3) < 0.1
    found = client.post("/api/searches", json={"like": [{"upload": upload["upload"]}], "k": 2}).json()["hits"]
    assert found[0]["song_id"] == number and found[0]["score"] > 0.999
    kept = client.get(f"/api/audio/uploads/{upload['upload']}")
    (tmp_path / "kept.flac").write_bytes(kept.content)
    heard, stored = load_audio(tmp_path / "kept.flac")[0], load_audio(file)[0]
    assert kept.headers["content-type"] == "audio/flac" and (heard - stored).abs().max() < 2**-23
    told = client.get(f"/api/waveforms/uploads/{upload['upload']}?points=3").json()
    assert len(told["peaks"]) == 3 and told["loudness_lufs"] < 0


def test_what_exceeds_full_scale_is_kept_as_it_is(client: TestClient, finished: Finished, tmp_path: Path) -> None:
    loud = 30 * noise(3)
    assert loud.abs().max() > 1
    save_audio(tmp_path / "loud.wav", loud, RATE, subtype="FLOAT")
    job = finished(send(client, (tmp_path / "loud.wav").read_bytes()))
    (tmp_path / "kept.wav").write_bytes(client.get(f"/api/audio/uploads/{job['result']['upload']}").content)
    assert load_audio(tmp_path / "kept.wav")[0].equal(loud)


BROKEN = {
    "text": b"this is no audio at all" * 50,
    "html": b"<html><script>alert(1)</script>",
    "header only": b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0"
    b"data\xff\xff\xff\x7f",
    "zeros": bytes(5000),
    "flac magic": b"fLaC" + bytes(range(256)) * 20,
    "ogg magic": b"OggS" + bytes(range(256)) * 20,
    "mp3 magic": b"ID3\x04\0\0\0\0\x0f\x7f" + b"\xff\xfb\x90\x64" * 400,
    "mp4 magic": b"\0\0\0\x20ftypisom" + bytes(range(256)) * 20,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_audio_is_refused_with_its_name(
    client: TestClient, finished: Finished, site: WebSite, content: bytes
) -> None:
    job = finished(send(client, content, "what<is>this.wav"))
    assert job["state"] == "failed" and job["error"].startswith("what<is>this.wav"), job
    assert str(site.root) not in job["error"] and "\n" not in job["error"]


def test_silence_is_refused(client: TestClient, finished: Finished, tmp_path: Path) -> None:
    save_audio(tmp_path / "silence.wav", torch.zeros(2, RATE), RATE)
    job = finished(send(client, (tmp_path / "silence.wav").read_bytes()))
    assert job["state"] == "failed" and "silent" in job["error"]


def test_what_is_too_long_is_refused_however_small(client: TestClient, finished: Finished, tmp_path: Path) -> None:
    save_audio(tmp_path / "long.flac", torch.zeros(1, 8000 * 60), 8000)
    job = finished(send(client, (tmp_path / "long.flac").read_bytes()))
    assert job["state"] == "failed" and "20 s or less" in job["error"]


def test_what_is_too_large_is_refused_at_once_or_on_the_way(client: TestClient, site: WebSite) -> None:
    before = len(list(site.uploads.cache.folder.iterdir()))
    answer = send(client, bytes((3 << 20) + 1))
    assert answer.status_code == 413 and "3 MB" in answer.json()["error"]

    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield bytes(1 << 16)

    assert send(client, pieces()).status_code == 413
    assert send(client, b"").status_code == 422
    assert len(list(site.uploads.cache.folder.iterdir())) == before


def test_a_full_disk_is_told(client: TestClient, site: WebSite, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = len(list(site.uploads.cache.folder.iterdir()))
    monkeypatch.setattr(site.uploads, "_write", full)
    answer = send(client, b"x")
    assert answer.status_code == 507 and "space" in answer.json()["error"] and str(site.root) not in answer.text
    assert len(list(site.uploads.cache.folder.iterdir())) == before


def test_only_so_many_are_received_at_once(client: TestClient, site: WebSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.uploads, "_receiving", site.config.limits.receiving)
    answer = send(client, b"x")
    assert answer.status_code == 429 and answer.headers["retry-after"]


def test_other_requests_are_small(client: TestClient) -> None:
    assert client.post("/api/searches", content=b"[" * (1 << 17)).status_code == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(10):
            yield b" " * (1 << 15)

    answer = client.post("/api/searches", content=pieces(), headers={"content-type": "application/json"})
    assert answer.status_code == 413 and "error" in answer.json()


def test_uploads_beyond_the_number_displace_the_oldest(
    client: TestClient, finished: Finished, site: WebSite, tmp_path: Path
) -> None:
    names = []
    for number in range(site.config.limits.uploads + 1):
        save_audio(tmp_path / "song.wav", noise(20 + number, 0.6), RATE)
        names.append(finished(send(client, (tmp_path / "song.wav").read_bytes()))["result"]["upload"])
    assert client.get(f"/api/audio/uploads/{names[-1]}").status_code == 200
    answer = client.post("/api/searches", json={"like": [{"upload": names[0]}]})
    assert answer.status_code == 404 and "drop the file again" in answer.json()["error"]
    assert len(list(site.uploads.cache.folder.iterdir())) == site.config.limits.uploads
    assert len(site.library.encoder._known) <= site.config.limits.uploads


def test_a_cancelled_upload_leaves_nothing(client: TestClient, site: WebSite, tmp_path: Path) -> None:
    save_audio(tmp_path / "song.wav", noise(1, 6.0), RATE)
    content = (tmp_path / "song.wav").read_bytes()
    before = len(list(site.uploads.cache.folder.iterdir()))
    jobs = [send(client, content).json()["job"] for _ in range(4)]
    for job in jobs:
        client.delete(f"/api/jobs/{job}")
    states = [client.get(f"/api/jobs/{job}?wait_s=10").json()["state"] for job in jobs]
    assert states[-1] == "cancelled" and set(states) <= {"cancelled", "done"}
    until = time.monotonic() + 10
    while time.monotonic() < until and len(list(site.uploads.cache.folder.iterdir())) > before + states.count("done"):
        time.sleep(0.01)
    assert len(list(site.uploads.cache.folder.iterdir())) <= before + states.count("done")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        *(("song.wav", "song.wav"), ("../../etc/passwd", "passwd"), ("C:\\music\\a.mp3", "a.mp3"), ("", "recording")),
        *(
            ("a\nb\0c\x1b[31m.wav", "abc[31m.wav"),
            ("\u202egnp.wav", "gnp.wav"),
            ("x" * 500, "x" * 120),
            ("a/", "recording"),
        ),
    ],
)
def test_names_are_one_short_line(given: str, shown: str) -> None:
    assert shown_name(given) == shown
