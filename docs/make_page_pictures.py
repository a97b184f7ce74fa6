"""Take the pictures of `fxrep serve` that docs/serve.md shows, of generated songs.

python docs/make_page_pictures.py
python docs/make_page_pictures.py --views /tmp/views   # every view, dark and light, on a desk and a phone: to look at
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from encoders import load_encoder
from fxrep.audio import normalize_loudness, save_audio
from fxrep.data.synthesis.song import generate_song
from fxrep.effects import render_settings
from fxrep.retrieval import ReferenceIndex
from fxrep.visualization import LibraryMap

IMAGES = Path(__file__).with_name("images")
LOUDNESS_LUFS = -20.0
DURATION_S = 12.0
TRACKS = ["kick", "snare", "bass", "guitar", "vocals"]
RECIPES: dict[str, list[dict[str, Any]]] = {
    "Parlour": [{"effect": "parametric_eq", "settings": {"high_shelf_gain_db": -12.0, "low_shelf_gain_db": 4.0}}],
    "The Lowlands": [{"effect": "noise_shaped_reverb", "settings": {"decay_s": 2.0, "mix": 0.4}}],
    "Night Bus": [{"effect": "saturation", "settings": {"drive_db": 20.0}}],
    "Glass Harbour": [{"effect": "parametric_eq", "settings": {"high_shelf_gain_db": 8.0, "low_shelf_gain_db": -9.0}}],
}
"""What each artist does to every song: the map shows who mixes alike."""
FIRST = ["Dry", "New", "Iron", "Slow", "Paper", "Low", "Far", "Amber", "Second", "Quiet", "Salt", "Open"]
SECOND = ["County", "Leaf", "Bridge", "Harvest", "Signal"]
GENRES = ["folk", "pop", "rock"]
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 800}


def make_library(folder: Path) -> Path:
    """An index of 60 songs by four artists, with its map."""
    metadata: dict[str, dict[str, Any]] = {}
    titles = iter([f"{one} {other}" for other in SECOND for one in FIRST])
    for number in range(15):
        song = generate_song(number, duration_s=DURATION_S, tracks=TRACKS)
        mix = torch.stack(list(song.tracks.values())).sum(0)[None]
        for artist, recipe in RECIPES.items():
            path = folder / "songs" / artist / f"{next(titles)}.flac"
            wet = render_settings(mix, song.sample_rate, recipe)[0]
            loudness_lufs = LOUDNESS_LUFS - 2.0 * (number % 4)
            save_audio(path, normalize_loudness(wet, song.sample_rate, loudness_lufs), song.sample_rate)
            metadata[str(path)] = {
                "artist": artist,
                "tempo": 80 + 3 * number,
                "genre": GENRES[number % len(GENRES)],
            }
    index_path = folder / "studio.fxindex"
    with ReferenceIndex.create(index_path, load_encoder("tiny"), model="tiny") as index:
        index.add([folder / "songs"], metadata=metadata)
        LibraryMap.make(index).measure()
    return index_path


def make_mix(folder: Path) -> Path:
    """A mix of five tracks by `fxrep mix`."""
    song = generate_song(100, duration_s=DURATION_S, tracks=TRACKS)
    for name, track in song.tracks.items():
        save_audio(folder / "tracks" / f"{name}.flac", track, song.sample_rate)
    command = [sys.executable, "-m", "fxrep", "mix", str(folder / "tracks"), "-o", str(folder / "mix")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "mix"


@contextmanager
def served(index: Path, mix: Path) -> Iterator[str]:
    """Serve both while the pictures are taken; the address."""
    reference = index.parent / "songs" / "The Lowlands" / "New County.flac"
    command = [sys.executable, "-m", "fxrep", "serve", str(index), "--mix", str(mix), "--reference", str(reference)]
    server = subprocess.Popen([*command, "--port", "0", "--json"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        text = ""
        while "}" not in text:
            text += server.stdout.readline()
        yield json.loads(text)["url"]
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


@contextmanager
def opened(browser: Browser, address: str, size: ViewportSize, scheme: Any) -> Iterator[Page]:
    """A page of a size, dark or light."""
    context = browser.new_context(viewport=size, color_scheme=scheme, base_url=address, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(180_000)
    yield page
    context.close()


def compare_and_ask_why(page: Page) -> None:
    """The page of the library: neighbours of a song, why one of them is one, and both side by side."""
    page.goto("/")
    page.wait_for_selector("canvas[data-points]")
    page.fill("#song-search", "Iron Bridge")
    page.wait_for_selector("#song-list [role=option] .name")
    page.press("#song-search", "Enter")
    page.wait_for_selector(".result")
    page.locator("#song-search").blur()
    hit = page.locator(".result").nth(1)
    hit.locator("[data-act=why]").click()
    hit.locator(".differences").wait_for()
    hit.locator("[data-act=compare]").click()
    page.wait_for_selector("#transport[data-playing=true][data-side='1']")
    page.wait_for_function("() => parseFloat(document.querySelector('.clock').textContent.split(':')[1]) > 3")
    page.click("#transport .play")
    page.wait_for_selector("#transport[data-playing=false]")
    hit.scroll_into_view_if_needed()


def change_and_render(page: Page) -> None:
    """The page of a mix: some settings changed and rendered, beside the mix as it was and the reference."""
    page.goto("/mix")
    page.wait_for_selector(".strip.master")
    page.wait_for_selector(".sides button")
    for control, key, times in (("fader of bass", "ArrowDown", 6), ("reverb of vocals", "PageUp", 4)):
        page.locator(f".strip [aria-label='{control}']").focus()
        for _ in range(times):
            page.keyboard.press(key)
    band = page.locator("#editor .eq [role=slider]").nth(2)
    band.focus()
    for _ in range(7):
        page.keyboard.press("ArrowUp")
    page.click("#render")
    page.wait_for_selector("#renders .heard")
    page.wait_for_selector("#transport[data-playing=true]")
    page.click("#transport .play")
    page.wait_for_selector("#transport[data-playing=false]")
    page.evaluate("scrollTo(0, 0)")


def take_views(browser: Browser, address: str, folder: Path) -> None:
    """Every view in both colours and both sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    for scheme in ("dark", "light"):
        for size_name, size in (("desk", DESK), ("phone", PHONE)):
            name = folder / f"{scheme}_{size_name}"
            with opened(browser, address, size, scheme) as page:
                page.goto("/")
                page.wait_for_selector("canvas[data-points]")
                page.screenshot(path=f"{name}_map.png")
                compare_and_ask_why(page)
                page.screenshot(path=f"{name}_compare.png")
                page.screenshot(path=f"{name}_library.png", full_page=True)
                change_and_render(page)
                page.screenshot(path=f"{name}_mix.png")
                page.screenshot(path=f"{name}_mix_whole.png", full_page=True)
                page.keyboard.press("?")
                page.screenshot(path=f"{name}_keys.png")


def main() -> None:
    """Make a library and a mix, and take pictures of the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", type=Path, metavar="FOLDER", help="take every view, and leave docs/images alone")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where library and mix are made, or were")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as driver:
        folder = options.keep or Path(temporary)
        index = folder / "studio.fxindex" if (folder / "studio.fxindex").exists() else make_library(folder)
        mix = folder / "mix" if (folder / "mix").exists() else make_mix(folder)
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with served(index, mix) as address:
            if options.views:
                take_views(browser, address, options.views)
                return
            with opened(browser, address, DESK, "dark") as page:
                compare_and_ask_why(page)
                page.screenshot(path=IMAGES / "serve_library.png")
            with opened(browser, address, {"width": 1280, "height": 1010}, "dark") as page:
                change_and_render(page)
                page.screenshot(path=IMAGES / "serve_mix.png")


if __name__ == "__main__":
    main()
