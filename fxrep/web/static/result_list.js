// The list of hits, or of songs marked on the map.
import { announce } from "./announce.js";
import { fill, h } from "./elements.js";
import { plural } from "./format.js";
import { resultRow } from "./result_row.js";
import { rove } from "./roving.js";

export class ResultList {
  /** @param {object} actions see result_row.js */
  constructor(heading, list, actions) {
    Object.assign(this, { heading, list, actions, hits: [] });
    this.refreshFocus = rove(list, ".result", { axis: "vertical" });
  }

  /** @param {object} found "hits", and the "search" id they can be explained by */
  show(found, title) {
    this.clear();
    this.hits = found.hits;
    this.heading.textContent = title ?? (found.hits.length ? `${plural(found.hits.length, "song")} mixed like this`
      : "Nothing passes the filters");
    fill(this.list, found.hits.map((hit, rank) => resultRow(hit, {
      rank, search: found.search ?? null, actions: this.actions })));
    if (!found.hits.length) fill(this.list, h("li", { class: "hint" }, "Take a filter away, or widen its range."));
    this.refreshFocus();
    const best = found.search && found.hits[0] ? `, the nearest is ${found.hits[0].name}` : "";
    announce(this.heading.textContent + best);
  }

  clear() {
    for (const row of this.list.querySelectorAll(".result-wave")) row.wave?.destroy();
    fill(this.list);
    this.hits = [];
  }

  /** Marks the row that is heard. */
  setPlaying(id) {
    for (const row of this.list.querySelectorAll(".result")) {
      row.classList.toggle("playing", row.dataset.song === String(id));
    }
  }

  /** Moves to the next row, or the one before, and returns its hit. */
  step(by) {
    const rows = [...this.list.querySelectorAll(".result")];
    if (!rows.length) return null;
    const here = rows.findIndex((row) => row.classList.contains("playing") || row === document.activeElement);
    const next = rows[Math.min(rows.length - 1, Math.max(0, here + by))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    return this.hits[Number(next.dataset.rank)];
  }
}
