// What all sliders share, whatever they look like: the keys, and what a screen reader is told.
import { positionOf, stepped, valueAt } from "./scales.js";
import { quantity } from "./format.js";

/**
 * Makes an element a slider for one setting.
 *
 * @param {Element} element gets the role, the focus and the keys
 * @param {object} control "parameter", "label", "get()", "set(value)"; "axis": arrows that belong to it, "both" by default
 * @returns {() => void} to call after the value changed
 */
export function bindSliderKeys(element, { parameter, label, get, set, axis = "both" }) {
  element.setAttribute("role", "slider");
  element.setAttribute("tabindex", "0");
  element.setAttribute("aria-label", label);
  element.setAttribute("aria-valuemin", parameter.low);
  element.setAttribute("aria-valuemax", parameter.high);

  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const value = get() ?? parameter.low;
    const next = nextValue(parameter, value, event, axis);
    if (next === null) return;
    event.preventDefault();
    event.stopPropagation();
    set(next);
  });
  element.addEventListener("dblclick", () => {
    if (parameter.default !== null) set(parameter.default);
  });

  return () => {
    const value = get();
    element.setAttribute("aria-valuenow", value ?? parameter.low);
    element.setAttribute("aria-valuetext", quantity(value, parameter.unit));
  };
}

function nextValue(parameter, value, { key, shiftKey }, axis) {
  const upright = { ArrowUp: 1, ArrowDown: -1 }[key];
  const level = { ArrowRight: 1, ArrowLeft: -1 }[key];
  const direction = (axis !== "horizontal" && upright) || (axis !== "vertical" && level);
  if (direction) return stepped(parameter, value, direction, shiftKey);
  if (axis === "horizontal" && upright) return null;
  if (key === "PageUp" || key === "PageDown") {
    return valueAt(parameter, positionOf(parameter, value) + (key === "PageUp" ? 0.1 : -0.1));
  }
  if (key === "Home") return parameter.low;
  if (key === "End") return parameter.high;
  if ((key === "Delete" || key === "Backspace") && parameter.default !== null) return parameter.default;
  return null;
}

/** Dragging: `onMove(dx, dy, fine)` gets pixels since the last call; Shift makes it fine. */
export function bindDrag(element, { onStart, onMove, onEnd }) {
  let last = null;
  element.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    event.preventDefault();
    element.focus?.({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    last = [event.clientX, event.clientY];
    onStart?.(event);
  });
  element.addEventListener("pointermove", (event) => {
    if (!last) return;
    const [dx, dy] = [event.clientX - last[0], event.clientY - last[1]];
    last = [event.clientX, event.clientY];
    onMove(dx, dy, event.shiftKey, event);
  });
  const end = () => {
    if (last) onEnd?.();
    last = null;
  };
  element.addEventListener("pointerup", end);
  element.addEventListener("pointercancel", end);
}
