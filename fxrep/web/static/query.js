// What is looked for: songs, parts of songs and uploads to be like, or not to be like, among songs that pass filters.

const MOST_SOURCES = 20;

export class Query extends EventTarget {
  constructor() {
    super();
    this.like = [];
    this.unlike = [];
    this.where = {};
    this.folder = "";
    this.songsOnly = false;
  }

  get isEmpty() {
    return !this.like.length;
  }

  /** The recording that hits are compared with by ear. */
  get main() {
    return this.like[0] ?? null;
  }

  /** Looks for this alone. */
  only(...sources) {
    this.like = sources.slice(0, MOST_SOURCES).map((source) => ({ ...source }));
    this.unlike = [];
    this.tell();
  }

  /** Adds a source to a side, and takes it from the other. */
  add(side, source) {
    this.like = this.like.filter((one) => one.key !== source.key);
    this.unlike = this.unlike.filter((one) => one.key !== source.key);
    this[side] = [...this[side], { ...source }].slice(-MOST_SOURCES);
    this.tell();
  }

  remove(key) {
    this.like = this.like.filter((one) => one.key !== key);
    this.unlike = this.unlike.filter((one) => one.key !== key);
    this.tell();
  }

  clear() {
    this.only();
  }

  /** Only this part of a source counts; null is all of it. */
  setPart(key, part) {
    const source = [...this.like, ...this.unlike].find((one) => one.key === key);
    if (!source) return;
    source.part = part;
    this.tell();
  }

  setFilter({ where = this.where, folder = this.folder, songsOnly = this.songsOnly }) {
    Object.assign(this, { where, folder, songsOnly });
    this.tell();
  }

  /** Hits but for the songs that were named as not wanted; each keeps its `rank` in the search. */
  wanted(hits) {
    const unwanted = new Set(this.unlike.map(({ reference }) => reference.song));
    return hits.map((hit, rank) => ({ ...hit, rank })).filter((hit) => !unwanted.has(hit.song_id));
  }

  /** What /api/searches takes. */
  toRequest(k = 20 + this.unlike.length) {
    const plain = ({ reference, part }) => (
      part ? { ...reference, start_s: part.start_s, duration_s: part.duration_s } : reference
    );
    const request = { like: this.like.map(plain), unlike: this.unlike.map(plain), k, songs_only: this.songsOnly };
    if (Object.keys(this.where).length) request.where = this.where;
    if (this.folder) request.folder = this.folder;
    return request;
  }

  tell() {
    this.dispatchEvent(new Event("change"));
  }
}
