// One channel of the console: small pictures of what is set, pan, sends and the fader.
import { button, h, svg } from "./elements.js";
import { effectName } from "./setting_names.js";
import { eqPath, levelPath } from "./graphs.js";
import { fader } from "./fader.js";
import { isCompressor, isEqualizer } from "./eq_bands.js";
import { knob } from "./knob.js";

const EQ_SIZE = [100, 40];
const LEVEL_SIZE = 40;
const KIND_NAMES = { track: "", group: "group", bus: "bus", master: "" };

/**
 * @param {object} tables "send" and "input_gain_db" of a track, as parameters
 * @param {object} actions "open(place)", "reset(place)"
 * @returns {{element, show, showCurves}}
 */
export function stripView(strip, state, tables, { open, reset }) {
  const pictures = h("button", { type: "button", class: "strip-pictures", title: `Open ${strip.name}: EQ, compressor and the rest`,
    "aria-label": `Open ${strip.name}`, on: { click: () => open(strip.place) } });
  const curves = strip.effects.map((effect) => picture(effect)).filter(Boolean);
  pictures.append(...curves.map(({ element }) => element));
  if (!curves.length) pictures.textContent = strip.effects.map(({ label }) => effectName(label)).join(", ");
  const knobs = smallKnobs(strip, state, tables);
  const level = faderOf(strip, state);
  const resetButton = button("reset", `Reset ${strip.name} to the saved mix`, () => reset(strip.place), { class: "quiet reset" });
  const kind = h("span", { class: "strip-kind" });
  const element = h("section", { class: `strip ${strip.kind}`, "aria-label": strip.name, data: { place: strip.place } },
    h("button", { type: "button", class: "strip-name", on: { click: () => open(strip.place) } }, strip.name),
    kind,
    pictures, h("div", { class: "strip-knobs" }, knobs.map((one) => one.element)), level?.element, resetButton);
  return {
    element,
    show() {
      knobs.forEach((one) => one.show());
      level?.show();
      const changed = state.isChanged(strip.place);
      element.classList.toggle("changed", changed);
      kind.textContent = [strip.group ? `in ${strip.group}` : KIND_NAMES[strip.kind],
        state.section === null && state.differs?.(strip.place) && "differs"].filter(Boolean).join(", ");
      kind.title = kind.textContent.endsWith("differs") ? "Not the same in all sections: the first is shown" : "";
      resetButton.disabled = !changed;
    },
    showCurves: (told) => curves.forEach((one) => one.show(told)),
  };
}

function picture(effect) {
  const [width, height] = isEqualizer(effect) ? EQ_SIZE : [LEVEL_SIZE, LEVEL_SIZE];
  if (!isEqualizer(effect) && !isCompressor(effect)) return null;
  const line = svg("path", { class: "mini-curve" });
  const rest = isEqualizer(effect) ? { x1: 0, x2: width, y1: height / 2, y2: height / 2 } : { x1: 0, x2: width, y1: height, y2: 0 };
  const element = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: isEqualizer(effect) ? "mini eq-mini" : "mini",
    "aria-hidden": "true" }, svg("line", { ...rest, class: "mini-rest" }), line);
  return {
    element,
    show(curves) {
      const points = curves?.[effect.label];
      if (points) line.setAttribute("d", points.frequency_hz ? eqPath(points, width, height) : levelPath(points, width));
    },
  };
}

function smallKnobs(strip, state, tables) {
  const made = [];
  const add = (parameter, name, path) => made.push(knob({
    parameter, name, label: `${name} of ${strip.name}`, small: true,
    get: () => state.get(strip.place, path), set: (value) => state.set(strip.place, path, value),
  }));
  if (state.get(strip.place, "input_gain_db") !== undefined) add(tables.input_gain_db, "trim", "input_gain_db");
  for (const { label, settings } of strip.effects) {
    const pan = settings.find(({ name }) => name === "pan" || name === "balance");
    if (pan) add(pan, "pan", `${label}.${pan.name}`);
  }
  for (const bus of strip.sends ?? []) add(tables.send, bus, `sends.${bus}`);
  return made;
}

function faderOf(strip, state) {
  const isFader = ({ effect, label }) => effect === "fader" || label === "fader";
  // Consoles that were searched for have no fader: there the last gain sets the level.
  const level = strip.effects.find(isFader) ?? strip.effects.findLast(({ effect }) => effect === "gain");
  const gain = level?.settings.find(({ name }) => name === "gain_db");
  if (!gain) return null;
  const path = `${level.label}.gain_db`;
  return fader({ parameter: gain, label: `fader of ${strip.name}`, axis: "both",
    get: () => state.get(strip.place, path), set: (value) => state.set(strip.place, path, value) });
}
