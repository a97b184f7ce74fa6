"""For everybody: keys, names, focus, small screens, dark and light, errors with a way out."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.web_browser.conftest import search_for

NAMELESS = """() => [...document.querySelectorAll("button, input, select, [role=slider], [role=radio]")]
  .filter((one) => one.offsetParent !== null || one instanceof SVGElement)
  .filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim() || one.labels?.length || one.placeholder))
  .map((one) => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("path", ["/", "/mix"])
def test_a_dialog_tells_the_keys(page: Page, path: str) -> None:
    page.goto(path)
    page.wait_for_selector("canvas[data-points], .strip.master")
    page.keyboard.press("?")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_be_visible()
    assert dialog.locator("kbd").count() > 15
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_controls_have_names_and_the_list_one_tab_stop(library_page: Page) -> None:
    search_for(library_page, "song 1")
    assert library_page.evaluate(NAMELESS) == []
    assert library_page.locator(".result[tabindex='0']").count() == 1
    library_page.keyboard.press("Escape")
    library_page.locator("#song-search").blur()
    library_page.keyboard.press("h")
    library_page.keyboard.press("ArrowDown")
    expect(library_page.locator(".result").nth(1)).to_be_focused()
    outline = library_page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_controls_of_the_console_have_names(mix_page: Page) -> None:
    assert mix_page.evaluate(NAMELESS) == []


@pytest.mark.parametrize("path", ["/", "/mix"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(phone: Page, path: str) -> None:
    phone.goto(path)
    phone.wait_for_selector("canvas[data-points], .strip.master")
    if path == "/":
        search_for(phone, "song 1")
        phone.locator(".result [data-act=compare]").first.click()
        phone.locator(".result [data-act=why]").first.click()
        phone.wait_for_selector(".differences")
    phone.wait_for_selector(".sides button")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360


def test_colours_follow_the_system_and_then_the_switch(library_page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = library_page.evaluate(ground)
    library_page.emulate_media(color_scheme="dark")
    dark = library_page.evaluate(ground)
    assert dark != light
    library_page.click("#theme")
    assert library_page.evaluate(ground) == light
    library_page.reload()
    assert library_page.evaluate(ground) == light


def test_a_server_that_is_gone_is_told_with_what_to_do(library_page: Page) -> None:
    library_page.route("**/api/searches", lambda route: route.abort())
    library_page.keyboard.press("g")
    library_page.keyboard.press("ArrowRight")
    library_page.keyboard.press("Enter")
    expect(library_page.locator("#search-notice [role=alert]")).to_contain_text("fxrep serve")
    library_page.unroute("**/api/searches")
    library_page.click("#search-notice button >> text=Try again")
    library_page.wait_for_selector(".result")


def test_what_has_the_focus_is_not_under_the_bar(mix_page: Page) -> None:
    mix_page.set_viewport_size({"width": 1280, "height": 620})
    for control in ("#editor .eq [role=slider] >> nth=0", "#editor summary", "#editor .knob-value >> nth=-1"):
        mix_page.focus(control)
        mix_page.wait_for_function(
            """() => document.activeElement.getBoundingClientRect().bottom
            <= document.getElementById("transport").getBoundingClientRect().top"""
        )
