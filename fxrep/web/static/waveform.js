// A waveform from peaks, drawn by wavesurfer.js, with a marked window and a cursor.
import WaveSurfer from "./vendor/wavesurfer.esm.js";
import Regions from "./vendor/regions.esm.js";
import { h } from "./elements.js";
import { colour, onThemeChange } from "./theme.js";

const nonce = document.querySelector('meta[name="csp-nonce"]')?.content;

/**
 * @param {HTMLElement} place gets the waveform as its only child
 * @param {{peaks: number[], duration_s: number}} waveform
 * @param {object} options "height" in pixels, "tone" a colour of tokens.css, "cursor" whether one is drawn, "onSeek(seconds)",
 *   "onPart({start_s, duration_s})": a part can be marked by dragging
 */
export class Waveform {
  constructor(place, waveform, { height = 48, tone = "side-b", cursor = true, onSeek = null, onPart = null } = {}) {
    this.duration = waveform.duration_s;
    this.tone = tone;
    this.band = h("div", { class: "wave-band", hidden: true });
    this.holder = h("div", { class: "wave-holder" });
    this.frame = h("div", { class: "wave" }, this.band, this.holder);
    place.replaceChildren(this.frame);
    this.regions = onPart ? Regions.create() : null;
    this.surfer = WaveSurfer.create({
      container: this.holder, peaks: [waveform.peaks], duration: this.duration, height, cspNonce: nonce,
      interact: Boolean(onSeek), cursorWidth: cursor ? 2 : 0, hideScrollbar: true, normalize: true, barWidth: 2, barGap: 1,
      barRadius: 1, plugins: this.regions ? [this.regions] : [], ...this.colours(),
    });
    if (onSeek) this.surfer.on("interaction", (time) => onSeek(time));
    if (onPart) this.bindParts(onPart);
    this.unbind = onThemeChange(() => this.surfer.setOptions(this.colours()));
  }

  colours() {
    return { waveColor: colour("wave"), progressColor: colour(this.tone), cursorColor: colour("ink") };
  }

  setTone(tone) {
    this.tone = tone;
    this.surfer.setOptions(this.colours());
  }

  /** Where the cursor stands, in seconds of the recording. */
  setTime(seconds) {
    this.surfer.setTime(Math.min(this.duration, Math.max(0, seconds)));
  }

  /** Marks a window; null takes the mark away. */
  mark(window) {
    this.band.hidden = !window;
    if (!window) return;
    this.band.style.left = `${(100 * window.start_s) / this.duration}%`;
    this.band.style.width = `${(100 * Math.min(window.duration_s, this.duration - window.start_s)) / this.duration}%`;
  }

  bindParts(onPart) {
    const tint = "rgba(240, 169, 59, 0.28)";
    this.regions.enableDragSelection({ color: tint });
    const tell = (region) => {
      for (const other of this.regions.getRegions()) if (other !== region) other.remove();
      onPart({ start_s: region.start, duration_s: region.end - region.start });
    };
    this.regions.on("region-created", (region) => { if (!this.quiet) tell(region); });
    this.regions.on("region-updated", (region) => tell(region));
    this.setPart = (part) => {
      this.quiet = true; // what was set from elsewhere is known there
      this.regions.clearRegions();
      if (part) this.regions.addRegion({ start: part.start_s, end: part.start_s + part.duration_s, color: tint });
      this.quiet = false;
    };
  }

  destroy() {
    this.unbind();
    this.surfer.destroy();
    this.frame.remove();
  }
}
