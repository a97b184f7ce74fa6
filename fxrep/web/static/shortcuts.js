// Keys that work anywhere on a page, and the "?" dialog that tells them.
import { button, fill, h } from "./elements.js";

let pressed = null; // the button that was last pressed by mouse or finger

const TYPING = /^(INPUT|TEXTAREA|SELECT)$/;

/**
 * @param {Array<{title: string, keys: Array<{key: string, shown?: string, text: string, run?: Function}>}>} groups
 *   "key" as in KeyboardEvent.key; entries without "run" are told only, since what has the focus handles them
 */
export function bindShortcuts(groups) {
  const byKey = new Map();
  for (const { keys } of groups) for (const entry of keys) if (entry.run) byKey.set(entry.key, entry);
  const dialog = makeDialog(groups);
  byKey.set("?", { run: () => dialog.showModal() });
  document.getElementById("help").addEventListener("click", () => dialog.showModal());

  document.addEventListener("click", (event) => { pressed = event.detail > 0 ? event.target.closest("button") : null; }, true);
  document.addEventListener("keyup", (event) => {
    if (event.key === " " && event.target === pressed) event.preventDefault(); // it would press the button once more
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Tab") pressed = null;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") || isTyping(event)) return;
    const entry = byKey.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
    if (!entry) return;
    event.preventDefault();
    entry.run(event);
  });
}

function isTyping(event) {
  const { target } = event;
  if (target.type === "range" || target.type === "checkbox") return event.key === " ";
  if (TYPING.test(target.tagName)) return true;
  // Space presses what the keyboard went to; after a press by mouse it plays and pauses, as everywhere else.
  return event.key === " " && target !== pressed && /^(BUTTON|A|SUMMARY)$/.test(target.tagName);
}

function makeDialog(groups) {
  const close = button("Close", null, () => dialog.close(), { autofocus: true });
  const dialog = h("dialog", { class: "help", "aria-labelledby": "help-title" },
    h("header", {}, h("h2", { id: "help-title" }, "Keyboard"), close),
    h("div", { class: "help-groups" }));
  fill(dialog.querySelector(".help-groups"), groups.map(({ title, keys }) => h("section", {},
    h("h3", {}, title),
    h("table", {}, h("tbody", {}, keys.map(({ key, shown, text }) => h("tr", {},
      h("th", { scope: "row" }, (shown ?? key.toUpperCase()).split(" ").map((one) => [h("kbd", {}, one), " "])),
      h("td", {}, text))))))));
  document.body.append(dialog);
  return dialog;
}
