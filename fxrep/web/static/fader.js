// A channel fader: a cap on a scale in dB.
import { h } from "./elements.js";
import { positionOf, valueAt } from "./scales.js";
import { bindDrag, bindSliderKeys } from "./slider_keys.js";
import { quantity } from "./format.js";

const MARKS_DB = [12, 6, 0, -6, -12, -20, -30, -40, -60];
const FINE = 0.15;

/** @param {object} control as in slider_keys.js; @returns {{element, show}} */
export function fader(control) {
  const { parameter, get, set } = control;
  const cap = h("div", { class: "fader-cap" });
  const way = h("div", { class: "fader-way" }, MARKS_DB.filter((mark) => mark >= parameter.low && mark <= parameter.high)
    .map((mark) => {
      const line = h("span", { class: mark === 0 ? "mark zero" : "mark" }, String(Math.abs(mark)));
      line.style.bottom = `${100 * positionOf(parameter, mark)}%`;
      return line;
    }), cap);
  const readout = h("output", { class: "readout" });
  const element = h("div", { class: "fader" }, way, readout);
  const tell = bindSliderKeys(cap, control);
  cap.setAttribute("aria-orientation", "vertical");
  let position = 0; // of the hand, unrounded: slow drags must not stick to a step
  bindDrag(cap, {
    onStart: () => { position = positionOf(parameter, get()); },
    onMove: (_, dy, fine) => {
      position = Math.min(1, Math.max(0, position - (dy / way.clientHeight) * (fine ? FINE : 1)));
      set(valueAt(parameter, position));
    },
  });
  const show = () => {
    cap.style.bottom = `${100 * positionOf(parameter, get())}%`;
    readout.textContent = quantity(get(), parameter.unit);
    tell();
  };
  return { element, show };
}
