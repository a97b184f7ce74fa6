// Which songs may be found: by metadata, by ranges of numbers, by folder.
import { button, fill, h } from "./elements.js";
import { icon } from "./icons.js";

let lists = 0; // ids of the lists of known values

/** @param {Array<{key, kind, values, low, high}>} fields of the library */
export function bindFilterPanel(place, fields, query) {
  const rows = h("ul", { class: "filters" });
  const folder = h("input", { type: "text", id: "filter-folder", placeholder: "any", spellcheck: "false",
    on: { change: () => apply() } });
  const songsOnly = h("input", { type: "checkbox", on: { change: () => apply() } });

  const apply = () => {
    const where = {};
    for (const row of rows.children) {
      const [key, wanted] = row.read();
      if (key && wanted !== null) where[key] = key in where ? [where[key], wanted].flat() : wanted;
    }
    query.setFilter({ where, folder: folder.value.trim(), songsOnly: songsOnly.checked });
  };

  const add = () => {
    rows.append(filterRow(fields, apply));
    rows.lastElementChild.querySelector("select").focus();
  };

  fill(place, rows, h("div", { class: "row" },
    fields.length > 0 && button([icon("plus"), " Filter"], null, add),
    h("label", { for: "filter-folder" }, "Folder"), folder,
    h("label", { title: "Compare averages over whole songs instead of passages" }, songsOnly, " whole songs")));
}

function filterRow(fields, apply) {
  const choice = h("select", { "aria-label": "What to filter by" }, fields.map(({ key }) => h("option", { value: key }, key)));
  const value = h("span", { class: "filter-value" });
  const row = h("li", {}, choice, value,
    button(icon("close"), "Take this filter away", () => { row.remove(); apply(); }, { class: "quiet" }));
  const field = () => fields.find(({ key }) => key === choice.value);
  const draw = () => fill(value, field().kind === "number" ? rangeOf(field(), apply) : textOf(field(), apply));
  choice.addEventListener("change", () => { draw(); apply(); });
  row.read = () => [choice.value, field().kind === "number" ? readRange(value) : readText(value)];
  draw();
  return row;
}

function textOf({ key, values = [] }, apply) {
  lists += 1;
  const id = `values-${lists}`;
  return [
    h("input", { type: "text", list: id, placeholder: "is", "aria-label": `${key} is`, spellcheck: "false",
      on: { change: apply } }),
    h("datalist", { id }, values.map((value) => h("option", { value: String(value) }))),
  ];
}

function rangeOf({ key, low, high }, apply) {
  const bound = (name, hint) => h("input", { type: "number", step: "any", placeholder: hint ?? name,
    "aria-label": `${key} ${name}`, on: { change: apply } });
  const short = (number) => (Number.isFinite(number) ? String(Number(number.toPrecision(4))) : null);
  return [bound("from", short(low)), " to ", bound("to", short(high))];
}

function readText(place) {
  const text = place.querySelector("input").value.trim();
  return text || null;
}

function readRange(place) {
  const [low, high] = [...place.querySelectorAll("input")].map((input) => {
    const number = Number.parseFloat(input.value);
    return Number.isFinite(number) ? number : null;
  });
  return low === null && high === null ? null : { low, high };
}
