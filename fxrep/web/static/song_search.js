// The search box: songs by name while typing, as a list to choose from and as lights on the map.
import { fill, h } from "./elements.js";
import { byline, findSongs } from "./songs.js";
import { isAbort } from "./api.js";
import { announce } from "./announce.js";
import { plural } from "./format.js";

const PAUSE_MS = 120;
const MOST_LIT = 500;

/** @param {object} actions "light(ids|null)" on the map, "choose(song)", "fail(error)" */
export function bindSongSearch(input, list, { light, choose, fail }) {
  let songs = [];
  let active = -1;
  let timer = 0;
  let asked = null;
  let listed = ""; // the text that the songs in the list were found by
  let awaited = null; // a text whose first song is taken as soon as it is found: Enter was faster than the answer

  const show = (open) => {
    list.hidden = !open;
    input.setAttribute("aria-expanded", String(open));
  };

  const setActive = (place) => {
    active = place;
    [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === place)));
    if (place >= 0) {
      input.setAttribute("aria-activedescendant", `found-${place}`);
      list.children[place].scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };

  const take = (song) => {
    awaited = null;
    show(false);
    light(null); // it was found: what lies around it counts now
    choose(song);
  };

  const find = async () => {
    clearTimeout(timer);
    asked?.abort();
    const text = input.value.trim();
    if (!text) {
      show(false);
      light(null);
      return;
    }
    asked = new AbortController();
    try {
      const answer = await findSongs(text, asked.signal, MOST_LIT);
      songs = answer.songs.slice(0, 12);
      listed = text;
      light(answer.songs.map((song) => song.id));
      fill(list, songs.length ? songs.map((song, place) => h("li", {
        id: `found-${place}`, role: "option", "aria-selected": "false",
        on: { pointerdown: (event) => { event.preventDefault(); take(song); } },
      }, h("span", { class: "name" }, song.name), h("span", { class: "by" }, byline(song))))
        : h("li", { class: "none", role: "option", "aria-disabled": "true" }, "No song of this name: try a part of it."));
      show(document.activeElement === input); // who went on has no use for a list in the way
      setActive(-1);
      announce(`${plural(answer.total, "song")} found`);
      if (awaited === text && songs.length) take(songs[0]);
    } catch (error) {
      if (!isAbort(error)) fail(error);
    }
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!songs.length) return;
      const step = event.key === "ArrowDown" ? 1 : -1;
      show(true);
      setActive((active + step + songs.length) % songs.length);
    } else if (event.key === "Enter" && input.value.trim() && input.value.trim() !== listed) {
      awaited = input.value.trim(); // what is listed is of an earlier text
      find();
    } else if (event.key === "Enter" && songs.length && !list.hidden) {
      take(songs[Math.max(0, active)]);
    } else if (event.key === "Escape") {
      if (!list.hidden) show(false);
      else {
        input.value = "";
        find();
      }
    } else return;
    event.preventDefault();
  });
  input.addEventListener("blur", () => show(false));
  input.addEventListener("focus", () => { if (input.value.trim() && songs.length) show(true); });
}
