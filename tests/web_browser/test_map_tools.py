"""The tools of the map: levels, zoom, legend, marks, and what can be done with a point."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web_browser.conftest import box_of, drag, place_on_map

PICTURE = "() => document.querySelector('canvas').toDataURL()"


def changed(page: Page, before: str) -> str:
    """The picture of the map, once it is another."""
    page.wait_for_function(f"before => ({PICTURE})() !== before", arg=before)
    picture: str = page.evaluate(PICTURE)
    return picture


def test_a_map_of_windows_is_made_and_measured_from_the_page(library_page: Page) -> None:
    library_page.select_option("#map-level", "window")
    measure = library_page.locator(".map-status button")
    expect(measure).to_contain_text("Measure 12 windows")
    assert library_page.get_attribute("canvas", "data-points") == "12"
    measure.click()
    expect(library_page.locator(".map-notice")).to_contain_text("Listening")
    expect(library_page.locator(".map-status button")).to_have_count(0)
    library_page.select_option("#map-color", "loudness")
    expect(library_page.locator(".legend .ramp-ends")).to_contain_text("LUFS")
    library_page.select_option("#map-level", "song")
    expect(library_page.locator(".map-status")).to_contain_text("6 songs")


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
    before = library_page.evaluate(PICTURE)
    drag(library_page, library_page.locator("#map canvas"), (70, 40), begin=(0.02, 0.02))
    changed(library_page, before)


def test_two_fingers_zoom(phone: Page) -> None:
    phone.goto("/")
    phone.wait_for_selector("canvas[data-points]")
    box = box_of(phone.locator("#map canvas"))
    x, y, before = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, phone.evaluate(PICTURE)
    session = phone.context.new_cdp_session(phone)
    for kind, gap in (("touchStart", 30), ("touchMove", 60), ("touchMove", 110), ("touchEnd", 0)):
        points = [{"x": x - gap, "y": y, "id": 1}, {"x": x + gap, "y": y, "id": 2}] if gap else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    changed(phone, before)


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


def test_what_is_in_view_is_marked_as_well(library_page: Page) -> None:
    library_page.select_option("#map-color", "artist")
    for name, marked in (("Ana", 3), ("<b>Bo</b>", 6)):
        group = library_page.locator(".legend button", has_text=name)
        group.click()
        library_page.keyboard.press("g")
        library_page.keyboard.press("Shift+V")
        expect(library_page.locator("#results-title")).to_have_text(f"{marked} songs marked")
        group.click()


def test_a_point_is_told_marked_and_looked_for_by_mouse(library_page: Page) -> None:
    place = place_on_map(library_page, "song 2")
    library_page.mouse.move(*place)
    expect(library_page.locator(".tip strong")).to_have_text("song 2")
    library_page.keyboard.down("Shift")
    library_page.mouse.click(*place)
    library_page.keyboard.up("Shift")
    expect(library_page.locator("#results-title")).to_have_text("1 song marked")
    expect(library_page.locator(".card .name")).to_have_text("song 2")


def test_a_double_press_is_for_one_point(library_page: Page) -> None:
    """Its first press lets the bar at the foot appear, which moves the map under the second."""
    before = box_of(library_page.locator("#map canvas"))
    library_page.mouse.dblclick(*place_on_map(library_page, "song 2"), delay=30)
    expect(library_page.locator(".source .name")).to_have_text("song 2")
    library_page.wait_for_selector(".result")
    assert box_of(library_page.locator("#map canvas"))["height"] < before["height"]


def test_what_can_be_done_with_a_point(library_page: Page) -> None:
    library_page.mouse.click(*place_on_map(library_page, "song 3"))
    card = library_page.locator(".card")
    card.locator("text=Find songs like this").click()
    expect(library_page.locator(".source.like .name")).to_have_text("song 3")
    library_page.wait_for_selector(".result")
    library_page.mouse.click(*place_on_map(library_page, "song 1"))
    expect(card.locator(".name")).to_have_text("song 1")
    card.locator("text=+ like").click()
    expect(library_page.locator(".source.like")).to_have_count(2)
    card.locator("text=− unlike").click()
    expect(library_page.locator(".source.unlike .name")).to_have_text("song 1")
    card.locator("[aria-label=Close]").click()
    expect(card).to_have_count(0)


def test_the_map_moves_no_further_than_it_takes_to_show_a_song(library_page: Page) -> None:
    """At first all songs are in view: whichever is found, none leaves it, and none stays dimmed."""
    library_page.wait_for_function(f"() => ({PICTURE})().length > 3000")
    box = box_of(library_page.locator("#map canvas"))
    places = [place_on_map(library_page, f"song {number}") for number in range(5)]
    for number in range(5):
        library_page.fill("#song-search", f"song {number}")
        expect(library_page.locator("#song-list [role=option]")).to_have_count(1)
        library_page.press("#song-search", "Enter")
        expect(library_page.locator(".source .name")).to_have_text(f"song {number}")
        library_page.wait_for_selector(".result")
    library_page.keyboard.press("Escape")
    for number, place in enumerate(places):
        library_page.mouse.move(box["x"] + 2, box["y"] + 2)
        library_page.mouse.move(*place)
        expect(library_page.locator(".tip strong")).to_have_text(f"song {number}")
