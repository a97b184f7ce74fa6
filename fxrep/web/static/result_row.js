// One hit: what it is, how alike, its waveform with the matched window, and what can be done with it.
import { button, fill, h } from "./elements.js";
import { icon } from "./icons.js";
import { entry, time } from "./format.js";
import { showExplanation } from "./explanation.js";
import { songSource, waveformOf } from "./sources.js";
import { byline } from "./songs.js";
import { Waveform } from "./waveform.js";

const SHOWN_AS_BYLINE = new Set(["artist", "album", "title"]);
const MOST_TAGS = 5;

/**
 * @param {object} hit of /api/searches, or a song {song_id, name, path, metadata, facts}
 * @param {object} context "rank" in the list from 0, "search" id or null, "actions": "play(hit, at)", "compare(hit)",
 *   "like(source)", "unlike(source)", "show(hit)"
 */
export function resultRow(hit, { rank, search, actions }) {
  const source = songSource(hit.song_id, hit.name);
  const why = h("div", { class: "why", hidden: true });
  const wave = h("div", { class: "result-wave" });
  const whyButton = search && button("Why?", null, () => toggleWhy(why, whyButton, search, hit.rank), {
    "aria-expanded": "false", data: { act: "why" } });
  const row = h("li", { class: "result", tabindex: -1, data: { song: hit.song_id, rank } },
    h("div", { class: "result-head" },
      search && h("span", { class: "rank" }, rank + 1),
      h("div", { class: "result-title" }, h("span", { class: "name" }, hit.name), h("span", { class: "by" }, byline(hit))),
      search && score(hit.score)),
    wave,
    h("div", { class: "result-foot" },
      h("div", { class: "actions" },
        button([icon("play"), " Play"], `Play ${hit.name}`, () => actions.play(hit), { data: { act: "play" } }),
        search && button("A/B", `Compare ${hit.name} with the query`, () => actions.compare(hit), {
          data: { act: "compare" }, class: "ab" }),
        whyButton,
        button("+ like", `Look for songs like ${hit.name} too`, () => actions.like(source), { data: { act: "like" }, class: "quiet" }),
        button("− unlike", `Look for songs not like ${hit.name}`, () => actions.unlike(source), {
          data: { act: "unlike" }, class: "quiet" })),
      h("span", { class: "window" }, windowText(hit))),
    tags(hit), why);
  drawWhenSeen(row, () => drawWave(wave, source, hit, actions));
  row.addEventListener("keydown", (event) => onKey(event, row));
  row.addEventListener("focusin", () => actions.show(hit));
  return row;
}

function score(value) {
  const bar = h("span", { class: "score-bar" });
  bar.style.setProperty("--share", Math.max(0, Math.min(1, value)));
  return h("span", { class: "score", title: "Cosine of the embeddings: 1 is the same" }, bar, value.toFixed(3));
}

function windowText({ start_s: start, duration_s: length, query_start_s: from, query_duration_s: span }) {
  if (start === undefined || length === undefined || length === null) return null;
  const here = `${time(start)}–${time(start + length)}`;
  return Number.isFinite(from) && Number.isFinite(span) ? `${here} is like ${time(from)}–${time(from + span)} of the query` : here;
}

function tags({ metadata: given = {}, facts = {} }) {
  const told = Object.entries({ ...facts, ...given }).filter(([key]) => !SHOWN_AS_BYLINE.has(key)).slice(0, MOST_TAGS);
  if (!told.length) return null;
  return h("dl", { class: "tags" }, told.map(([key, value]) => h("div", {}, entry(key, value).map((text, place) => (
    h(place ? "dd" : "dt", {}, text))))));
}

const KEYS = { Enter: "play", c: "compare", l: "like", u: "unlike", w: "why" };

function onKey(event, row) {
  if (event.target !== row || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  const target = act && row.querySelector(`[data-act="${act}"]`);
  if (!target) return;
  event.preventDefault();
  event.stopPropagation();
  target.click();
}

function toggleWhy(why, pressed, search, rank) {
  why.hidden = !why.hidden;
  pressed.setAttribute("aria-expanded", String(!why.hidden));
  if (!why.hidden && !why.childElementCount) showExplanation(why, search, rank);
}

function drawWhenSeen(element, draw) {
  const watcher = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect();
    draw();
  }, { rootMargin: "200px" });
  watcher.observe(element);
}

async function drawWave(place, source, hit, actions) {
  try {
    const waveform = await waveformOf(source);
    if (!place.isConnected) return;
    const wave = new Waveform(place, waveform, { height: 40, cursor: false, onSeek: (at) => actions.play(hit, at) });
    if (hit.duration_s && hit.start_s !== undefined) wave.mark(hit);
    place.wave = wave;
  } catch (error) {
    fill(place, h("p", { class: "hint" }, error.message));
  }
}
