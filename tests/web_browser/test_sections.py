"""A song in sections: one is changed and the others stay, or all are changed at once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from fxrep.mixing import MixSession
from tests.web_browser.conftest import Library

FADER = ".strip[data-place='track:bass'] .fader-cap"


@pytest.fixture
def parts_page(mix_page: Page) -> Page:
    """The page of the mix that has two sections."""
    expect(mix_page.locator("#section")).to_be_hidden()
    mix_page.select_option("#mix-choice", label="PARTS")
    expect(mix_page.locator("#section")).to_be_visible()
    return mix_page


def saved(page: Page, library: Library, name: str) -> tuple[float, float, MixSession]:
    """Levels of the bass before and in the section, as they are saved."""
    page.fill("#save-name", name)
    page.press("#save-name", "Enter")
    expect(page.locator("#notice strong")).to_have_text(f"console-{name}.json")
    session = MixSession.load(library.parts / f"console-{name}.json")
    levels = [one.tracks["bass"]["fader"]["gain_db"] for one in (session.settings, session.sections[0].settings)]
    return levels[0], levels[1], session


def test_one_section_is_changed_and_the_other_stays(parts_page: Page, library: Library) -> None:
    texts = parts_page.locator("#section-choice option").all_text_contents()
    assert texts == ["all sections", "only 0:00–0:02", "only 0:02–0:04"]
    cap = parts_page.locator(FADER)
    expect(cap).to_have_attribute("aria-valuenow", "0")
    expect(parts_page.locator(".strip[data-place='track:bass'] .strip-kind")).to_contain_text("differs")
    parts_page.select_option("#section-choice", "1")
    expect(cap).to_have_attribute("aria-valuenow", "-10")
    cap.focus()
    parts_page.keyboard.press("ArrowUp")
    expect(parts_page.locator("#changes")).to_have_text("1 setting changed")
    parts_page.select_option("#section-choice", "0")
    expect(cap).to_have_attribute("aria-valuenow", "0")
    expect(parts_page.locator(".strip[data-place='track:bass'].changed")).to_have_count(0)
    assert saved(parts_page, library, "one")[:2] == (0.0, -9.5)


def test_all_sections_are_changed_at_once_and_taken_back(parts_page: Page, library: Library) -> None:
    cap = parts_page.locator(FADER)
    cap.focus()
    parts_page.keyboard.press("ArrowDown")
    expect(parts_page.locator(".strip[data-place='track:bass'] .strip-kind")).not_to_contain_text("differs")
    assert saved(parts_page, library, "both")[:2] == (-0.5, -0.5)
    parts_page.click(".strip[data-place='track:bass'] .reset")
    parts_page.select_option("#section-choice", "1")
    expect(cap).to_have_attribute("aria-valuenow", "-10")
    parts_page.keyboard.press("u")
    expect(cap).to_have_attribute("aria-valuenow", "-0.5")


def test_curves_are_those_of_the_section(parts_page: Page) -> None:
    curve = parts_page.locator("#editor .eq .eq-curve")
    expect(curve).to_have_attribute("d", re.compile("^M"))
    flat = curve.get_attribute("d") or ""
    parts_page.select_option("#section-choice", "1")
    band = parts_page.locator("#editor .eq [role=slider]").nth(2)
    band.focus()
    for _ in range(4):
        parts_page.keyboard.press("PageUp")
    expect(curve).not_to_have_attribute("d", flat)
    parts_page.select_option("#section-choice", "0")
    expect(curve).to_have_attribute("d", flat)


def test_a_render_has_the_change_where_it_was_made(parts_page: Page, library: Library) -> None:
    parts_page.select_option("#section-choice", "0")
    parts_page.locator(FADER).focus()
    parts_page.keyboard.press("Home")
    with parts_page.expect_response("**/renders") as asked:
        parts_page.keyboard.press("r")
    edits = asked.value.request.post_data_json["edits"]
    assert edits == [{"place": "track:bass", "path": "fader.gain_db", "value": -100, "section": 0}]
    expect(parts_page.locator(".renders li")).to_have_count(1)
