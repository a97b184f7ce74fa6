// The map with its tools: colours and their legend, zoom, lasso, and a card of the point that is chosen.
import { request, ServerError } from "./api.js";
import { announce } from "./announce.js";
import { button, fill, h } from "./elements.js";
import { icon } from "./icons.js";
import { MapPoints } from "./map_points.js";
import { MapView } from "./map_view.js";
import { bindMapInput } from "./map_input.js";
import { colourPoints } from "./map_colours.js";
import { drawLegend } from "./map_legend.js";
import { showNote, withProgress } from "./notices.js";
import { plural, time } from "./format.js";
import { byline, songInfo } from "./songs.js";
import { onThemeChange } from "./theme.js";

const MOST_TRIES = 5;

/** Tells "pick" {song, start_s}, "use" {song, start_s}, and "select" {songs}. */
export class MapPanel extends EventTarget {
  constructor(place) {
    super();
    this.canvas = h("canvas", { tabindex: 0, role: "application", "aria-label": "Map of the library",
      "aria-describedby": "map-help" });
    this.tip = h("div", { class: "tip", hidden: true });
    this.notice = h("div", { class: "map-notice" });
    this.legend = h("div", { class: "legend" });
    this.status = h("p", { class: "map-status" });
    this.lassoButton = button(icon("lasso"), "Lasso: mark songs by drawing around them (L)", () => this.toggleLasso(), {
      "aria-pressed": "false" });
    // The canvas lies under nothing but the tip: whatever covers it would cover songs.
    const stage = h("div", { class: "map-stage" }, this.canvas, this.tip);
    const foot = h("div", { class: "map-foot" }, this.legend, this.status);
    fill(place, this.tools(), this.notice, stage, foot,
      h("p", { id: "map-help", class: "unseen" }, "Arrows go from song to song, P plays, Enter finds songs like it, ",
        "X marks it, V marks all in view, plus and minus zoom."));
    this.view = new MapView(this.canvas);
    bindMapInput(this.view, {
      pick: (index, adds) => this.pick(index, adds),
      use: (index) => index >= 0 && this.tell("use", this.placeOf(index)),
      focus: (index) => this.focusOn(index),
      hover: (index, x, y) => this.hover(index, x, y),
      select: (indices, adds) => this.select(indices, adds),
      isLasso: () => this.lassoButton.getAttribute("aria-pressed") === "true",
    });
    onThemeChange(() => this.recolour());
  }

  tools() {
    this.colorSelect = h("select", { id: "map-color", on: { change: () => this.load() } },
      h("option", { value: "cluster" }, "cluster"));
    this.levelSelect = h("select", { id: "map-level", "aria-label": "Points of the map",
      on: { change: () => this.load() } }, h("option", { value: "song" }, "songs"), h("option", { value: "window" }, "windows"));
    return h("div", { class: "map-tools" },
      h("div", { class: "group" }, h("label", { for: "map-color" }, "Colour"), this.colorSelect, this.levelSelect),
      h("div", { class: "group" }, this.lassoButton,
        button(icon("minus"), "Zoom out (−)", () => this.view.zoom(1 / 1.5)),
        button(icon("plus"), "Zoom in (+)", () => this.view.zoom(1.5)),
        button(icon("fit"), "Show all (0)", () => this.view.fit())));
  }

  /** Fetches the map, which the server makes first where there is none. */
  async load() {
    const query = new URLSearchParams({ level: this.levelSelect.value, color: this.colorSelect.value });
    const answer = await withProgress(this.notice, "Drawing the map", async (options) => {
      let answer = {};
      // A job opens or makes it: here it is then, unless the library changed meanwhile.
      for (let tries = 0; !answer.color && tries < MOST_TRIES; tries += 1) answer = await request(`/api/map?${query}`, options);
      if (!answer.color) throw new ServerError("The library changes too fast to draw its map; try again in a moment.");
      return answer;
    }, () => this.load());
    if (!answer) return;
    this.offerColours(answer);
    this.view.selection.clear();
    this.view.hiddenBuckets.clear();
    Object.assign(this.view, { current: -1, hovered: -1, matches: null });
    this.points = new MapPoints(answer);
    this.recolour();
    this.setHits(this.hits ?? []);
    this.canvas.dataset.points = this.points.count;
    this.showStatus(answer);
  }

  offerColours({ color, colors }) {
    fill(this.colorSelect, colors.map(({ key, title }) => h("option", { value: key, selected: key === color.key }, title)));
  }

  /** How many points there are; colours by sound need measuring, which is offered where some are not measured. */
  showStatus({ total, unmeasured, level }) {
    const kind = level === "song" ? "song" : "window";
    fill(this.status, h("span", {}, plural(total, kind)), unmeasured > 0 && button(`Measure ${plural(unmeasured, kind)}`,
      "Listen to what is new, to colour by its sound", () => this.measure()));
  }

  async measure() {
    const level = this.levelSelect.value;
    const path = `/api/map/measurements?level=${level}`;
    const done = await withProgress(this.notice, "Listening", (options) => request(path, { ...options, method: "POST" }),
      () => this.measure());
    if (done === undefined) return;
    await this.load();
    if (done.failures) showNote(this.notice, `${plural(done.failures, level)} could not be listened to: the files are gone or damaged.`);
  }

  recolour() {
    if (!this.points) return;
    const colouring = colourPoints(this.points);
    this.view.show(this.points, colouring);
    drawLegend(this.legend, colouring.legend, this.view.hiddenBuckets, () => this.view.draw());
  }

  placeOf(index) {
    return { song: this.points.songs[index], start_s: this.points.level === "window" ? this.points.starts[index] : 0 };
  }

  async pick(index, adds) {
    if (index < 0) return;
    if (adds) this.select([index], true);
    this.view.current = index;
    this.view.draw();
    this.tell("pick", this.placeOf(index));
  }

  async focusOn(index) {
    this.view.current = index;
    this.view.reveal(index);
    const song = await songInfo(this.points.songs[index]).catch((error) => { announce(error.message); });
    if (!song || this.view.current !== index) return;
    announce([song.name, byline(song), this.groupOf(index)].filter(Boolean).join(", "));
    this.showTip(index, song);
  }

  groupOf(index) {
    return this.points.clusters.find(({ id }) => id === this.points.cluster[index])?.name ?? "";
  }

  async hover(index) {
    this.canvas.classList.toggle("over", index >= 0);
    if (index === this.view.hovered) return;
    this.view.hovered = index;
    this.view.draw();
    this.tip.hidden = true;
    if (index < 0) return;
    const song = await songInfo(this.points.songs[index]).catch(() => null);
    if (song && this.view.hovered === index) this.showTip(index, song);
  }

  showTip(index, song) {
    const at = this.points.level === "window" ? ` at ${time(this.points.starts[index])}` : "";
    fill(this.tip, h("strong", {}, song.name + at), h("span", {}, byline(song)), h("span", {}, this.groupOf(index)));
    this.tip.hidden = false;
    const [x, y] = this.view.toScreen(this.points.x[index], this.points.y[index]);
    const width = this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(4, Math.min(this.view.width - width - 4, x + 14))}px`;
    this.tip.style.top = `${y + this.tip.offsetHeight + 20 > this.view.height ? y - this.tip.offsetHeight - 12 : y + 14}px`;
  }

  /** What can be done with a song that was chosen on the map. */
  cardOf(song, { find, like, unlike }) {
    const card = h("div", { class: "card" },
      h("div", { class: "result-title" }, h("span", { class: "name" }, song.name), h("span", { class: "by" }, byline(song))),
      h("div", { class: "actions" },
        button("Find songs like this", null, find, { class: "primary" }),
        button("+ like", `Look for songs like ${song.name} too`, like, { class: "quiet" }),
        button("− unlike", `Look for songs not like ${song.name}`, unlike, { class: "quiet" }),
        button(icon("close"), "Close", () => card.remove(), { class: "quiet" })));
    return card;
  }

  toggleLasso() {
    const pressed = this.lassoButton.getAttribute("aria-pressed") !== "true";
    this.lassoButton.setAttribute("aria-pressed", String(pressed));
    this.canvas.classList.toggle("lasso", pressed);
  }

  select(indices, adds) {
    const { selection } = this.view;
    if (adds && indices.length === 1 && selection.has(indices[0])) selection.delete(indices[0]);
    else {
      if (!adds) selection.clear();
      indices.forEach((index) => selection.add(index));
    }
    this.view.draw();
    const songs = [...new Set([...selection].map((index) => this.points.songs[index]))];
    announce(songs.length ? `${plural(songs.length, "song")} marked` : "no song marked");
    this.tell("select", { songs });
  }

  /** Lights the points of these songs; null lights all. */
  light(ids) {
    this.view.matches = ids && this.points ? new Set(ids.flatMap((id) => this.points.of(id))) : null;
    this.view.draw();
  }

  /** Shows where a song is. */
  goTo(id, start = null) {
    const [index] = this.points?.of(id, start) ?? [];
    if (index === undefined) return;
    this.view.current = index;
    this.view.reveal(index);
  }

  setHits(hits) {
    this.hits = hits;
    if (!this.points) return;
    this.view.hits = hits.map(({ song_id: id, start_s: start }) => this.points.of(id, start)[0] ?? -1);
    this.view.draw();
  }

  /** Marks what is looked for: [{name, unlike, song}], or {x, y} where a recording that is not in the library would be. */
  setPlaces(places) {
    this.view.places = places.filter(({ song, x, y }) => song !== undefined || (Number.isFinite(x) && Number.isFinite(y)));
    this.view.draw();
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
