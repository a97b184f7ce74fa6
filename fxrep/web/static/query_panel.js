// What is looked for, as a list that can be changed: like these, not like those, and which part of each.
import { button, fill, h } from "./elements.js";
import { icon } from "./icons.js";
import { PartPicker } from "./part_picker.js";
import { time } from "./format.js";

/**
 * @param {HTMLElement} place
 * @param {Query} query
 * @param {(source: object) => void} hear is called with a source to play
 */
export function bindQueryPanel(place, query, hear) {
  let open = null; // the key of the source whose part is being chosen
  let picker = null;

  const draw = () => {
    const focused = document.activeElement?.dataset?.act && [document.activeElement.dataset.act,
      document.activeElement.closest("[data-key]")?.dataset.key];
    const rows = [...query.like.map((source) => row(source, "like")), ...query.unlike.map((source) => row(source, "unlike"))];
    fill(place, rows);
    place.hidden = !rows.length;
    if (focused) {
      const [act, key] = focused; // redrawing must not throw the keyboard off its place
      [...place.querySelectorAll(`[data-act="${act}"]`)].find((one) => one.closest("[data-key]").dataset.key === key)?.focus();
    }
  };

  const row = (source, side) => {
    const item = h("li", { class: `source ${side}`, data: { key: source.key } },
      h("span", { class: "side" }, side === "like" ? "like" : "not like"),
      h("span", { class: "name" }, source.name),
      button(icon("play"), `Play ${source.name}`, () => hear(source), { data: { act: "play" }, class: "quiet" }),
      button(partLabel(source), `Which part of ${source.name} counts`, () => toggle(source.key),
        { data: { act: "part" }, "aria-expanded": String(open === source.key), class: "quiet part" }),
      button("±", side === "like" ? "Turn into: not like this" : "Turn into: like this",
        () => query.add(side === "like" ? "unlike" : "like", source), { data: { act: "turn" }, class: "quiet" }),
      button(icon("close"), `Take ${source.name} away`, () => query.remove(source.key),
        { data: { act: "remove" }, class: "quiet" }));
    if (open !== source.key) return item;
    if (picker?.source.key !== source.key) {
      picker?.destroy();
      picker = new PartPicker(source, (part) => query.setPart(source.key, part), (at) => hear(source, at));
    }
    picker.show(source.part ?? null);
    item.append(picker.element);
    return item;
  };

  const toggle = (key) => {
    open = open === key ? null : key;
    if (!open) {
      picker?.destroy();
      picker = null;
    }
    draw();
  };

  query.addEventListener("change", draw);
  draw();
}

function partLabel({ part }) {
  return part ? `${time(part.start_s)}–${time(part.start_s + part.duration_s)}` : "whole";
}
