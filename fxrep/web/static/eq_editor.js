// The equaliser of a strip: its curve, with a handle for every band that is dragged or moved by keys.
import { fill, h, svg } from "./elements.js";
import { bandsOf } from "./eq_bands.js";
import { bindDrag, bindSliderKeys } from "./slider_keys.js";
import { EQ, eqGain, eqHertz, eqPath, eqX, eqY } from "./graphs.js";
import { firstValue, stepped, tidy } from "./scales.js";
import { quantity, signed } from "./format.js";

const NARROW = matchMedia("(max-width: 760px)");
const HEIGHT = 240;
const HERTZ = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000];
const GAINS = [-12, -6, 0, 6, 12];
const WHEEL_Q = 0.0025;

/** @returns {{element, show, showCurve}} */
export function eqEditor(strip, effect, state) {
  const width = NARROW.matches ? 350 : 640; // about pixels: handles must not shrink with the screen
  const path = (parameter) => `${effect.label}.${parameter.name}`;
  const get = (parameter) => state.get(strip.place, path(parameter));
  const curve = svg("path", { class: "eq-curve" });
  const area = svg("path", { class: "eq-area" });
  const readout = h("output", { class: "eq-readout" }, "Drag a band; [ and ], or the wheel, change its width.");
  const picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, class: "eq", role: "group",
    "aria-label": `Equaliser of ${strip.name}` }, grid(width), area, curve);
  const bands = bandsOf(effect.settings);
  const handles = bands.map((band, place) => handleOf({ band, place, strip, state, path, get, picture, readout, width }));
  picture.append(...handles.map(({ element }) => element));
  const switches = bands.filter(({ frequency }) => frequency.default === null).map((band) => filterSwitch(band, {
    get: () => get(band.frequency), set: (value) => state.set(strip.place, path(band.frequency), value) }));
  const element = h("div", { class: "eq-editor" }, picture,
    h("div", { class: "row" }, switches.map((one) => one.element), readout));
  return {
    element,
    show() {
      handles.forEach((handle) => handle.show());
      switches.forEach((one) => one.show());
    },
    showCurve(points) {
      if (!points) return;
      const line = eqPath(points, width, HEIGHT);
      curve.setAttribute("d", line);
      area.setAttribute("d", `${line}L${width} ${HEIGHT / 2}L0 ${HEIGHT / 2}Z`);
    },
  };
}

function grid(width) {
  const lines = HERTZ.map((hertz) => [
    svg("line", { x1: eqX(hertz, width), x2: eqX(hertz, width), y1: 0, y2: HEIGHT, class: "grid" }),
    svg("text", { x: Math.min(width - 14, Math.max(12, eqX(hertz, width))), y: HEIGHT - 5, class: "grid-text" },
      hertz >= 1000 ? `${hertz / 1000}k` : hertz)]);
  const levels = GAINS.map((gain) => [
    svg("line", { x1: 0, x2: width, y1: eqY(gain, HEIGHT), y2: eqY(gain, HEIGHT), class: gain ? "grid" : "grid zero" }),
    gain !== 0 && svg("text", { x: 16, y: eqY(gain, HEIGHT) - 3, class: "grid-text" }, signed(gain, "", 0))]);
  return svg("g", { "aria-hidden": "true" }, lines, levels);
}

function handleOf({ band, place, strip, state, path, get, picture, readout, width }) {
  const { frequency, gain, q } = band;
  const handle = svg("g", { class: "eq-handle" }, svg("circle", { r: 11 }), svg("text", { y: 4 }, place + 1));
  const values = () => [quantity(get(frequency), "Hz"), gain && signed(get(gain), "dB"), q && `Q ${get(q).toFixed(2)}`]
    .filter(Boolean).join(", ");
  const main = gain ?? frequency;
  const set = (parameter, value) => state.set(strip.place, path(parameter), value);
  const tell = bindSliderKeys(handle, {
    parameter: main, label: `${band.name} of ${strip.name}`, get: () => get(main), set: (value) => set(main, value),
    axis: gain ? "vertical" : "both",
  });
  const say = () => { readout.textContent = `${band.name}: ${values()}`; };
  handle.addEventListener("focus", say);
  handle.addEventListener("keydown", (event) => {
    const sideways = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const wider = { "[": -1, "]": 1 }[event.key];
    if (gain && sideways) set(frequency, stepped(frequency, get(frequency), sideways, event.shiftKey));
    else if (q && wider) set(q, stepped(q, get(q), wider * 2));
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  handle.addEventListener("wheel", (event) => {
    if (!q || document.activeElement !== handle) return; // a page that is scrolled must not turn what it passes
    event.preventDefault();
    set(q, tidy(q, get(q) * Math.exp(-event.deltaY * WHEEL_Q)));
  }, { passive: false });
  bindHandleDrag(handle, { picture, strip, state, path, get, frequency, gain, width });
  return {
    element: handle,
    show() {
      const hertz = get(frequency);
      handle.classList.toggle("gone", hertz === null);
      if (hertz === null) return;
      const level = gain ? get(gain) : 0;
      const shown = Math.max(-EQ.range, Math.min(EQ.range, level));
      handle.setAttribute("transform", `translate(${eqX(hertz, width).toFixed(1)} ${eqY(shown, HEIGHT).toFixed(1)})`);
      handle.classList.toggle("flat", Boolean(gain) && level === 0);
      tell();
      handle.setAttribute("aria-valuetext", values());
      if (document.activeElement === handle) say();
    },
  };
}

function bindHandleDrag(handle, { picture, strip, state, path, get, frequency, gain, width }) {
  let grip = null; // from the hand to the middle of the handle
  const placeOf = (event) => {
    const box = picture.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * HEIGHT];
  };
  bindDrag(handle, {
    onStart: (event) => {
      const [x, y] = placeOf(event);
      grip = [eqX(get(frequency), width) - x, gain ? eqY(get(gain), HEIGHT) - y : 0];
    },
    onMove: (_dx, _dy, fine, event) => {
      const [x, y] = placeOf(event);
      const changes = [[path(frequency), tidy(frequency, eqHertz(x + grip[0], width))]];
      if (gain && !fine) changes.push([path(gain), tidy(gain, eqGain(y + grip[1], HEIGHT))]);
      else if (gain) changes.push([path(gain), get(gain)]); // with Shift it keeps its gain
      state.setSeveral(strip.place, changes);
    },
  });
}

function filterSwitch({ name, frequency }, { get, set }) {
  const box = h("input", { type: "checkbox", on: { change: () => set(box.checked ? firstValue(frequency) : null) } });
  const text = h("span", {});
  return {
    element: h("label", { class: "switch" }, box, ` ${name} `, text),
    show() {
      box.checked = get() !== null;
      fill(text, get() === null ? "off" : quantity(get(), "Hz"));
    },
  };
}
