// Renders of a console, and listening to them beside the saved mix and the reference.
import { announce } from "./announce.js";
import { button, fill, h } from "./elements.js";
import { fileSource, renderSource } from "./sources.js";
import { Player } from "./player.js";
import { request } from "./api.js";
import { Transport } from "./transport.js";
import { withProgress } from "./notices.js";

export class MixRenders {
  constructor(mix, state, { transport, notice, list }) {
    Object.assign(this, { mix, state, place: transport, notice, list, done: [], heard: null, running: null });
    this.saved = mix.mix && fileSource(mix.mix, "Earlier mix");
    this.reference = mix.reference && fileSource(mix.reference, "Reference");
    this.rendered = JSON.stringify([]); // the edits that are heard: none yet
    fill(list);
  }

  /** Shows the saved mix and the reference without playing them. */
  hearFirst() {
    this.hear(null, false);
  }

  isStale() {
    return JSON.stringify(this.state.edits()) !== this.rendered;
  }

  /** Renders what is set; a render that still runs is given up first. */
  async render() {
    this.running?.abort();
    const controller = new AbortController();
    this.running = controller;
    const edits = this.state.edits();
    const snapshot = this.state.snapshot();
    const answer = await withProgress(this.notice, "Rendering", ({ signal, onProgress }) => {
      signal.addEventListener("abort", () => controller.abort());
      return request(`/api/mixes/${encodeURIComponent(this.mix.id)}/renders`, {
        json: { edits, console: this.mix.console_file }, signal: controller.signal, onProgress });
    }, () => this.render());
    if (this.running === controller) this.running = null;
    if (!answer) return;
    const render = { source: renderSource(answer.render, `Render ${this.done.length + 1}`), snapshot };
    this.done.push(render);
    this.rendered = JSON.stringify(edits);
    announce(`${render.source.name} is ready`);
    this.drawList();
    await this.hear(render, true);
  }

  /** A is a render, or else the saved mix; what else there is follows. */
  async hear(render, play) {
    this.heard = render;
    const sources = [render?.source, this.saved, this.reference].filter(Boolean)
      .map((source, place) => ({ ...source, start_s: 0, letter: "ABC"[place] }));
    this.drawList();
    if (!sources.length) return;
    const position = this.player ? this.player.position : 0;
    await this.transport.open(sources, { at: position, play: play || Boolean(this.player?.playing) });
  }

  get transport() {
    if (!this.made) {
      this.player = new Player();
      this.made = new Transport(this.place, this.player);
    }
    return this.made;
  }

  drawList() {
    fill(this.list, this.done.map((render) => h("li", { class: render === this.heard ? "heard" : "" },
      button(render.source.name, `Hear ${render.source.name}`, () => this.hear(render, true), {
        "aria-pressed": String(render === this.heard), class: "toggle" }),
      button("settings back", `Set the console as it was for ${render.source.name}`,
        () => this.state.restore(render.snapshot), { class: "quiet" }))));
  }

  close() {
    this.running?.abort();
    this.player?.pause();
    this.player?.context.close();
    fill(this.place);
    this.place.hidden = true; // until there is something to hear
  }
}
