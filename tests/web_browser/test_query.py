"""What is looked for and what was found: every button and key of the lists."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.web_browser.conftest import Library, search_for


def test_sources_are_played_turned_and_taken_away(library_page: Page) -> None:
    search_for(library_page, "song 1")
    library_page.click(".source [data-act=play]")
    library_page.wait_for_selector("#transport[data-playing=true]")
    library_page.locator(".result").first.locator("[data-act=like]").click()
    expect(library_page.locator(".source.like")).to_have_count(2)
    library_page.locator(".source").last.locator("[data-act=turn]").click()
    expect(library_page.locator(".source.unlike")).to_have_count(1)
    library_page.locator(".source.unlike [data-act=turn]").click()
    expect(library_page.locator(".source.like")).to_have_count(2)
    library_page.locator(".source").last.locator("[data-act=remove]").click()
    expect(library_page.locator(".source")).to_have_count(1)
    library_page.locator(".source [data-act=remove]").click()
    expect(library_page.locator("#welcome")).to_be_visible()


def test_a_part_is_given_up_for_the_whole(library_page: Page) -> None:
    search_for(library_page, "song 1")
    library_page.click(".source [data-act=part]")
    library_page.wait_for_selector(".part-wave .wave")
    library_page.fill(".part-picker input >> nth=0", "2")
    library_page.press(".part-picker input >> nth=0", "Enter")
    expect(library_page.locator(".source .part")).to_have_text("0:02–0:10")
    library_page.click("text=Whole recording")
    expect(library_page.locator(".source .part")).to_have_text("whole")
    library_page.click(".source [data-act=part]")
    expect(library_page.locator(".part-picker")).to_have_count(0)


def test_keys_of_a_hit(library_page: Page) -> None:
    search_for(library_page, "song 1")
    expect(library_page.locator(".result")).to_have_count(5)
    library_page.locator("#song-search").blur()
    library_page.keyboard.press("h")
    first = library_page.locator(".result").first
    expect(first).to_be_focused()
    library_page.keyboard.press("w")
    expect(first.locator(".differences")).to_be_visible()
    library_page.keyboard.press("w")
    expect(first.locator(".why")).to_be_hidden()
    library_page.keyboard.press("c")
    library_page.wait_for_selector("#transport[data-side='1']")
    library_page.keyboard.press("End")
    expect(library_page.locator(".result").last).to_be_focused()
    library_page.keyboard.press("u")
    expect(library_page.locator(".source.unlike")).to_have_count(1)
    expect(library_page.locator(".result")).to_have_count(4)
    library_page.keyboard.press("h")
    library_page.keyboard.press("l")
    expect(library_page.locator(".source.like")).to_have_count(2)


def test_hits_are_played_by_button_wave_and_backwards(library_page: Page) -> None:
    search_for(library_page, "song 1")
    second = library_page.locator(".result").nth(1)
    second.locator("[data-act=play]").click()
    expect(second).to_have_class("result playing")
    library_page.wait_for_selector("#transport[data-playing=true]")
    library_page.keyboard.press("k")
    expect(library_page.locator(".result.playing")).to_have_attribute("data-rank", "0")
    wave = second.locator(".wave-holder")
    wave.scroll_into_view_if_needed()
    wave.click()
    expect(second).to_have_class("result playing")
    library_page.wait_for_function(
        "() => parseFloat(document.querySelector('.clock').textContent.split(':')[1]) >= 4.5"
    )


def test_filters_by_range_folder_and_whole_songs(library_page: Page) -> None:
    search_for(library_page, "song 1")
    library_page.click(".filter-box summary")
    library_page.click("text=Filter >> nth=1")
    library_page.select_option(".filters select", "tempo")
    library_page.fill("[aria-label='tempo from']", "110")
    library_page.press("[aria-label='tempo from']", "Enter")
    expect(library_page.locator(".result")).to_have_count(4)
    library_page.fill("[aria-label='tempo to']", "120")
    library_page.press("[aria-label='tempo to']", "Enter")
    expect(library_page.locator(".result")).to_have_count(2)
    library_page.check("text=whole songs")
    expect(library_page.locator(".result")).to_have_count(2)
    library_page.fill("#filter-folder", "elsewhere")
    library_page.press("#filter-folder", "Enter")
    expect(library_page.locator("#results-title")).to_have_text("Nothing passes the filters")
    library_page.fill("#filter-folder", "..")
    library_page.press("#filter-folder", "Enter")
    expect(library_page.locator("#search-notice [role=alert]")).to_contain_text("outside the library")
    library_page.fill("#filter-folder", "songs")
    library_page.press("#filter-folder", "Enter")
    expect(library_page.locator(".result")).to_have_count(2)


def test_songs_are_chosen_by_arrows_or_by_hand(library_page: Page) -> None:
    library_page.keyboard.press("/")
    expect(library_page.locator("#song-search")).to_be_focused()
    library_page.keyboard.type("song")
    expect(library_page.locator("#song-list [role=option]")).to_have_count(6)  # all lie in a folder of that name
    library_page.keyboard.press("ArrowDown")
    library_page.keyboard.press("ArrowDown")
    second = library_page.locator("#found-1")
    expect(second).to_have_attribute("aria-selected", "true")
    name = second.locator(".name").text_content() or ""
    library_page.keyboard.press("Enter")
    expect(library_page.locator(".source .name")).to_have_text(name)
    library_page.fill("#song-search", "song 4")
    expect(library_page.locator("#song-list [role=option]")).to_have_count(1)
    library_page.click("#found-0")
    expect(library_page.locator(".source .name")).to_have_text("song 4")
    library_page.fill("#song-search", "nobody")
    expect(library_page.locator("#song-list")).to_contain_text("No song of this name")
    library_page.keyboard.press("Escape")
    expect(library_page.locator("#song-list")).to_be_hidden()
    library_page.keyboard.press("Escape")
    expect(library_page.locator("#song-search")).to_have_value("")


def test_enter_takes_what_was_typed_though_the_list_is_older(library_page: Page) -> None:
    library_page.fill("#song-search", "song 4")
    expect(library_page.locator("#song-list [role=option]")).to_have_count(1)
    library_page.fill("#song-search", "song 2")
    library_page.press("#song-search", "Enter")
    expect(library_page.locator(".source .name")).to_have_text("song 2")
    expect(library_page.locator("#song-list")).to_be_hidden()


@pytest.mark.parametrize("way", ["f", "#drop"])
def test_a_file_is_chosen_by_key_or_button(library_page: Page, library: Library, way: str) -> None:
    with library_page.expect_file_chooser() as chooser:
        library_page.evaluate("() => 0")  # by the time this is answered, Chromium hands its dialogs over
        library_page.click(way) if way.startswith("#") else library_page.keyboard.press(way)
    chooser.value.set_files(library.songs / "song 3.flac")
    expect(library_page.locator(".source .name")).to_have_text("song 3.flac")


def test_a_file_is_dropped_anywhere(library_page: Page, library: Library) -> None:
    content = (library.songs / "song 0.flac").read_bytes()
    carried = library_page.evaluate_handle(
        """(bytes) => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "dropped.flac")); return data; }""",
        list(content),
    )
    library_page.dispatch_event("canvas", "dragenter", {"dataTransfer": carried})
    expect(library_page.locator("body.dropping")).to_have_count(1)
    library_page.dispatch_event("canvas", "dragleave", {"dataTransfer": carried})
    expect(library_page.locator("body.dropping")).to_have_count(0)
    library_page.dispatch_event("canvas", "dragenter", {"dataTransfer": carried})
    library_page.dispatch_event("canvas", "drop", {"dataTransfer": carried})
    expect(library_page.locator("body.dropping")).to_have_count(0)
    expect(library_page.locator(".source .name")).to_have_text("dropped.flac")
    expect(library_page.locator(".result .name").first).to_have_text("song 0")


def test_an_upload_is_cancelled(library_page: Page, tmp_path: Path) -> None:
    import soundfile
    import torch

    noise = torch.rand(600 * 16000, generator=torch.Generator().manual_seed(0)) - 0.5
    soundfile.write(tmp_path / "long.wav", noise.numpy(), 16000)
    with library_page.expect_request("**/api/jobs/*") as asked:
        library_page.set_input_files("#file", tmp_path / "long.wav")
    library_page.click("#uploads >> text=Cancel")
    expect(library_page.locator("#uploads .notice")).to_have_count(0)
    library_page.wait_for_function(
        """async (job) => (await (await fetch(job)).json()).state === "cancelled" """,
        arg=asked.value.url.partition("?")[0],
    )
    expect(library_page.locator(".source")).to_have_count(0)


def test_a_file_that_is_too_large_is_not_sent(library_page: Page, tmp_path: Path) -> None:
    with (tmp_path / "huge.wav").open("wb") as file:
        file.truncate(201_000_000)
    library_page.set_input_files("#file", tmp_path / "huge.wav")
    expect(library_page.locator("#uploads [role=alert]")).to_contain_text("at most 200 MB")
