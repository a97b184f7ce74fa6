"""The page of a mix: moved by hand and keys, undone, rendered, compared, saved as a new file."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from fxrep.mixing import MixSession
from tests.web_browser.conftest import Library, drag

FADER = ".strip[data-place='track:bass'] .fader-cap"


def test_every_strip_is_there_with_its_curves(mix_page: Page) -> None:
    names = mix_page.locator(".strip-name").all_text_contents()
    assert names == ["bass", "kick", "vocals", "kit", "reverb", "delay", "master"]
    expect(mix_page.locator(".strip[data-place='track:bass'] .mini-curve").first).to_have_attribute("d", compile_any())
    expect(mix_page.locator("#editor .eq-curve").first).to_have_attribute("d", compile_any())


def compile_any() -> object:
    import re

    return re.compile("^M")


def test_a_console_without_faders_has_its_last_gain_on_them(mix_page: Page) -> None:
    level = mix_page.evaluate(
        """async () => {
            const { stripView } = await import("/static/strip_view.js");
            const gain = { name: "gain_db", unit: "dB", low: -48, high: 24, scale: "db", default: 0 };
            const effects = ["first", "last"].map((label) => ({ label, effect: "gain", settings: [gain] }));
            const values = { "first.gain_db": 3, "last.gain_db": -7.5 };
            const state = { get: (_, path) => values[path], set: () => {}, isChanged: () => false };
            const strip = { place: "track:a", kind: "track", name: "a", group: null, sends: [], effects };
            const view = stripView(strip, state, {}, { open: () => {}, reset: () => {} });
            view.show();
            return view.element.querySelector(".fader-cap").getAttribute("aria-valuenow");
        }"""
    )
    assert level == "-7.5"


def test_a_fader_moves_by_keys_and_hand_and_comes_back(mix_page: Page) -> None:
    cap = mix_page.locator(FADER)
    cap.focus()
    mix_page.keyboard.press("ArrowDown")
    mix_page.keyboard.press("Shift+ArrowDown")
    expect(cap).to_have_attribute("aria-valuenow", "-0.6")
    expect(mix_page.locator("#changes")).to_have_text("1 setting changed")
    drag(mix_page, cap, (0, 50))
    assert float(cap.get_attribute("aria-valuenow") or 0) < -10
    mix_page.click(".strip[data-place='track:bass'] .reset")
    expect(cap).to_have_attribute("aria-valuenow", "0")
    mix_page.click("#undo")
    assert float(cap.get_attribute("aria-valuenow") or 0) < -10
    mix_page.click("#redo")
    expect(mix_page.locator("#changes")).to_have_text("as saved")


def test_a_band_is_dragged_and_its_curve_follows(mix_page: Page) -> None:
    curve = mix_page.locator("#editor .eq-curve").first
    expect(curve).to_have_attribute("d", compile_any())
    before = curve.get_attribute("d")
    band = mix_page.locator("#editor .eq [role=slider]").nth(2)
    band.scroll_into_view_if_needed()
    drag(mix_page, band, (60, -40))
    assert float(band.get_attribute("aria-valuenow") or 0) > 3
    expect(curve).not_to_have_attribute("d", before or "")
    mix_page.keyboard.press("]")
    expect(mix_page.locator(".eq-readout")).to_contain_text("Q 0.")
    mix_page.keyboard.press("u")
    mix_page.keyboard.press("u")
    expect(mix_page.locator("#changes")).to_have_text("as saved")


def test_a_mix_is_rendered_again_compared_and_saved(mix_page: Page, library: Library) -> None:
    before = (library.mix / "console.json").read_bytes()
    mix_page.locator(FADER).focus()
    for _ in range(4):
        mix_page.keyboard.press("PageDown")
    moved = float(mix_page.locator(FADER).get_attribute("aria-valuenow") or 0)
    assert moved < -6
    mix_page.keyboard.press("r")
    mix_page.wait_for_selector(".renders li")
    mix_page.wait_for_selector("#transport[data-playing=true]")
    assert mix_page.locator(".sides .name").all_text_contents() == ["Render 1", "Earlier mix", "Reference"]
    mix_page.keyboard.press("c")
    expect(mix_page.locator("#transport")).to_have_attribute("data-side", "2")
    mix_page.fill("#save-name", "quieter bass")
    mix_page.press("#save-name", "Enter")
    expect(mix_page.locator("#notice strong")).to_be_visible()
    saved = MixSession.load(library.mix / (mix_page.locator("#notice strong").text_content() or ""))
    assert saved.settings.tracks["bass"]["fader"]["gain_db"] == moved
    assert (library.mix / "console.json").read_bytes() == before
    assert json.loads(before)["format"] == "fxrep mix 1"
