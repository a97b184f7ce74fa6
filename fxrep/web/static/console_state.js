// What is set on the console: the mix as it was saved, what was changed since, and the way back.

const GESTURE_MS = 700; // changes of one control within this are one step of undo

/** Tells "change" {places: Set|null} whenever a setting changed; null is all. */
export class ConsoleState extends EventTarget {
  /** @param {object} mix of /api/mixes/ID */
  constructor(mix) {
    super();
    this.strips = mix.strips;
    this.byPlace = new Map(mix.strips.map((strip) => [strip.place, strip]));
    this.values = new Map(); // "place\npath" to the value
    for (const strip of mix.strips) this.readStrip(strip, mix.console);
    this.saved = new Map(this.values);
    this.undone = [];
    this.done = [];
  }

  readStrip(strip, settings) {
    const own = { track: settings.tracks, group: settings.groups, bus: settings.buses }[strip.kind];
    const values = strip.kind === "master" ? settings.master : own[strip.name];
    for (const { label, settings: parameters } of strip.effects) {
      for (const { name, default: usual } of parameters) {
        this.values.set(key(strip.place, `${label}.${name}`), values[label]?.[name] ?? (usual === null ? null : usual));
      }
    }
    for (const bus of strip.sends ?? []) {
      this.values.set(key(strip.place, `sends.${bus}`), settings.sends[strip.name]?.[bus] ?? -100);
    }
    if (strip.kind === "track" && Number.isFinite(strip.input_gain_db)) {
      this.values.set(key(strip.place, "input_gain_db"), strip.input_gain_db);
    }
  }

  get(place, path) {
    return this.values.get(key(place, path));
  }

  set(place, path, value) {
    this.apply([{ at: key(place, path), after: value }]);
  }

  /** Several changes as one step: [[path, value]]. */
  setSeveral(place, changes) {
    this.apply(changes.map(([path, value]) => ({ at: key(place, path), after: value })));
  }

  /** Puts a strip back to how the mix was saved; without a place all of them. */
  reset(place = null) {
    const mine = (at) => place === null || at.startsWith(`${place}\n`);
    this.apply([...this.saved].filter(([at]) => mine(at)).map(([at, after]) => ({ at, after })), false);
  }

  /** Puts everything to what `snapshot` gave. */
  restore(snapshot) {
    this.apply([...snapshot].map(([at, after]) => ({ at, after })), false);
  }

  snapshot() {
    return new Map(this.values);
  }

  apply(wanted, gathers = true) {
    const changes = wanted.filter(({ at, after }) => this.values.get(at) !== after)
      .map(({ at, after }) => ({ at, before: this.values.get(at), after }));
    if (!changes.length) return;
    for (const { at, after } of changes) this.values.set(at, after);
    const now = performance.now();
    const last = this.done.at(-1);
    const name = wanted.map(({ at }) => at).join("\r");
    if (gathers && last?.name === name && now - last.when < GESTURE_MS) {
      for (const change of changes) {
        const known = last.changes.find(({ at }) => at === change.at);
        if (known) known.after = change.after;
        else last.changes.push(change);
      }
      last.when = now;
    } else {
      this.done.push({ name: gathers ? name : null, when: now, changes });
    }
    this.undone = [];
    this.tell(changes);
  }

  undo() {
    const step = this.done.pop();
    if (!step) return false;
    for (const { at, before } of step.changes) this.values.set(at, before);
    this.undone.push(step);
    this.tell(step.changes);
    return true;
  }

  redo() {
    const step = this.undone.pop();
    if (!step) return false;
    for (const { at, after } of step.changes) this.values.set(at, after);
    this.done.push({ ...step, when: -Infinity });
    this.tell(step.changes);
    return true;
  }

  isChanged(place = null) {
    return [...this.values].some(([at, value]) => (
      (place === null || at.startsWith(`${place}\n`)) && this.saved.get(at) !== value));
  }

  /** What the server is told: every setting that differs from the saved mix. */
  edits() {
    return [...this.values].filter(([at, value]) => this.saved.get(at) !== value).map(([at, value]) => {
      const [place, path] = at.split("\n");
      return { place, path, value };
    });
  }

  tell(changes) {
    const places = new Set(changes.map(({ at }) => at.split("\n")[0]));
    this.dispatchEvent(new CustomEvent("change", { detail: { places } }));
  }
}

/** Places may hold dots and colons, but no line ends. */
function key(place, path) {
  return `${place}\n${path}`;
}
