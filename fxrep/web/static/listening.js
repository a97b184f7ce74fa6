// What is heard on the page of the library: one song, or query and hit side by side.
import { Player } from "./player.js";
import { songSource } from "./sources.js";
import { Transport } from "./transport.js";

/** Tells "play" {song} when another recording is opened. */
export class Listening extends EventTarget {
  constructor(place, query) {
    super();
    this.place = place;
    this.query = query;
    this.player = null;
    this.hit = null;
  }

  /** The player is made by the first press: before it, browsers let nothing sound. */
  get transport() {
    if (!this.made) {
      this.player = new Player();
      this.made = new Transport(this.place, this.player);
    }
    return this.made;
  }

  /** Plays one recording from a time in it. */
  hear(source, seconds = source.part?.start_s ?? 0) {
    this.hit = null;
    this.tell(source.reference.song);
    return this.transport.open([{ ...source, start_s: 0 }], { at: seconds });
  }

  /** Plays a hit from its matched window, or from a time in it. */
  playHit(hit, seconds = null) {
    this.hit = hit;
    this.tell(hit.song_id);
    const start = hit.start_s ?? 0;
    return this.transport.open([{ ...songSource(hit.song_id, hit.name), start_s: start }], {
      at: seconds === null ? 0 : seconds - start, window_s: hit.duration_s ?? null,
    });
  }

  /** Query and hit at once, both from their matched windows; the hit is heard first. */
  compare(hit = this.hit) {
    const query = this.query.main;
    if (!hit || !query) return undefined;
    this.hit = hit;
    this.tell(hit.song_id);
    const length = Math.min(hit.duration_s ?? Infinity, hit.query_duration_s ?? hit.duration_s ?? Infinity);
    return this.transport.open([
      { ...query, start_s: hit.query_start_s ?? 0, letter: "A" },
      { ...songSource(hit.song_id, hit.name), start_s: hit.start_s ?? 0, letter: "B" },
    ], { side: 1, window_s: Number.isFinite(length) ? length : null });
  }

  /** Hears A (0) or B (1); from a hit alone it goes to the comparison. */
  async side(place) {
    if (!this.player) return;
    if (this.player.sources.length < 2 && this.hit) {
      const position = this.player.position;
      await this.compare();
      this.player.seek(position);
    }
    this.transport.hear(place);
  }

  tell(song) {
    this.dispatchEvent(new CustomEvent("play", { detail: { song } }));
  }
}
