// The compressor of a strip: its curve with a handle on the threshold, and a knob for every setting.
import { h, svg } from "./elements.js";
import { bindDrag, bindSliderKeys } from "./slider_keys.js";
import { LEVEL, levelPath, levelX } from "./graphs.js";
import { tidy } from "./scales.js";
import { settingKnobs } from "./setting_knobs.js";

const SIZE = 240;
const DOT = 10; // radius of the handle with its edge
const MARKS_DB = [-50, -40, -30, -20, -10];

/** @returns {{element, show, showCurve}} */
export function compressorEditor(strip, effect, state) {
  const threshold = effect.settings.find(({ name }) => name === "threshold_db");
  const path = `${effect.label}.threshold_db`;
  const get = () => state.get(strip.place, path);
  const curve = svg("path", { class: "eq-curve" });
  const line = svg("line", { class: "threshold", y1: 0, y2: SIZE });
  const dot = svg("circle", { r: 9 });
  const handle = svg("g", { class: "eq-handle threshold-handle" }, line, dot);
  const picture = svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, class: "levels", role: "group",
    "aria-label": `Compressor of ${strip.name}` }, grid(), curve, handle);
  const set = (value) => state.set(strip.place, path, value);
  const tell = bindSliderKeys(handle, { parameter: threshold, label: `threshold of ${strip.name}`, get, set });
  let position = 0;
  bindDrag(handle, {
    onStart: () => { position = Math.max(LEVEL.low, get()); },
    onMove: (dx, _, fine) => {
      position += (dx / picture.clientWidth) * (LEVEL.high - LEVEL.low) * (fine ? 0.15 : 1);
      set(tidy(threshold, Math.max(LEVEL.low, Math.min(LEVEL.high, position))));
    },
  });
  const knobs = settingKnobs(strip, effect, state);
  let points = null;
  const show = () => {
    const x = levelX(Math.max(LEVEL.low, get()), SIZE);
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
    dot.setAttribute("cx", inside(x));
    dot.setAttribute("cy", inside(SIZE - levelX(outputAt(points, get()), SIZE)));
    tell();
    knobs.show();
  };
  return {
    element: h("div", { class: "compressor-editor" }, picture, knobs.element),
    show,
    showCurve(told) {
      if (!told) return;
      points = told;
      curve.setAttribute("d", levelPath(told, SIZE));
      show();
    },
  };
}

/** Where the handle is seen as a whole. */
function inside(place) {
  return Math.min(SIZE - DOT, Math.max(DOT, place));
}

/** What comes out at a level; where nothing is known, what goes in. */
function outputAt(points, input) {
  if (!points) return Math.max(LEVEL.low, input);
  const place = points.input_db.findIndex((level) => level >= input);
  return Math.max(LEVEL.low, Math.min(LEVEL.high, points.output_db[place < 0 ? points.output_db.length - 1 : place]));
}

function grid() {
  return svg("g", { "aria-hidden": "true" },
    MARKS_DB.map((mark) => [
      svg("line", { x1: levelX(mark, SIZE), x2: levelX(mark, SIZE), y1: 0, y2: SIZE, class: "grid" }),
      svg("line", { y1: SIZE - levelX(mark, SIZE), y2: SIZE - levelX(mark, SIZE), x1: 0, x2: SIZE, class: "grid" }),
      svg("text", { x: levelX(mark, SIZE), y: SIZE - 5, class: "grid-text" }, String(mark).replace("-", "−"))]),
    svg("line", { x1: 0, y1: SIZE, x2: SIZE, y2: 0, class: "grid zero" }));
}
