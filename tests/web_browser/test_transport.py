"""The bar at the foot: every button, the waveform, and the keys on it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web_browser.conftest import box_of, search_for

SECONDS = "() => Number(document.querySelector('.transport-wave').getAttribute('aria-valuenow'))"


def compare(page: Page) -> None:
    search_for(page, "song 1")
    page.locator(".result").first.locator("[data-act=compare]").click()
    page.wait_for_selector("#transport[data-playing=true][data-side='1']")


def wait_for_seconds(page: Page, low: float, high: float) -> None:
    page.wait_for_function(
        f"([low, high]) => {{ const at = ({SECONDS})(); return at >= low && at <= high; }}", arg=[low, high]
    )


def test_buttons_play_skip_and_choose_the_side(library_page: Page) -> None:
    compare(library_page)
    transport = library_page.locator("#transport")
    library_page.click("[aria-label='Play or pause (Space)']")
    expect(transport).to_have_attribute("data-playing", "false")
    library_page.press(".transport-wave", "Home")
    wait_for_seconds(library_page, 0, 0.2)
    library_page.click("[aria-label='On 5 s (.)']")
    wait_for_seconds(library_page, 4.8, 5.2)
    library_page.click("[aria-label='Back 5 s (,)']")
    wait_for_seconds(library_page, 0, 0.2)
    library_page.click(".sides button >> nth=0")
    expect(transport).to_have_attribute("data-side", "0")
    library_page.keyboard.press("ArrowRight")
    expect(transport).to_have_attribute("data-side", "1")
    match, loop = (
        library_page.locator("button.match"),
        library_page.locator("[aria-label='Repeat the matched window (R)']"),
    )
    for button in (match, loop):
        before = button.get_attribute("aria-pressed")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "false" if before == "true" else "true")


def test_the_waveform_is_a_slider(library_page: Page) -> None:
    compare(library_page)
    library_page.click("[aria-label='Play or pause (Space)']")
    wave = library_page.locator(".transport-slot:not([hidden]) .wave-holder")
    box = box_of(wave)
    library_page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 10)
    wait_for_seconds(library_page, 4.7, 5.3)
    library_page.locator(".transport-wave").focus()
    library_page.keyboard.press("ArrowLeft")
    wait_for_seconds(library_page, 3.7, 4.3)
    library_page.keyboard.press("ArrowRight")
    wait_for_seconds(library_page, 4.7, 5.3)
    library_page.keyboard.press("PageUp")
    wait_for_seconds(library_page, 9.5, 10.0)
    library_page.keyboard.press("Home")
    wait_for_seconds(library_page, 0, 0.2)
    library_page.locator(".transport-wave").blur()
    library_page.keyboard.press(".")
    wait_for_seconds(library_page, 4.8, 5.2)
    library_page.keyboard.press(",")
    wait_for_seconds(library_page, 0, 0.2)
