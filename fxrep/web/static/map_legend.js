// The legend of the map's colours. A group is hidden and shown again by pressing its name.
import { fill, h } from "./elements.js";

/** @param {Set<number>} hidden places of groups that are not drawn; changed here, then `onChange` is called */
export function drawLegend(place, legend, hidden, onChange) {
  if (legend.kind === "numbers") {
    const ramp = h("div", { class: "ramp" });
    ramp.style.background = `linear-gradient(to right, ${legend.ramp.join(", ")})`;
    fill(place, h("h3", {}, legend.title), h("div", { class: "ramp-box" }, ramp,
      h("div", { class: "ramp-ends" }, legend.ticks.map((text) => h("span", {}, text)))));
    return;
  }
  fill(place, h("h3", {}, legend.title), h("ul", {}, legend.groups.map(({ name, size, colour }, group) => {
    const dot = h("span", { class: "dot" });
    dot.style.background = colour;
    const item = h("button", { type: "button", "aria-pressed": String(!hidden.has(group)), title: "Hide or show" },
      dot, h("span", { class: "name" }, name), h("span", { class: "number" }, size));
    item.addEventListener("click", () => {
      if (!hidden.delete(group)) hidden.add(group);
      item.setAttribute("aria-pressed", String(!hidden.has(group)));
      onChange();
    });
    return h("li", {}, item);
  })));
}
