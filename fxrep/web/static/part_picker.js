// Chooses a part of a recording: by dragging on its waveform, or by two numbers.
import { button, h } from "./elements.js";
import { showError } from "./notices.js";
import { waveformOf } from "./sources.js";
import { Waveform } from "./waveform.js";

const SHORTEST_S = 0.5;

export class PartPicker {
  /** `onPart({start_s, duration_s}|null)` is told what was chosen, `hear(seconds)` where somebody clicked. */
  constructor(source, onPart, hear) {
    this.source = source;
    this.onPart = onPart;
    this.part = null;
    const number = (label, change) => h("label", {}, label, h("input", {
      type: "number", min: 0, step: 0.5, inputmode: "decimal", on: { change },
    }));
    const fromFields = () => this.fromFields();
    this.startField = number("from (s)", fromFields);
    this.lengthField = number("for (s)", fromFields);
    this.place = h("div", { class: "part-wave" }, "Reading the waveform …");
    this.element = h("div", { class: "part-picker" }, this.place,
      h("div", { class: "row" }, this.startField, this.lengthField,
        button("Whole recording", null, () => this.choose(null)),
        h("span", { class: "hint" }, "Drag on the waveform to choose a part.")));
    this.draw(hear);
  }

  async draw(hear) {
    try {
      const waveform = await waveformOf(this.source);
      this.duration = waveform.duration_s;
      this.wave = new Waveform(this.place, waveform, {
        height: 56, tone: "side-a", onSeek: hear, onPart: (part) => this.choose(part),
      });
      this.wave.setPart(this.part);
    } catch (error) {
      showError(this.place, error);
    }
  }

  /** Shows a part that was set elsewhere. */
  show(part) {
    this.part = part;
    const fields = [this.startField, this.lengthField].map((label) => label.querySelector("input"));
    fields[0].value = part ? part.start_s.toFixed(1) : "";
    fields[1].value = part ? part.duration_s.toFixed(1) : "";
    this.wave?.setPart?.(part);
  }

  choose(part) {
    if (part && part.duration_s < SHORTEST_S) return;
    this.onPart(part && { start_s: round(part.start_s), duration_s: round(part.duration_s) });
  }

  fromFields() {
    const [start, length] = [this.startField, this.lengthField]
      .map((label) => Number.parseFloat(label.querySelector("input").value));
    if (!Number.isFinite(start)) return;
    const most = (this.duration ?? Infinity) - start;
    this.choose({ start_s: Math.max(0, start), duration_s: Math.min(most, Number.isFinite(length) ? length : 10) });
  }

  destroy() {
    this.wave?.destroy();
    this.element.remove();
  }
}

function round(seconds) {
  return Math.round(seconds * 100) / 100;
}
