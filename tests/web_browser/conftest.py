"""The page in a real browser: `fxrep serve` as a process on a small library, driven through headless Chromium."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'fxrep[dev]'")
pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'fxrep[web]'")

from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect, Locator, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_MS = 60_000
"""Only a fault waits for so long; a machine with other work is slow, not broken."""
expect.set_options(timeout=PATIENCE_MS)
EVIL = "<img src=x onerror=alert(1)>"
"""The name of a song that must be shown as it is."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Library, server and browser take more than ten seconds before the first test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Library:
    """Where things lie that the server shows."""

    folder: Path

    @property
    def songs(self) -> Path:
        return self.folder / "songs"

    @property
    def mix(self) -> Path:
        return self.folder / "OUT"

    @property
    def parts(self) -> Path:
        return self.folder / "PARTS"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Six generated songs with metadata, a map, a mix of three tracks with a reference, the same in two sections."""
    from encoders import load_encoder
    from fxrep.audio import save_audio
    from fxrep.data.synthesis.song import generate_song
    from fxrep.effects.console import default_console
    from fxrep.mixing import MixSession, TrackSet, neutral_session
    from fxrep.mixing.sections import Section
    from fxrep.retrieval import ReferenceIndex
    from fxrep.visualization import LibraryMap

    made = Library(tmp_path_factory.mktemp("page"))
    metadata: dict[str, dict[str, Any]] = {}
    for number in range(6):
        song = generate_song(seed=number, duration_s=10.0, tracks=["kick", "bass", "vocals"])
        audio = sum(song.tracks.values())
        level = 10 ** (-2.0 * number / 20)
        name = f"{EVIL}.flac" if number == 5 else f"song {number}.flac"
        save_audio(made.songs / name, 0.5 * level * audio / audio.abs().max(), song.sample_rate)
        metadata[str(made.songs / name)] = {"artist": "Ana" if number < 3 else "<b>Bo</b>", "tempo": 90 + 10 * number}
    with ReferenceIndex.create(made.folder / "lib.fxindex", load_encoder("tiny"), model="tiny") as index:
        index.add([made.songs], metadata=metadata)
        assert LibraryMap.make(index).measure() == []
    for name, track in song.tracks.items():
        save_audio(made.folder / "tracks" / f"{name}.flac", track[..., : 4 * song.sample_rate], song.sample_rate)
    neutral_session(TrackSet([made.folder / "tracks"]), default_console(["kit"])).save(made.mix / "console.json")
    MixSession.load(made.mix / "console.json").render_to(made.mix / "mix.wav")
    (made.mix / "result.json").write_text('{"method": "by hand", "references": ["../songs/song 0.flac"]}')
    plain = MixSession.load(made.mix / "console.json")
    later = Section(2.0, plain.settings.edit("bass", "fader.gain_db", -10.0))
    MixSession(plain.settings, plain.tracks, plain.input_gain_db, [later]).save(made.parts / "console.json")
    return made


@pytest.fixture(scope="session")
def address(library: Library) -> Iterator[str]:
    """Of a running server."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here: install chromium to test the page")
    command = [sys.executable, "-m", "fxrep", "serve", str(library.folder / "lib.fxindex"), "--mix", str(library.mix)]
    options = ["--mix", str(library.parts), "--port", "0", "--json", "--cache", str(library.folder / "cache")]
    with (library.folder / "serve.log").open("w") as log:
        server = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert server.stdout is not None
            yield json.loads(_document(server.stdout))["url"]
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)


def _document(lines: Any) -> str:
    """The first JSON document of a stream."""
    text = ""
    for line in lines:
        text += line
        try:
            json.loads(text)
        except ValueError:
            continue
        return text
    raise AssertionError(f"the server said: {text}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here: install chromium to test the page")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    """A page on a small screen that is touched."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, base_url=address, has_touch=True)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A fresh page; whatever it complains of fails the test, violations of the content policy too."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, base_url=address)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"{error}\n{error.stack}"))
    page.on("dialog", lambda dialog: faults.append(f"a dialog: {dialog.message}"))
    page.on("console", lambda message: message.type == "error" and faults.append(message.text))
    yield page
    context.close()
    expected = ("Failed to load resource",)  # what the server refused is shown in the page, and tested there
    assert [fault for fault in faults if not fault.startswith(expected)] == []


@pytest.fixture
def library_page(page: Page) -> Page:
    """The page of the library, with its map drawn."""
    page.goto("/")
    page.wait_for_selector("canvas[data-points]")
    return page


@pytest.fixture
def mix_page(page: Page) -> Page:
    """The page of the mix, with its console drawn."""
    page.goto("/mix")
    page.wait_for_selector(".strip.master")
    page.wait_for_selector(".sides button")
    return page


def search_for(page: Page, name: str) -> None:
    """Looks for songs like one of the library, by its name."""
    page.fill("#song-search", name)
    page.wait_for_selector("#song-list [role=option] .name")
    page.press("#song-search", "Enter")
    page.wait_for_selector(".result")


def box_of(control: Locator) -> FloatRect:
    """Where a control is on the screen, brought into view first."""
    control.scroll_into_view_if_needed()
    box = control.bounding_box()
    assert box is not None
    return box


def drag(page: Page, control: Locator, *way: tuple[float, float], begin: tuple[float, float] = (0.5, 0.5)) -> None:
    """Presses on a control, at shares of its width and height, moves to places in pixels from there, and lets go."""
    box = box_of(control)
    x, y = box["x"] + begin[0] * box["width"], box["y"] + begin[1] * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    for dx, dy in way:
        page.mouse.move(x + dx, y + dy, steps=5)
    page.mouse.up()


def place_on_map(page: Page, name: str) -> tuple[float, float]:
    """Where the point of a song is on the screen, while the whole map is shown."""
    box = box_of(page.locator("#map canvas"))
    at = page.evaluate(
        """async (name) => { const { MapPoints } = await import("/static/map_points.js");
        const { MapView } = await import("/static/map_view.js");
        const answer = await (await fetch("/api/map?level=song")).json();
        const { songs } = await (await fetch(`/api/songs?text=${encodeURIComponent(name)}`)).json();
        const view = new MapView(document.createElement("canvas"));
        const canvas = document.querySelector("canvas");
        Object.assign(view, { points: new MapPoints(answer), width: canvas.clientWidth, height: canvas.clientHeight });
        const [index] = view.points.of(songs[0].id);
        return view.toScreen(view.points.x[index], view.points.y[index]); }""",
        name,
    )
    return box["x"] + at[0], box["y"] + at[1]
