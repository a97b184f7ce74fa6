// The bar at the foot of the page: play, seek, hear A or B, match their levels, loop.
import { announce } from "./announce.js";
import { button, fill, h } from "./elements.js";
import { icon } from "./icons.js";
import { showError } from "./notices.js";
import { signed, time } from "./format.js";
import { waveformOf } from "./sources.js";
import { Waveform } from "./waveform.js";

const LETTERS = ["A", "B", "C", "D"];
const STEP_S = 5;
const SECONDS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -15, PageUp: 15, Home: -Infinity, End: Infinity };

export class Transport {
  /** @param {HTMLElement} place; @param {Player} player */
  constructor(place, player) {
    this.player = player;
    this.waves = [];
    this.notice = h("div", { class: "transport-notice" });
    this.playButton = button(icon("play"), "Play or pause (Space)", () => player.toggle(), { class: "play", disabled: true });
    this.sides = h("div", { class: "sides", role: "radiogroup", "aria-label": "What is heard" });
    this.wave = h("div", { class: "transport-wave", tabindex: 0, role: "slider", "aria-label": "Position",
      on: { keydown: (event) => this.onKey(event) } });
    this.clock = h("output", { class: "clock" }, "–:––");
    this.match = button(["Match", h("span", { class: "roomy" }, " levels")], "Hear all at the same loudness (M)", () => player.setMatched(!player.matched), {
      class: "toggle match" });
    this.loopButton = button(icon("loop"), "Repeat the matched window (R)", () => this.toggleLoop(), { class: "toggle" });
    fill(place, this.notice, h("div", { class: "transport-bar" },
      h("div", { class: "buttons" },
        button(icon("back"), "Back 5 s (,)", () => this.skip(-STEP_S), { class: "quiet" }), this.playButton,
        button(icon("forward"), "On 5 s (.)", () => this.skip(STEP_S), { class: "quiet" })),
      this.sides, this.wave, this.clock, h("div", { class: "buttons" }, this.loopButton, this.match)));
    this.element = place;
    player.addEventListener("change", () => this.show());
    player.addEventListener("failure", (event) => showError(this.notice, event.detail));
    this.show();
    const tick = () => { this.tick(); requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
  }

  /**
   * Loads recordings and plays.
   *
   * @param {Array<object>} sources with "start_s", where their windows begin, and "letter" for their button
   * @param {object} options "side" that is heard first, "window_s" marked and looped, "at" seconds from the windows,
   *   "play": false only loads
   */
  async open(sources, { side = 0, window_s: length = null, at = 0, play = true } = {}) {
    this.length = length;
    fill(this.notice);
    this.element.classList.add("loading");
    this.element.hidden = false;
    this.opened = (this.opened ?? 0) + 1;
    const turn = this.opened;
    try {
      const heard = await Promise.all(sources.map(measured));
      if (turn !== this.opened) return;
      this.drawSides(heard);
      await this.player.load(heard, { side });
      if (turn !== this.opened) return;
      this.player.from = at;
      this.drawWaves(heard);
      if (play) await this.player.play(at);
    } catch (error) {
      if (turn === this.opened) showError(this.notice, error, () => this.open(sources, { side, window_s: length, at, play }));
    } finally {
      if (turn === this.opened) this.element.classList.remove("loading");
      this.show();
    }
  }

  drawSides(sources) {
    const several = sources.length > 1;
    fill(this.sides, sources.map((source, place) => h("button", {
      type: "button", role: "radio", class: `side-${LETTERS[place].toLowerCase()}`, data: { side: place },
      "aria-checked": "false", on: { click: () => this.hear(place) },
    }, several && h("kbd", {}, source.letter ?? LETTERS[place]), h("span", { class: "name" }, source.name),
    h("span", { class: "gain" }))));
    this.sides.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.hear(Math.min(sources.length - 1, Math.max(0, this.player.side + step)));
      this.sides.children[this.player.side].focus();
    };
  }

  drawWaves(sources) {
    this.waves.forEach((wave) => wave.destroy());
    fill(this.wave);
    this.waves = sources.map((source, place) => {
      const slot = h("div", { class: "transport-slot" });
      this.wave.append(slot);
      const wave = new Waveform(slot, source.shape, {
        height: 44, tone: `side-${LETTERS[place].toLowerCase()}`,
        onSeek: (seconds) => this.player.seek(seconds - (source.start_s ?? 0)),
      });
      if (this.length) wave.mark({ start_s: source.start_s ?? 0, duration_s: this.length });
      return wave;
    });
  }

  hear(place) {
    if (place >= this.player.sources.length) return;
    this.player.switchTo(place);
    const source = this.player.sources[place];
    announce(`Hearing ${source.letter ?? LETTERS[place]}, ${source.name}`);
  }

  /** On, or back, within what is heard: where only the other side goes on, there would be silence here. */
  skip(seconds) {
    const { player } = this;
    if (!player.voices.length) return;
    const { begin, end } = player.spanOf(player.side);
    player.seek(Math.min(end, Math.max(begin, player.position + seconds)));
  }

  toggleLoop() {
    if (!this.length) return;
    this.player.setLoop(this.player.loop ? null : { start: 0, end: this.length });
  }

  onKey(event) {
    const step = SECONDS[event.key];
    if (step) this.skip(step);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  show() {
    const { player } = this;
    const ready = player.voices.length > 0;
    this.playButton.disabled = !ready;
    this.playButton.replaceChildren(icon(player.playing ? "pause" : "play"));
    this.element.dataset.playing = player.playing;
    this.element.dataset.side = player.side;
    this.match.setAttribute("aria-pressed", String(player.matched));
    this.loopButton.setAttribute("aria-pressed", String(Boolean(player.loop)));
    this.loopButton.hidden = !this.length;
    const { gains } = player;
    [...this.sides.children].forEach((side, place) => {
      const chosen = place === player.side;
      side.setAttribute("aria-checked", String(chosen));
      side.tabIndex = chosen ? 0 : -1;
      side.querySelector(".gain").textContent = player.matched ? signed(gains[place] ?? 0, "dB") : "as is";
    });
    [...this.wave.children].forEach((slot, place) => { slot.hidden = place !== player.side; });
  }

  tick() {
    const { player } = this;
    if (!player.voices.length || !this.waves.length) return;
    player.checkEnd();
    const position = player.position;
    if (position === this.shown && player.side === this.shownSide) return;
    Object.assign(this, { shown: position, shownSide: player.side });
    const at = position + (player.sources[player.side].start_s ?? 0);
    this.waves[player.side]?.setTime(at);
    const text = `${time(Math.max(0, at), 1)} / ${time(this.waves[player.side]?.duration)}`;
    if (text === this.clock.textContent) return;
    this.clock.textContent = text;
    const length = this.waves[player.side]?.duration ?? 0;
    this.wave.setAttribute("aria-valuenow", Math.min(length, Math.max(0, at)).toFixed(1));
    this.wave.setAttribute("aria-valuemax", String(length));
    this.wave.setAttribute("aria-valuetext", time(Math.max(0, at)));
  }
}

async function measured(source) {
  const shape = await waveformOf(source);
  return { ...source, shape, loudness: shape.loudness_lufs, peak: Math.max(0, ...shape.peaks) };
}
