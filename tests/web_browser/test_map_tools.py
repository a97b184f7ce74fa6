"""The tools of the map: levels, zoom, legend, marks, and what can be done with a point."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

PICTURE = "() => document.querySelector('canvas').toDataURL()"


def changed(page: Page, before: str) -> str:
    """The picture of the map, once it is another."""
    page.wait_for_function(f"before => ({PICTURE})() !== before", arg=before)
    picture: str = page.evaluate(PICTURE)
    return picture


def test_the_map_is_zoomed_moved_and_shown_whole_again(library_page: Page) -> None:
    library_page.wait_for_function(f"() => ({PICTURE})().length > 3000")
    whole = library_page.evaluate(PICTURE)
    library_page.click("[aria-label='Zoom in (+)']")
    near = changed(library_page, whole)
    library_page.click("[aria-label='Zoom out (−)']")
    changed(library_page, near)
    library_page.click("[aria-label='Show all (0)']")
    library_page.wait_for_function(f"whole => ({PICTURE})() === whole", arg=whole)
    library_page.keyboard.press("g")
    for key in ("+", "Shift+ArrowLeft", "-"):
        changed_before = library_page.evaluate(PICTURE)
        library_page.keyboard.press(key)
        changed(library_page, changed_before)
    library_page.keyboard.press("0")
    box = library_page.locator("canvas").bounding_box()
    assert box is not None
    before = library_page.evaluate(PICTURE)
    library_page.mouse.move(box["x"] + 20, box["y"] + 20)
    library_page.mouse.down()
    library_page.mouse.move(box["x"] + 90, box["y"] + 60, steps=4)
    library_page.mouse.up()
    changed(library_page, before)


def test_two_fingers_zoom(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, base_url=address, has_touch=True)
    page = context.new_page()
    page.goto("/")
    page.wait_for_selector("canvas[data-points]")
    box = page.locator("canvas").bounding_box()
    assert box is not None
    x, y, before = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, page.evaluate(PICTURE)
    session = context.new_cdp_session(page)
    for kind, gap in (("touchStart", 30), ("touchMove", 60), ("touchMove", 110), ("touchEnd", 0)):
        points = [{"x": x - gap, "y": y, "id": 1}, {"x": x + gap, "y": y, "id": 2}] if gap else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    changed(page, before)
    context.close()


def test_a_group_is_hidden_and_shown_by_its_name(library_page: Page) -> None:
    library_page.select_option("#map-color", "artist")
    group = library_page.locator(".legend button", has_text="Ana")
    expect(group).to_have_attribute("aria-pressed", "true")
    before = library_page.evaluate(PICTURE)
    group.click()
    expect(group).to_have_attribute("aria-pressed", "false")
    changed(library_page, before)
    library_page.keyboard.press("g")
    library_page.keyboard.press("v")
    expect(library_page.locator("#results-title")).to_have_text("3 songs marked")
    group.click()
    library_page.keyboard.press("g")
    library_page.keyboard.press("v")
    expect(library_page.locator("#results-title")).to_have_text("6 songs marked")
    library_page.keyboard.press("Escape")
    expect(library_page.locator("#marked")).to_be_hidden()
