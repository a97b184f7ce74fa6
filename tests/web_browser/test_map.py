"""The map: drawn, coloured, searched, walked by keys, lassoed."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web_browser.conftest import box_of, drag, place_on_map

PICTURE = "() => document.querySelector('canvas').toDataURL()"


def test_all_songs_are_drawn_and_coloured(library_page: Page) -> None:
    assert library_page.get_attribute("canvas", "data-points") == "6"
    drawn = library_page.evaluate(
        """() => { const canvas = document.querySelector("canvas");
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return data.some((value, place) => place % 4 === 3 && value > 0); }"""
    )
    assert drawn
    library_page.select_option("#map-color", "artist")
    expect(library_page.locator(".legend")).to_contain_text("<b>Bo</b>")
    library_page.select_option("#map-color", "brightness")
    expect(library_page.locator(".legend .ramp-ends")).to_contain_text("Hz")


def test_keys_walk_over_the_map_play_and_search(library_page: Page) -> None:
    library_page.keyboard.press("g")
    assert library_page.evaluate("document.activeElement.tagName") == "CANVAS"
    library_page.keyboard.press("ArrowRight")
    expect(library_page.locator(".tip strong")).not_to_be_empty()
    expect(library_page.locator("#announcer")).not_to_be_empty()
    library_page.keyboard.press("p")
    library_page.wait_for_selector("#transport[data-playing=true]")
    library_page.keyboard.press("Enter")
    library_page.wait_for_selector(".result")
    library_page.keyboard.press("x")
    expect(library_page.locator("#results-title")).to_have_text("1 song marked")
    library_page.keyboard.press("v")
    expect(library_page.locator("#results-title")).to_have_text("6 songs marked")


def test_a_lasso_marks_what_it_goes_around(library_page: Page) -> None:
    canvas = library_page.locator("#map canvas")
    right, bottom = 0.98 * box_of(canvas)["width"], 0.98 * box_of(canvas)["height"]
    library_page.keyboard.press("l")
    drag(library_page, canvas, (right, 0), (right, bottom), (0, bottom), (0, 0), begin=(0.01, 0.01))
    expect(library_page.locator("#results-title")).to_have_text("6 songs marked")
    assert library_page.locator(".result").count() == 6
    library_page.click("#marked-find")
    expect(library_page.locator(".source")).to_have_count(6)


def test_a_click_plays_and_a_wheel_zooms(library_page: Page) -> None:
    library_page.mouse.click(*place_on_map(library_page, "song 0"))
    library_page.wait_for_selector("#transport[data-playing=true]")
    expect(library_page.locator(".card .name")).to_have_text("song 0")
    before = library_page.evaluate(PICTURE)
    library_page.mouse.wheel(0, -400)
    library_page.wait_for_function(f"before => ({PICTURE})() !== before", arg=before)
