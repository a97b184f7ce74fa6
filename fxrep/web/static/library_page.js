// The page of the library: the map, what is looked for, what was found, and listening to it.
import { announce } from "./announce.js";
import { request, isAbort } from "./api.js";
import { bindDropZone } from "./drop_zone.js";
import { bindFilterPanel } from "./filter_panel.js";
import { bindQueryPanel } from "./query_panel.js";
import { bindShortcuts } from "./shortcuts.js";
import { bindSongSearch } from "./song_search.js";
import { bindThemeSwitch } from "./theme.js";
import { fill } from "./elements.js";
import { libraryShortcuts } from "./library_shortcuts.js";
import { Listening } from "./listening.js";
import { MapPanel } from "./map_panel.js";
import { plural } from "./format.js";
import { Query } from "./query.js";
import { ResultList } from "./result_list.js";
import { showError, withProgress } from "./notices.js";
import { songInfo, songInfos } from "./songs.js";
import { songSource } from "./sources.js";

const PAUSE_MS = 60; // several changes at once are one search
const MOST_MARKED = 60;

const at = (id) => document.getElementById(id);

async function start() {
  bindThemeSwitch(at("theme"));
  let library;
  try {
    library = await request("/api/library");
  } catch (error) {
    showError(at("search-notice"), error, start);
    return;
  }
  showLibrary(library);
  const query = new Query();
  const listening = new Listening(at("transport"), query);
  const map = new MapPanel(at("map"));
  const results = new ResultList(at("results-title"), at("results"), actionsOf(query, listening, map));
  listening.addEventListener("play", (event) => results.setPlaying(event.detail.song));

  bindQueryPanel(at("sources"), query, (source, seconds) => listening.hear(source, seconds));
  bindFilterPanel(at("filters"), library.fields, query);
  bindDropZone(at("drop"), at("file"), at("uploads"), library.limits, (source) => {
    announce(`${source.name} was read`);
    query.only(source);
  });
  bindSongSearch(at("song-search"), at("song-list"), {
    light: (ids) => map.light(ids),
    choose: (song) => {
      map.goTo(song.id);
      query.only(songSource(song.id, song.name));
    },
    fail: (error) => showError(at("search-notice"), error),
  });
  bindSearch(query, results, map);
  bindMap(map, query, results, listening);
  at("clear").addEventListener("click", () => query.clear());
  bindShortcuts(libraryShortcuts({ listening, map, results, choose: () => at("drop").click(), find: at("song-search") }));
  await map.load();
}

function showLibrary(library) {
  document.title = `${library.name} · fxrep`;
  at("library-name").textContent = library.name;
  at("library-size").textContent = `${plural(library.songs, "song")}, ${plural(library.windows, "window")}`;
  at("mix-link").hidden = !library.mixes;
  at("drop").disabled = library.can_search_audio === false;
  if (at("drop").disabled) at("drop-hint").textContent = "This library has no encoder at hand: search by its own songs.";
}

function actionsOf(query, listening, map) {
  return {
    play: (hit, seconds) => listening.playHit(hit, seconds),
    compare: (hit) => listening.compare(hit),
    like: (source) => query.add("like", source),
    unlike: (source) => query.add("unlike", source),
    show: (hit) => map.goTo(hit.song_id, hit.start_s ?? null),
  };
}

/** Looks again whenever the query changes; a search that is no longer wanted is cancelled. */
function bindSearch(query, results, map) {
  let timer = 0;
  let running = null;

  const search = async () => {
    running?.abort();
    const controller = new AbortController();
    running = controller;
    try {
      const found = await withProgress(at("search-notice"), "Searching", ({ signal, onProgress }) => {
        signal.addEventListener("abort", () => controller.abort());
        return request("/api/searches", { json: query.toRequest(), signal: controller.signal, onProgress });
      }, search);
      if (!found || controller.signal.aborted) return;
      const hits = query.wanted(found.hits);
      at("marked").hidden = true; // the list shows hits now, not what was marked
      results.show({ ...found, hits });
      map.setHits(hits);
    } catch (error) {
      if (!isAbort(error)) throw error;
    }
  };

  query.addEventListener("change", () => {
    clearTimeout(timer);
    at("welcome").hidden = !query.isEmpty;
    at("clear").hidden = query.isEmpty;
    map.setPlaces([...query.like, ...query.unlike].map((source) => ({
      name: source.name, song: source.reference.song, x: source.x, y: source.y, unlike: query.unlike.includes(source) })));
    if (query.isEmpty) {
      running?.abort();
      results.clear();
      results.heading.textContent = "";
      map.setHits([]);
    } else {
      timer = setTimeout(search, PAUSE_MS);
    }
  });
}

function bindMap(map, query, results, listening) {
  const notice = at("search-notice");
  map.addEventListener("pick", async ({ detail }) => {
    try {
      const song = await songInfo(detail.song);
      listening.hear(songSource(song.id, song.name), detail.start_s);
      at("now").replaceChildren();
      fill(at("now"), map.cardOf(song, {
        find: () => query.only(songSource(song.id, song.name)),
        like: () => query.add("like", songSource(song.id, song.name)),
        unlike: () => query.add("unlike", songSource(song.id, song.name)),
      }));
    } catch (error) {
      showError(notice, error);
    }
  });
  map.addEventListener("use", async ({ detail }) => {
    try {
      const song = await songInfo(detail.song);
      query.only(songSource(song.id, song.name));
    } catch (error) {
      showError(notice, error);
    }
  });
  map.addEventListener("select", async ({ detail }) => {
    const ids = detail.songs.slice(0, MOST_MARKED);
    at("marked").hidden = !ids.length;
    if (!ids.length) return;
    try {
      const songs = await songInfos(ids);
      const hits = songs.map((song) => ({ ...song, song_id: song.id, start_s: undefined, duration_s: undefined }));
      at("welcome").hidden = true;
      results.show({ hits }, markedTitle(detail.songs.length));
      at("marked-find").onclick = () => query.only(...songs.map((song) => songSource(song.id, song.name)));
    } catch (error) {
      showError(notice, error);
    }
  });
}

function markedTitle(count) {
  return `${plural(count, "song")} marked${count > MOST_MARKED ? `, the first ${MOST_MARKED} shown` : ""}`;
}

start();
