// Curves of equalisers and compressors, computed by the server from the settings as they stand.
import { isAbort, request } from "./api.js";

const MOST_WAITING_MS = 40;

/** Asks for curves of the strips that changed, one request at a time: the last state always is drawn. */
export class Curves extends EventTarget {
  constructor(mix, state) {
    super();
    Object.assign(this, { mix, state, byPlace: new Map(), waiting: new Set(), busy: false });
    state.addEventListener("change", ({ detail }) => this.ask(detail.places ?? state.byPlace.keys()));
  }

  ask(places) {
    for (const place of places) this.waiting.add(place);
    if (!this.busy) this.run();
  }

  async run() {
    this.busy = true;
    while (this.waiting.size) {
      await new Promise((resolve) => setTimeout(resolve, MOST_WAITING_MS));
      const places = [...this.waiting];
      const { section } = this.state;
      this.waiting.clear();
      try {
        const answer = await request(`/api/mixes/${encodeURIComponent(this.mix.id)}/curves`, {
          json: { edits: this.state.edits(), places, section: section ?? 0, console: this.mix.console_file } });
        if (section !== this.state.section) continue; // curves of another section are on their way
        for (const [place, curves] of Object.entries(answer.curves)) this.byPlace.set(place, curves);
        this.dispatchEvent(new CustomEvent("change", { detail: { places: new Set(places) } }));
      } catch (error) {
        if (!isAbort(error)) this.dispatchEvent(new CustomEvent("failure", { detail: error }));
      }
    }
    this.busy = false;
  }

  of(place, label) {
    return this.byPlace.get(place)?.[label] ?? null;
  }
}
