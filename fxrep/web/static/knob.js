// A knob with its name and value: turned by dragging up and down, by keys, or by typing the number.
import { h, svg } from "./elements.js";
import { firstValue, positionOf, tidy, valueAt } from "./scales.js";
import { bindDrag, bindSliderKeys } from "./slider_keys.js";
import { quantity } from "./format.js";

const TRAVEL_PX = 170; // of the hand for the whole range
const FINE = 0.15;
const [FIRST, LAST] = [-135, 135]; // degrees from the top

/**
 * @param {object} control as in slider_keys.js, with "name" shown; "small" leaves the number out
 * @returns {{element, show}}
 */
export function knob(control) {
  const { parameter, name, label, get, set, small } = control;
  const arc = svg("path", { class: "knob-arc" });
  const hand = svg("line", { class: "knob-hand", x1: 20, y1: 20, x2: 20, y2: 7 });
  const dial = svg("svg", { viewBox: "0 0 40 40", class: "knob-dial" },
    svg("path", { class: "knob-way", d: arcPath(FIRST, LAST) }), arc, svg("circle", { cx: 20, cy: 20, r: 10.5, class: "knob-body" }), hand);
  const tell = bindSliderKeys(dial, control);
  const canBeOff = parameter.default === null;
  const field = small ? h("output", { class: "knob-value" }) : numberField(parameter, label, set);
  const toggle = canBeOff && h("input", { type: "checkbox", "aria-label": `${label} on`, on: {
    change: () => set(toggle.checked ? firstValue(parameter) : null) } });
  const element = h("div", { class: small ? "knob small" : "knob" },
    h("span", { class: "knob-name" }, toggle, name), dial, field);
  let position = 0; // of the hand, unrounded: slow drags must not stick to a step
  bindDrag(dial, {
    onStart: () => { position = positionOf(parameter, get() ?? parameter.low); },
    onMove: (_, dy, fine) => {
      if (canBeOff && get() === null) return;
      position = Math.min(1, Math.max(0, position - (dy / TRAVEL_PX) * (fine ? FINE : 1)));
      set(valueAt(parameter, position));
    },
  });

  const show = () => {
    const value = get();
    const angle = FIRST + (LAST - FIRST) * positionOf(parameter, value ?? parameter.low);
    const rest = restAngle(parameter);
    arc.setAttribute("d", arcPath(Math.min(rest, angle), Math.max(rest, angle)));
    hand.setAttribute("transform", `rotate(${angle.toFixed(1)} 20 20)`);
    element.classList.toggle("off", value === null);
    if (toggle) toggle.checked = value !== null;
    if (small) field.textContent = quantity(value, parameter.unit);
    else field.show(value);
    tell();
  };
  return { element, show };
}

function numberField(parameter, label, set) {
  const input = h("input", { type: "text", inputmode: "decimal", class: "knob-value", "aria-label": `${label}, value`,
    spellcheck: "false" });
  let writing = false; // what a person writes is not replaced by what the setting was
  const take = () => {
    writing = false;
    const typed = Number.parseFloat(input.value.replace("−", "-").replace(",", "."));
    const factor = /k/i.test(input.value) && parameter.unit === "Hz" ? 1000 : 1;
    if (Number.isFinite(typed)) set(tidy(parameter, typed * factor));
    input.show(input.last);
  };
  input.addEventListener("change", take);
  input.addEventListener("input", () => { writing = true; });
  input.addEventListener("blur", () => { writing = false; });
  input.addEventListener("focus", () => input.select());
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") take(); });
  input.show = (value) => {
    input.last = value;
    if (!writing) input.value = quantity(value, parameter.unit);
  };
  return input;
}

/** The arc begins where the setting does nothing: in the middle for a pan, at the low end for a send. */
function restAngle(parameter) {
  const rest = parameter.default ?? parameter.low;
  return FIRST + (LAST - FIRST) * positionOf(parameter, rest);
}

function arcPath(from, to) {
  const at = (degrees) => {
    const angle = ((degrees - 90) * Math.PI) / 180;
    return `${(20 + 16 * Math.cos(angle)).toFixed(2)} ${(20 + 16 * Math.sin(angle)).toFixed(2)}`;
  };
  return to - from < 0.5 ? "" : `M${at(from)}A16 16 0 ${to - from > 180 ? 1 : 0} 1 ${at(to)}`;
}
