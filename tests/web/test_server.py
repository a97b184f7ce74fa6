"""`fxrep serve` as it is run: a process, sockets, and an interrupt."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
import typer
from typer.testing import CliRunner

from encoders import load_encoder
from fxrep.audio import save_audio
from fxrep.cli import serve
from fxrep.errors import ArgumentError, DataError, MissingExtraError, OutputError, ReferenceIndexError
from fxrep.retrieval import ReferenceIndex
from fxrep.web import running
from fxrep.web.config import WebConfig
from fxrep.web.running import listen, made_up_token, shown_address
from fxrep.web.site import WebSite

from .conftest import RATE, noise


class Server:
    def __init__(self, index: Path, cache: Path, *options: str) -> None:
        command = [sys.executable, "-m", "fxrep", "serve", str(index), "--port", "0", "--json", "--cache", str(cache)]
        # A group of its own, so that an interrupt reaches its processes as it does from a terminal.
        self.process = subprocess.Popen(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.told, self.cache = json.loads(line), cache
        self.url = self.told["url"].rstrip("/")
        self.port = int(self.url.rpartition(":")[2])

    def interrupt(self) -> tuple[int, str]:
        os.killpg(self.process.pid, signal.SIGINT)
        _, errors = self.process.communicate(timeout=180)
        return self.process.returncode, errors

    def raw(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(request)
            received = b""
            while piece := connection.recv(1 << 16):
                received += piece
            return received

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@pytest.fixture(scope="module")
def server(make_library: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    index = make_library()
    started = Server(index, tmp_path_factory.mktemp("cache"))
    yield started, index
    if started.process.poll() is None:
        started.process.kill()
        started.process.communicate()


def wait_for(client: httpx2.Client, job: str) -> dict:
    while True:
        told = client.get(f"/api/jobs/{job}?wait_s=10").json()
        if told["state"] in ("done", "failed", "cancelled"):
            return told


def test_many_read_at_once_and_each_gets_the_bytes(server: tuple[Server, Path]) -> None:
    started, index = server
    assert started.told["songs"] == 6
    whole = (index.parent / "music/song 1.wav").read_bytes()
    wrong: list[str] = []

    def read(number: int) -> None:
        with httpx2.Client(base_url=started.url, timeout=30) as client:
            for start in range(number, len(whole), len(whole) // 3):
                part = client.get("/api/audio/songs/1", headers={"range": f"bytes={start}-{start + 70000}"})
                if part.status_code != 206 or part.content != whole[start : start + 70001]:
                    wrong.append(f"{start}: {part.status_code}")
            if client.get("/api/audio/songs/1").content != whole:
                wrong.append("whole")

    threads = [threading.Thread(target=read, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    "path",
    [
        *(
            b"/static/../site.py",
            b"/static/%2e%2e/site.py",
            b"/static/..%2fsite.py",
            b"/../../etc/passwd",
            b"//etc/passwd",
        ),
        *(b"/api/audio/songs/../../../../etc/passwd", b"/api/audio/songs/%2e%2e%2f%2e%2e%2fetc%2fpasswd", b"/%00"),
        *(b"/static/\xff\xfe", b"/static/..\\site.py", b"/api/songs/1;/../..", b"/static/%ff%fe%00"),
    ],
)
def test_no_raw_path_leads_out(server: tuple[Server, Path], path: bytes) -> None:
    started, _ = server
    host = f"127.0.0.1:{started.port}".encode()
    answer = started.raw(b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
    assert answer[9:12] in (b"400", b"404") and b"root:" not in answer and b"__future__" not in answer


def test_a_request_without_a_host_or_with_two_is_refused(server: tuple[Server, Path]) -> None:
    started, _ = server
    assert started.raw(b"GET /api/library HTTP/1.0\r\n\r\n")[9:12] in (b"403", b"400")
    assert started.raw(b"GET /api/library HTTP/1.1\r\nConnection: close\r\n\r\n")[9:12] in (b"403", b"400")
    two = b"GET /api/library HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert started.raw(two)[9:12] in (b"403", b"400")


@pytest.mark.skipif(not Path("/proc").exists(), reason="open files are counted in /proc")
def test_who_goes_away_in_the_middle_leaves_no_open_file(server: tuple[Server, Path]) -> None:
    started, _ = server
    host = f"127.0.0.1:{started.port}".encode()
    before = started.open_files()
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", started.port), timeout=20)
        connection.sendall(b"GET /api/audio/songs/1 HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        connection.recv(100)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    until = time.monotonic() + 10
    while started.open_files() > before and time.monotonic() < until:
        time.sleep(0.05)
    assert started.open_files() <= before


def test_songs_that_another_process_adds_are_found(server: tuple[Server, Path]) -> None:
    started, index = server
    with httpx2.Client(base_url=started.url, timeout=30) as client:
        assert client.get("/api/library").json()["songs"] == 6
        save_audio(index.parent / "music/new.wav", noise(99), RATE)
        with ReferenceIndex.open(index, load_encoder("tiny")) as writer:
            writer.add([index.parent / "music/new.wav"])
        assert client.get("/api/library").json()["songs"] == 7
        assert client.get("/api/audio/songs/7").status_code == 200
        content = (index.parent / "music/new.wav").read_bytes()
        upload = wait_for(client, client.post("/api/uploads?name=n.wav", content=content).json()["job"])["result"]
        found = client.post("/api/searches", json={"like": [{"upload": upload["upload"]}], "k": 1}).json()
        assert found["hits"][0]["song_id"] == 7


def test_an_interrupt_ends_it_cleanly_in_the_middle_of_work(server: tuple[Server, Path]) -> None:
    started, index = server
    assert list(started.cache.iterdir())
    with httpx2.Client(base_url=started.url, timeout=30) as client:
        content = (index.parent / "music/song 1.wav").read_bytes()
        jobs = [client.post("/api/uploads?name=n.wav", content=content).json()["job"] for _ in range(10)]
        assert len(jobs) == 10
        code, errors = started.interrupt()
    assert code == 0 and "Traceback" not in errors, errors
    assert not list(started.cache.iterdir())
    until = time.monotonic() + 20
    with pytest.raises(ProcessLookupError):  # none of its processes is left
        while time.monotonic() < until:
            os.killpg(started.process.pid, 0)
            time.sleep(0.05)


def test_a_port_that_is_taken_is_told_at_once() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(OutputError, match="in use: give another with --port"):
        listen("127.0.0.1", first.getsockname()[1])
    with pytest.raises(OutputError, match="--host"):
        listen("192.0.2.77", 0)
    with pytest.raises(OutputError, match="--host"):
        listen("no such host.invalid", 0)


def test_the_address_that_is_shown_has_the_token(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert shown_address(listener, WebConfig(tmp_path)) == f"http://127.0.0.1:{port}/"
        token = made_up_token()
        assert shown_address(listener, WebConfig(tmp_path, token=token)) == f"http://127.0.0.1:{port}/?token={token}"
    with listen("0.0.0.0", 0) as listener:
        assert "0.0.0.0" not in shown_address(listener, WebConfig(tmp_path))


def call(*arguments: object) -> None:
    app = typer.Typer()
    app.command()(serve.run)
    CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def test_what_cannot_be_served_is_told_before_anything_is(library: Path, tmp_path: Path) -> None:
    with pytest.raises(ReferenceIndexError, match="fxrep index build"):
        call(tmp_path / "nothing.fxindex", "--port", 0)
    with pytest.raises(DataError, match="holds no mix"):
        call(library, "--port", 0, "--mix", tmp_path)
    with pytest.raises(ArgumentError, match="16 or more"):
        call(library, "--port", 0, "--token", "short")
    with listen("127.0.0.1", 0) as taken, pytest.raises(OutputError, match="in use"):
        call(library, "--port", taken.getsockname()[1])


def test_beyond_this_machine_a_token_is_made_up(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[WebConfig] = []

    def interrupted(site: WebSite, listener: socket.socket) -> None:
        seen.append(site.config)
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "run_server", interrupted)
    common = (library, "--port", 0, "--cache", tmp_path / "cache")
    call(*common)
    call(*common, "--host", "0.0.0.0")
    call(*common, "--host", "0.0.0.0", "--token", "a-token-of-my-own", "--name", "studio.local")
    here, made_up, own = seen
    assert here.token is None and made_up.token is not None and len(made_up.token) >= 32
    assert own.token == "a-token-of-my-own" and own.hosts == ("studio.local",)
    assert not list((tmp_path / "cache").iterdir())


def test_without_the_extra_it_says_how_to_install_it(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(MissingExtraError, match=r'pip install "fxrep\[web\]"'):
        call(library)
