// One stop of the Tab key for a list: arrows move within it.

const STEPS = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1 };

/**
 * @param {HTMLElement} container whose items are reached by arrows, Home and End
 * @param {string} selector of the items; those that are hidden are skipped
 * @param {object} options "axis": "vertical", "horizontal" or "both"; "onMove" is told the item
 */
export function rove(container, selector, { axis = "vertical", onMove } = {}) {
  const items = () => [...container.querySelectorAll(selector)].filter((item) => item.offsetParent !== null);

  const choose = (item, focus = true) => {
    for (const other of container.querySelectorAll(selector)) other.tabIndex = other === item ? 0 : -1;
    if (focus) item.focus();
    onMove?.(item);
  };

  container.addEventListener("keydown", (event) => {
    const present = items();
    const here = present.indexOf(event.target.closest(selector));
    if (here < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target !== present[here] && /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.target.getAttribute("role") === "slider") return;
    const upright = event.key === "ArrowDown" || event.key === "ArrowUp";
    let next = null;
    if (event.key === "Home") next = 0;
    else if (event.key === "End") next = present.length - 1;
    else if (event.key in STEPS && (axis === "both" || upright === (axis === "vertical"))) {
      next = Math.min(present.length - 1, Math.max(0, here + STEPS[event.key]));
    }
    if (next === null) return;
    event.preventDefault();
    choose(present[next]);
  });

  container.addEventListener("focusin", (event) => {
    const item = event.target.closest(selector);
    if (item && container.contains(item)) choose(item, false);
  });

  /** Call after items changed: the first can be reached by Tab. */
  return () => {
    const present = items();
    if (present.length && !present.some((item) => item.tabIndex === 0)) {
      for (const item of present) item.tabIndex = -1;
      present[0].tabIndex = 0;
    }
  };
}
