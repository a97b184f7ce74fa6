"""Every kind of control of the console: knobs, typed numbers, switches, bands, threshold, undo, keys."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.web_browser.conftest import drag

ANY_PATH = re.compile("^M")


def value(control: Locator) -> float:
    return float(control.get_attribute("aria-valuenow") or "nan")


def test_knobs_are_turned_typed_and_made_neutral(mix_page: Page) -> None:
    pan = mix_page.locator(".strip[data-place='track:bass'] [aria-label='pan of bass']")
    drag(mix_page, pan, (0, -60))
    assert value(pan) > 0.3
    pan.dblclick()
    expect(pan).to_have_attribute("aria-valuenow", "0")
    for name, key in (("reverb of bass", "PageUp"), ("trim of bass", "ArrowUp")):
        knob = mix_page.locator(f".strip[data-place='track:bass'] [aria-label='{name}']")
        before = value(knob)
        knob.focus()
        mix_page.keyboard.press(key)
        mix_page.keyboard.press(key)
        assert value(knob) > before, name
        mix_page.keyboard.press("Home")
        mix_page.keyboard.press("End")
        assert value(knob) == float(knob.get_attribute("aria-valuemax") or 0)
    typed = mix_page.locator("#editor [aria-label='ratio of bass, value']")
    typed.fill("4")
    typed.press("Enter")
    expect(mix_page.locator("#editor [aria-label='ratio of bass']")).to_have_attribute("aria-valuenow", "4")
    typed.fill("loud")
    typed.press("Enter")
    expect(typed).to_have_value(re.compile("^4"))
    mix_page.click("#reset")
    expect(mix_page.locator("#changes")).to_have_text("as saved")
    expect(mix_page.locator("#reset")).to_be_disabled()


def test_filters_are_switched_on_and_off(mix_page: Page) -> None:
    switch = mix_page.locator("#editor .switch input").first
    expect(switch).not_to_be_checked()
    switch.check()
    expect(mix_page.locator("#editor .switch span").first).to_contain_text("Hz")
    expect(mix_page.locator("#changes")).to_have_text("1 setting changed")
    switch.uncheck()
    expect(mix_page.locator("#changes")).to_have_text("as saved")


def test_bands_move_by_keys_and_wheel(mix_page: Page) -> None:
    band = mix_page.locator("#editor .eq [role=slider]").nth(2)
    band.focus()
    mix_page.keyboard.press("ArrowUp")
    expect(band).to_have_attribute("aria-valuenow", "0.5")
    frequency = (band.get_attribute("aria-valuetext") or "").split(",")[0]
    mix_page.keyboard.press("ArrowRight")
    expect(band).not_to_have_attribute("aria-valuetext", re.compile(f"^{re.escape(frequency)},"))
    width = (band.get_attribute("aria-valuetext") or "").rpartition("Q ")[2]
    band.hover()
    mix_page.mouse.wheel(0, -200)
    expect(band).not_to_have_attribute("aria-valuetext", re.compile(f"Q {re.escape(width)}$"))
    mix_page.click("#editor summary")
    expect(mix_page.locator("#editor details .knob").first).to_be_visible()


def test_the_threshold_is_dragged_and_its_curve_follows(mix_page: Page) -> None:
    curve = mix_page.locator("#editor .levels .eq-curve")
    expect(curve).to_have_attribute("d", ANY_PATH)
    before = curve.get_attribute("d") or ""
    ratio = mix_page.locator("#editor [aria-label='ratio of bass, value']")
    ratio.fill("8")
    ratio.press("Enter")
    handle = mix_page.locator("#editor .threshold-handle")
    drag(mix_page, handle.locator("circle"), (-80, 0))
    assert value(handle) < -10
    expect(curve).not_to_have_attribute("d", before)


def test_strips_are_opened_and_changes_undone_by_keys(mix_page: Page) -> None:
    heading = mix_page.locator("#editor h2")
    expect(heading).to_have_text("bass")
    mix_page.keyboard.press("j")
    expect(heading).to_have_text("kick")
    mix_page.keyboard.press("k")
    expect(heading).to_have_text("bass")
    mix_page.click(".strip[data-place='master'] .strip-pictures")
    expect(heading).to_have_text("master")
    mix_page.click(".strip[data-place='track:kick'] .strip-name")
    expect(heading).to_have_text("kick")
    cap = mix_page.locator(".strip[data-place='track:kick'] .fader-cap")
    cap.focus()
    mix_page.keyboard.press("ArrowUp")
    expect(cap).to_have_attribute("aria-valuenow", "0.5")
    mix_page.keyboard.press("Control+z")
    expect(cap).to_have_attribute("aria-valuenow", "0")
    mix_page.keyboard.press("Control+Shift+z")
    expect(cap).to_have_attribute("aria-valuenow", "0.5")
    mix_page.keyboard.press("u")
    mix_page.keyboard.press("y")
    expect(cap).to_have_attribute("aria-valuenow", "0.5")
    mix_page.keyboard.press("Delete")
    expect(cap).to_have_attribute("aria-valuenow", "0")


def test_the_pages_lead_to_each_other(mix_page: Page) -> None:
    mix_page.click("nav >> text=Library")
    mix_page.wait_for_selector("canvas[data-points]")
    mix_page.click("#mix-link")
    mix_page.wait_for_selector(".strip.master")
    mix_page.click(".brand")
    mix_page.wait_for_selector("canvas[data-points]")
    mix_page.keyboard.press("Tab")
    expect(mix_page.locator(".skip")).to_be_focused()
    mix_page.keyboard.press("Enter")
    expect(mix_page.locator("#results-title")).to_be_focused()
