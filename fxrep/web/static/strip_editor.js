// Everything of one strip, large: equaliser, compressor, and knobs for the rest.
import { fill, h } from "./elements.js";
import { isCompressor, isEqualizer } from "./eq_bands.js";
import { compressorEditor } from "./compressor_editor.js";
import { effectName } from "./setting_names.js";
import { eqEditor } from "./eq_editor.js";
import { settingKnobs } from "./setting_knobs.js";

const MOST_AT_ONCE = 8; // of settings that are off by default: more are folded away

export class StripEditor {
  constructor(place, state, curves) {
    Object.assign(this, { place, state, curves, strip: null, parts: [] });
    state.addEventListener("change", ({ detail }) => {
      if (this.strip && (detail.places?.has(this.strip.place) ?? true)) this.show();
    });
    curves.addEventListener("change", ({ detail }) => {
      if (this.strip && detail.places.has(this.strip.place)) this.showCurves();
    });
  }

  open(place) {
    this.strip = this.state.byPlace.get(place);
    const parts = this.strip.effects.filter(({ label, settings }) => label !== "fader" && settings.length)
      .map((effect) => this.partOf(effect));
    this.parts = parts;
    const card = ({ title, element }) => h("section", { class: "editor", "aria-label": title }, h("h3", {}, title), element);
    const small = parts.filter((part) => !part.showCurve);
    fill(this.place, h("h2", {}, this.strip.name), h("div", { class: "editors" },
      parts.filter((part) => part.showCurve).map(card), small.length > 0 && h("div", { class: "editor-stack" }, small.map(card))));
    this.place.hidden = false;
    this.show();
    this.showCurves();
  }

  partOf(effect) {
    const title = effectName(effect.label);
    if (isEqualizer(effect)) {
      const drawn = eqEditor(this.strip, effect, this.state);
      const numbers = settingKnobs(this.strip, effect, this.state);
      const more = h("details", {}, h("summary", {}, `All ${effect.settings.length} numbers`), numbers.element);
      return { title, effect, element: h("div", {}, drawn.element, more), showCurve: drawn.showCurve,
        show: () => { drawn.show(); numbers.show(); } };
    }
    if (isCompressor(effect)) return { title, effect, ...compressorEditor(this.strip, effect, this.state) };
    const optional = effect.settings.filter((parameter) => parameter.default === null);
    if (optional.length <= MOST_AT_ONCE) return { title, effect, ...settingKnobs(this.strip, effect, this.state) };
    const main = settingKnobs(this.strip, effect, this.state, effect.settings.filter((one) => !optional.includes(one)));
    const rest = settingKnobs(this.strip, effect, this.state, optional);
    return { title, effect, show: () => { main.show(); rest.show(); }, element: h("div", {}, main.element,
      h("details", {}, h("summary", {}, `${optional.length} more`), rest.element)) };
  }

  show() {
    this.parts.forEach((part) => part.show());
  }

  showCurves() {
    for (const part of this.parts) part.showCurve?.(this.curves.of(this.strip.place, part.effect.label));
  }
}
