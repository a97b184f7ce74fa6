"""Mixes, their files of settings and their renders: chosen, heard, taken back, saved under names that are free."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web_browser.conftest import Library

FADER = ".strip[data-place='track:vocals'] .fader-cap"


def lower(page: Page, times: int) -> str:
    page.locator(FADER).focus()
    for _ in range(times):
        page.keyboard.press("ArrowDown")
    return page.locator(FADER).get_attribute("aria-valuenow") or ""


def test_a_saved_console_is_opened_again_and_no_name_is_taken_twice(mix_page: Page, library: Library) -> None:
    moved = lower(mix_page, 3)
    mix_page.fill("#save-name", "softer")
    mix_page.click("text=Save as new")
    expect(mix_page.locator("#notice strong")).to_have_text("console-softer.json")
    mix_page.click("text=Save as new")
    expect(mix_page.locator("#notice [role=alert]")).to_contain_text("is there already")
    mix_page.fill("#save-name", "")
    mix_page.click("text=Save as new")
    expect(mix_page.locator("#notice strong")).to_contain_text("console-")
    assert (library.mix / (mix_page.locator("#notice strong").text_content() or "?")).is_file()
    mix_page.select_option("#file-choice", "console-softer.json")
    expect(mix_page.locator("#changes")).to_have_text("as saved")
    expect(mix_page.locator(FADER)).to_have_attribute("aria-valuenow", moved)
    mix_page.select_option("#file-choice", "console.json")
    expect(mix_page.locator(FADER)).to_have_attribute("aria-valuenow", "0")


def test_renders_are_heard_again_and_give_their_settings_back(mix_page: Page) -> None:
    first = lower(mix_page, 2)
    mix_page.click("#render")
    expect(mix_page.locator(".renders li")).to_have_count(1)
    second = lower(mix_page, 2)
    assert first != second
    mix_page.click("#render")
    expect(mix_page.locator(".renders li")).to_have_count(2)
    expect(mix_page.locator(".renders li.heard")).to_contain_text("Render 2")
    mix_page.click("[aria-label='Hear Render 1']")
    expect(mix_page.locator(".renders li.heard")).to_contain_text("Render 1")
    mix_page.wait_for_selector("#transport[data-playing=true]")
    mix_page.click("[aria-label='Set the console as it was for Render 1']")
    expect(mix_page.locator(FADER)).to_have_attribute("aria-valuenow", first)
    for key, side in (("b", "1"), ("a", "0")):
        mix_page.keyboard.press(key)
        expect(mix_page.locator("#transport")).to_have_attribute("data-side", side)
    mix_page.keyboard.press("m")
    expect(mix_page.locator(".gain").first).to_have_text("as is")
    mix_page.keyboard.press(" ")
    expect(mix_page.locator("#transport")).to_have_attribute("data-playing", "false")


def test_another_mix_is_chosen_and_kept_in_the_address(mix_page: Page) -> None:
    mix_page.select_option("#mix-choice", label="PARTS")
    expect(mix_page).to_have_title("PARTS · fxrep")
    mix_page.reload()
    expect(mix_page).to_have_title("PARTS · fxrep")
    mix_page.select_option("#mix-choice", label="OUT")
    expect(mix_page).to_have_title("OUT · fxrep")
