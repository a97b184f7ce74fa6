"""Listening side by side: at one loudness, on the same sample, with a cross-fade."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.web_browser.conftest import search_for

RAMPS = """
// Two recordings whose samples tell where they are: A counts up, B counts down. The player's own context is an offline
// one, so that what it plays can be read sample by sample.
async () => {
  const { Player, FADE_S } = await import("/static/player.js");
  const rate = 8000;
  const context = new OfflineAudioContext(1, rate * 2, rate);
  const ramp = (sign) => {
    const buffer = new AudioBuffer({ length: rate * 3, numberOfChannels: 1, sampleRate: rate });
    buffer.getChannelData(0).forEach((_, place, data) => { data[place] = (sign * place) / (rate * 4); });
    return buffer;
  };
  const player = new Player(context);
  player.buffers.kept.set("a", ramp(1));
  player.buffers.kept.set("b", ramp(-1));
  player.setMatched(false);
  await player.load([{ key: "a", start_s: 0.25 }, { key: "b", start_s: 0.5 }]);
  await player.play(0);
  const began = player.startedAt;
  context.suspend(1).then(() => { player.switchTo(1); context.resume(); });
  const heard = (await context.startRendering()).getChannelData(0);
  const at = (seconds) => heard[Math.round(seconds * rate)] * rate * 4;
  const around = [...heard].slice(rate * 0.9, rate * 1.2);
  const jumps = around.map((one, place) => (place ? Math.abs(one - around[place - 1]) : 0));
  return { began, fade: FADE_S, rate, before: at(0.9), after: at(1.5), jumps: Math.max(...jumps) };
}
"""


def test_switching_stays_on_the_sample(library_page: Page) -> None:
    told = library_page.evaluate(RAMPS)
    rate, began = told["rate"], told["began"]
    assert told["before"] == pytest.approx((0.9 - began + 0.25) * rate, abs=1.0)
    assert told["after"] == pytest.approx(-(1.5 - began + 0.5) * rate, abs=1.0)
    step = (0.9 + 0.25 + 0.9 + 0.5) / 4  # between A and B at the switch: without a fade the largest jump
    assert told["jumps"] < 2.5 * step / (told["fade"] * rate)


def test_levels_are_matched_without_clipping(library_page: Page) -> None:
    match = """async (sounds) => (await import("/static/level_match.js")).matchGains(sounds)"""
    quiet_and_loud = [{"loudness": -30.0, "peak": 0.1}, {"loudness": -9.0, "peak": 1.0}]
    assert library_page.evaluate(match, quiet_and_loud) == pytest.approx([10.0, -11.0])
    no_headroom = [{"loudness": -30.0, "peak": 0.9}, {"loudness": -9.0, "peak": 1.0}]
    gains = library_page.evaluate(match, no_headroom)
    assert -30.0 + gains[0] == pytest.approx(-9.0 + gains[1])
    assert 0.9 * 10 ** (gains[0] / 20) < 0.95
    silent = [{"loudness": None, "peak": 0.0}, {"loudness": -20.0, "peak": 0.5}]
    assert library_page.evaluate(match, silent) == [0, 0]


def test_query_and_hit_are_compared(library_page: Page) -> None:
    search_for(library_page, "song 1")
    library_page.locator(".result").first.locator("[data-act=compare]").click()
    transport = library_page.locator("#transport")
    library_page.wait_for_selector("#transport[data-playing=true][data-side='1']")
    gains = [float(text.split()[0].replace("−", "-")) for text in transport.locator(".gain").all_text_contents()]
    names = transport.locator(".sides .name").all_text_contents()
    shapes = library_page.evaluate(
        """async (names) => Promise.all(names.map(async (name) => {
        const { songs } = await (await fetch(`/api/songs?text=${encodeURIComponent(name)}`)).json();
        return (await (await fetch(`/api/waveforms/songs/${songs[0].id}`)).json()).loudness_lufs; }))""",
        names,
    )
    assert shapes[0] + gains[0] == pytest.approx(shapes[1] + gains[1], abs=0.11)  # they are written to 0.1 dB
    library_page.keyboard.press("a")
    expect(transport).to_have_attribute("data-side", "0")
    expect(transport.locator("[role=radio][aria-checked=true]")).to_contain_text("song 1")
    library_page.keyboard.press("m")
    expect(transport.locator(".gain").first).to_have_text("as is")
    library_page.keyboard.press("r")
    expect(transport.locator("[aria-pressed=true]")).to_have_count(1)
    library_page.keyboard.press(" ")
    expect(transport).to_have_attribute("data-playing", "false")


def test_hits_are_played_one_after_the_other(library_page: Page) -> None:
    search_for(library_page, "song 1")
    library_page.locator(".result").first.focus()
    library_page.keyboard.press("Enter")
    library_page.wait_for_selector("#transport[data-playing=true]")
    library_page.keyboard.press("j")
    expect(library_page.locator(".result.playing")).to_have_attribute("data-rank", "1")
    library_page.keyboard.press("b")  # from one hit alone to the comparison with the query
    expect(library_page.locator(".sides button")).to_have_count(2)
    library_page.wait_for_selector("#transport[data-side='1']")
