// Errors and progress, shown where the work was asked for.
import { button, fill, h } from "./elements.js";
import { icon } from "./icons.js";
import { isAbort } from "./api.js";

/** Shows an error in a place, with a way to try again where there is one. Errors of cancelled work are none. */
export function showError(place, error, retry) {
  if (isAbort(error)) return fill(place);
  if (!error.status && error.name !== "ServerError") console.error(error);
  const again = retry && button("Try again", null, () => { fill(place); retry(); });
  return fill(place, h("div", { class: "notice error", role: "alert" },
    h("p", {}, error.message || String(error)), again,
    button(icon("close"), "Dismiss", () => fill(place), { class: "quiet" })));
}

/** Says something that is no error, until it is dismissed. */
export function showNote(place, ...text) {
  return fill(place, h("div", { class: "notice", role: "status" }, h("p", {}, text),
    button(icon("close"), "Dismiss", () => fill(place), { class: "quiet" })));
}

/** Shows that work is under way and lets it be cancelled. Returns a function to tell how far it is. */
export function showProgress(place, title, controller) {
  const bar = h("progress", { max: 1, "aria-label": title });
  const text = h("span", { class: "progress-text" }, title);
  fill(place, h("div", { class: "notice working", role: "status" }, text, bar,
    button("Cancel", null, () => { controller.abort(); fill(place); })));
  return (share, message) => {
    if (typeof share === "number") bar.value = share;
    else bar.removeAttribute("value");
    text.textContent = message ? `${title}: ${message}` : title;
  };
}

/** Runs work with progress in a place. Returns what it gave, or undefined where it failed or was cancelled. */
export async function withProgress(place, title, work, retry) {
  const controller = new AbortController();
  let report = () => {};
  const shown = setTimeout(() => { report = showProgress(place, title, controller); }, 150); // quick work: no flicker
  try {
    const result = await work({ signal: controller.signal, onProgress: (...told) => report(...told) });
    clearTimeout(shown);
    fill(place);
    return result;
  } catch (error) {
    clearTimeout(shown);
    showError(place, error, retry);
    return undefined;
  }
}
