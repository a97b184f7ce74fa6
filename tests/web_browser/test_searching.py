"""Searching by songs, parts of them and files, with filters; names are text and nothing else."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.web_browser.conftest import EVIL, Library, box_of, drag, search_for


def test_hits_show_the_matched_window_and_why(library_page: Page) -> None:
    search_for(library_page, "song 1")
    expect(library_page.locator(".result")).to_have_count(5)
    first = library_page.locator(".result").first
    expect(first.locator(".wave-band")).to_be_visible()
    expect(first.locator(".window")).to_contain_text("of the query")
    first.locator("[data-act=why]").click()
    expect(first.locator(".differences tbody tr").first).to_be_visible()
    expect(library_page.locator("#announcer")).to_contain_text("the nearest is")


def test_names_and_metadata_are_text(library_page: Page) -> None:
    search_for(library_page, "song 1")
    library_page.get_by_text(EVIL, exact=True).first.wait_for()
    expect(library_page.locator(".by").filter(has_text="<b>Bo</b>").first).to_be_visible()
    assert library_page.locator(".result img, .result b").count() == 0
    library_page.fill("#song-search", "onerror")
    expect(library_page.locator("#song-list .name")).to_have_text(EVIL)
    assert library_page.locator("#song-list img").count() == 0


def test_like_one_and_not_like_another(library_page: Page) -> None:
    search_for(library_page, "song 1")
    row = library_page.locator(".result").first
    disliked = row.locator(".name").first.text_content()
    row.locator("[data-act=unlike]").click()
    expect(library_page.locator(".source.unlike .name")).to_have_text(disliked or "")
    expect(library_page.locator(".result")).to_have_count(4)
    library_page.locator(".result [data-act=why]").first.click()
    expect(library_page.locator(".differences tbody tr").first).to_be_visible()
    library_page.click("#clear")
    expect(library_page.locator(".result")).to_have_count(0)


def test_a_part_is_dragged_or_typed(library_page: Page) -> None:
    search_for(library_page, "song 1")
    library_page.click(".source [data-act=part]")
    wave = library_page.locator(".part-wave .wave-holder > div")
    drag(library_page, wave, (0.5 * box_of(wave)["width"], 0), begin=(0.25, 0.5))
    expect(library_page.locator(".source .part")).to_have_text("0:03–0:08")
    library_page.fill(".part-picker input >> nth=0", "1")
    library_page.fill(".part-picker input >> nth=1", "6")
    library_page.press(".part-picker input >> nth=1", "Enter")
    expect(library_page.locator(".source .part")).to_have_text("0:01–0:07")
    expect(library_page.locator(".window").first).to_contain_text("of the query")


def test_filters_narrow_what_is_found(library_page: Page) -> None:
    search_for(library_page, "song 1")
    library_page.click(".filter-box summary")
    library_page.click("text=Filter >> nth=1")
    library_page.select_option(".filters select", "artist")
    library_page.fill(".filter-value input", "Ana")
    library_page.press(".filter-value input", "Enter")
    expect(library_page.locator(".result")).to_have_count(2)
    library_page.fill(".filter-value input", "Nobody")
    library_page.press(".filter-value input", "Enter")
    expect(library_page.locator("#results-title")).to_have_text("Nothing passes the filters")
    library_page.click("[aria-label='Take this filter away']")
    expect(library_page.locator(".result")).to_have_count(5)


def test_a_file_finds_its_neighbours(library_page: Page, library: Library) -> None:
    library_page.set_input_files("#file", library.songs / "song 2.flac")
    expect(library_page.locator(".source .name")).to_have_text("song 2.flac")
    first = library_page.locator(".result").first
    expect(first.locator(".name").first).to_have_text("song 2")
    expect(first.locator(".score")).to_contain_text("1.000")


def test_what_is_no_audio_is_refused_in_place(library_page: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_bytes(b"no audio at all" * 100)
    library_page.set_input_files("#file", tmp_path / "notes.wav")
    expect(library_page.locator("#uploads [role=alert]")).to_contain_text("notes.wav")
    library_page.click("#uploads [aria-label=Dismiss]")
    expect(library_page.locator("#uploads [role=alert]")).to_have_count(0)
