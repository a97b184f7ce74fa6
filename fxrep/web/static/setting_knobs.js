// A knob for every setting of an effect.
import { h } from "./elements.js";
import { knob } from "./knob.js";
import { settingName } from "./setting_names.js";

/** @returns {{element, show}} */
export function settingKnobs(strip, effect, state, settings = effect.settings) {
  const knobs = settings.map((parameter) => {
    const path = `${effect.label}.${parameter.name}`;
    return knob({
      parameter, name: settingName(parameter.name), label: `${settingName(parameter.name)} of ${strip.name}`,
      get: () => state.get(strip.place, path), set: (value) => state.set(strip.place, path, value),
    });
  });
  return {
    element: h("div", { class: "knobs" }, knobs.map(({ element }) => element)),
    show: () => knobs.forEach((one) => one.show()),
  };
}
