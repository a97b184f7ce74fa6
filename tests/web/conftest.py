"""A small library of real files with a shipped encoder, a mix of its songs, and the page's server around both."""

from __future__ import annotations

import dataclasses
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("fastapi")
pytest.importorskip("httpx2")

from starlette.testclient import TestClient

from encoders import load_encoder
from fxrep.audio import save_audio
from fxrep.effects.console import default_console
from fxrep.mixing import MixSession, TrackSet, neutral_session
from fxrep.retrieval import ReferenceIndex
from fxrep.web.app import create_app
from fxrep.web.config import WebConfig, WebLimits
from fxrep.web.site import WebSite

RATE = 44100
HOST = "http://127.0.0.1:8765"
PATIENCE_S = 240.0
"""Only a fault takes so long; a machine with other work is slow, not broken."""
PRIVATE = tuple(
    str(place) for place in {Path.home(), Path.cwd(), Path(sys.prefix), Path(tempfile.gettempdir())} - {Path("/")}
)
ABSOLUTE = re.compile(r"(?<![\w./<)-])(?!(?<=:)//)/[^\s/]|[A-Za-z]:[\\\\/][^/]")
ARTISTS = ("Ana", "Ana", "Bo", "Bo", "<b>Cy</b>", "Cy")


class WatchedClient(TestClient):
    """A client to whom no answer in JSON tells where files lie on this machine."""

    def __init__(self, site: WebSite, address: str = HOST) -> None:
        super().__init__(create_app(site), base_url=address, raise_server_exceptions=False)

    def request(self, *arguments: Any, **options: Any) -> Any:
        answer = super().request(*arguments, **options)
        if answer.headers.get("content-type") == "application/json":
            check_private(answer.json())
        return answer


def check_private(value: Any) -> None:
    """Fails for a text in which something looks like an absolute path, but for addresses of the page itself."""
    if isinstance(value, dict):
        for key, one in value.items():
            check_private(key)
            check_private(one)
    elif isinstance(value, list):
        for one in value:
            check_private(one)
    elif isinstance(value, str) and not value.startswith("/api/"):
        assert not ABSOLUTE.search(value), value
        assert not any(place in value for place in PRIVATE), value


def noise(seed: int, seconds: float = 3.0, channels: int = 2) -> torch.Tensor:
    """Noise of a colour and level of its own, (channels, samples)."""
    generator = torch.Generator().manual_seed(seed)
    spectrum = torch.fft.rfft(torch.randn(channels, round(seconds * RATE), generator=generator))
    turn = torch.linspace(0.0, torch.pi, spectrum.shape[-1])
    pole = 0.95 * float(torch.rand((), generator=generator))
    coloured = torch.fft.irfft(spectrum / (1.0 - pole * torch.exp(-1j * turn)), round(seconds * RATE))
    return 0.05 * coloured


@pytest.fixture(scope="session")
def make_library(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes an index ``lib.fxindex`` beside a folder ``music`` with songs of three formats."""
    encoder = load_encoder("tiny")

    def make() -> Path:
        folder = tmp_path_factory.mktemp("library")
        suffixes = (".wav", ".flac", ".ogg", ".mp3", ".wav", ".aiff")
        files = [folder / "music" / f"song {number}{suffix}" for number, suffix in enumerate(suffixes, 1)]
        for number, file in enumerate(files):
            save_audio(file, noise(number), RATE)
        with ReferenceIndex.create(folder / "lib.fxindex", encoder, model="tiny") as index:
            metadata = {
                str(file): {"artist": artist, "tempo": 90 + 10 * number}
                for number, (file, artist) in enumerate(zip(files, ARTISTS, strict=True))
            }
            index.add(files, metadata=metadata)
        return folder / "lib.fxindex"

    return make


@pytest.fixture(scope="session")
def library(make_library: Callable[[], Path]) -> Path:
    return make_library()


@pytest.fixture(scope="session")
def mix(library: Path) -> Path:
    """The folder of a mix of two tracks, with a result that names a song of the library."""
    folder = library.parent / "OUT"
    for number, name in enumerate(("bass.di", "vox")):
        save_audio(library.parent / f"tracks/{name}.wav", 0.5 * noise(10 + number, 2.0, 1 + number), RATE)
    session = neutral_session(TrackSet([library.parent / "tracks"]), default_console())
    session.edit("vox", "compressor.threshold_db", -40.0).edit("vox", "compressor.ratio", 4.0).save(
        folder / "console.json"
    )
    MixSession.load(folder / "console.json").render_to(folder / "mix.wav")
    (folder / "result.json").write_text('{"method": "by hand", "references": ["../music/song 2.flac"]}')
    return folder


@pytest.fixture(scope="session")
def config(library: Path, mix: Path, tmp_path_factory: pytest.TempPathFactory) -> WebConfig:
    limits = WebLimits(upload_bytes=3 << 20, upload_s=20.0, json_bytes=1 << 16, uploads=8, cache_bytes=64 << 20)
    return WebConfig(library, mixes=(mix,), cache=tmp_path_factory.mktemp("cache"), limits=limits)


@pytest.fixture(scope="session")
def site(config: WebConfig) -> Iterator[WebSite]:
    with WebSite(config) as site:
        yield site


@pytest.fixture(scope="session")
def client(site: WebSite) -> Iterator[TestClient]:
    with WatchedClient(site) as client:
        yield client


@pytest.fixture
def own(
    make_library: Callable[[], Path], config: WebConfig, tmp_path: Path
) -> Iterator[tuple[Path, TestClient, WebSite]]:
    """A library that may be changed, and its server."""
    index = make_library()
    changed = dataclasses.replace(config, index=index, mixes=(), cache=tmp_path / "cache")
    with WebSite(changed) as site, WatchedClient(site) as client:
        yield index, client, site


@pytest.fixture
def finished(client: TestClient) -> Callable[[Any], dict[str, Any]]:
    """Waits for the job of an answer."""

    def wait(answer: Any) -> dict[str, Any]:
        assert answer.status_code == 202, answer.text
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            job = client.get(f"/api/jobs/{answer.json()['job']}?wait_s=5").json()
            if job["state"] in ("done", "failed", "cancelled"):
                return job
        raise AssertionError(job)

    return wait
