// Why a hit was found: in words, and as numbers beside each other.
import { request } from "./api.js";
import { fill, h } from "./elements.js";
import { showError } from "./notices.js";
import { signed } from "./format.js";

const MOST_STEPS = 4; // a full bar

/** Fetches and shows the explanation of a hit in a place. */
export async function showExplanation(place, search, rank) {
  fill(place, h("p", { class: "hint", role: "status" }, "Measuring both passages …"));
  try {
    const told = await request(`/api/searches/${encodeURIComponent(search)}/hits/${rank}/explanation`);
    fill(place, h("p", { class: "sentence" }, sentence(told.sentence)), table(told.differences));
  } catch (error) {
    showError(place, error, () => showExplanation(place, search, rank));
  }
}

function sentence(text) {
  const clean = text.trim();
  return clean ? `${clean[0].toUpperCase()}${clean.slice(1)}.` : "Alike in all that was measured.";
}

function table(differences) {
  if (!differences.length) return null;
  return h("table", { class: "differences" },
    h("thead", {}, h("tr", {}, ["", "query", "hit", "difference"].map((title) => h("th", { scope: "col" }, title)))),
    h("tbody", {}, differences.map((one) => h("tr", {},
      h("th", { scope: "row" }, one.label ?? one.name),
      h("td", { class: "number" }, (one.query_text ?? number(one.query)).replace("-", "−")),
      h("td", { class: "number" }, (one.hit_text ?? number(one.hit)).replace("-", "−")),
      h("td", { class: one.steps < 1 ? "alike" : "" }, bar(one), one.steps < 1 ? "alike" : one.words || signed(one.difference, one.unit, 2))))));
}

/** How far apart, in steps that are just clearly heard; to the right the hit has more. */
function bar({ difference, steps }) {
  const element = h("span", { class: difference < 0 ? "steps less" : "steps", "aria-hidden": "true" });
  element.style.setProperty("--share", Math.min(1, steps / MOST_STEPS));
  return element;
}

function number(value) {
  if (!Number.isFinite(value)) return "–";
  return Number(value.toFixed(Math.abs(value) >= 10 ? 1 : 2)).toString().replace("-", "−");
}
