// What is set on the console: the mix as it was saved, what was changed since, and the way back.

const GESTURE_MS = 700; // changes of one control within this are one step of undo, as are all of one drag
const SHARED = "input_gain_db"; // the one setting that is the same in all sections
const ALL = "all";

let heldSince = Infinity; // when a finger or the button of the mouse went down, if it still is
document.addEventListener("pointerdown", () => { heldSince = performance.now(); }, true);
for (const ending of ["pointerup", "pointercancel"]) document.addEventListener(ending, () => { heldSince = Infinity; }, true);

/** Tells "change" {places: Set|null} whenever a setting, or the section that is shown, changed; null is all. */
export class ConsoleState extends EventTarget {
  /** @param {object} mix of /api/mixes/ID */
  constructor(mix) {
    super();
    this.strips = mix.strips;
    this.byPlace = new Map(mix.strips.map((strip) => [strip.place, strip]));
    this.values = new Map(); // by place, path and section
    const sections = [mix.console, ...mix.section_consoles];
    sections.forEach((settings, section) => mix.strips.forEach((strip) => this.readStrip(strip, settings, section)));
    this.count = sections.length;
    this.section = null; // the one that is shown and changed; null: the first is shown, all are changed
    this.saved = new Map(this.values);
    this.undone = [];
    this.done = [];
  }

  readStrip(strip, settings, section) {
    const own = { track: settings.tracks, group: settings.groups, bus: settings.buses }[strip.kind];
    const values = strip.kind === "master" ? settings.master : own[strip.name];
    for (const { label, settings: parameters } of strip.effects) {
      for (const { name, default: usual } of parameters) {
        const value = values[label]?.[name] ?? (usual === null ? null : usual);
        this.values.set(key(strip.place, `${label}.${name}`, section), value);
      }
    }
    for (const bus of strip.sends ?? []) {
      this.values.set(key(strip.place, `sends.${bus}`, section), settings.sends[strip.name]?.[bus] ?? -100);
    }
    if (strip.kind === "track" && Number.isFinite(strip.input_gain_db)) {
      this.values.set(key(strip.place, SHARED, ALL), strip.input_gain_db);
    }
  }

  /** Shows another section, and changes it alone; null shows the first and changes all. */
  show(section) {
    this.section = section;
    this.dispatchEvent(new CustomEvent("change", { detail: { places: null } }));
  }

  get(place, path) {
    return this.values.get(key(place, path, path === SHARED ? ALL : this.section ?? 0));
  }

  set(place, path, value) {
    this.setSeveral(place, [[path, value]]);
  }

  /** Several changes as one step: [[path, value]]. */
  setSeveral(place, changes) {
    this.apply(changes.flatMap(([path, value]) => this.sectionsOf(path).map((section) => (
      { at: key(place, path, section), after: value }))));
  }

  /** Where a setting is changed. */
  sectionsOf(path) {
    if (path === SHARED) return [ALL];
    return this.section === null ? Array.from({ length: this.count }, (_, section) => section) : [this.section];
  }

  /** Whether what is called `at` belongs to a strip, or to any, in the section that is shown. */
  isShown(at, place = null) {
    const [where, , section] = at.split("\n");
    return (place === null || where === place) && (this.section === null || section === ALL || Number(section) === this.section);
  }

  /** Puts a strip back to how the mix was saved; without a place all of them. */
  reset(place = null) {
    const mine = [...this.saved].filter(([at]) => this.isShown(at, place));
    this.apply(mine.map(([at, after]) => ({ at, after })), false);
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
    const sameGesture = last?.name === name && (last.when >= heldSince || now - last.when < GESTURE_MS);
    if (gathers && sameGesture) {
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
    return [...this.values].some(([at, value]) => this.isShown(at, place) && this.saved.get(at) !== value);
  }

  /** Whether something of a strip is not the same in all sections. */
  differs(place) {
    return [...this.values].some(([at, value]) => {
      const [where, path, section] = at.split("\n");
      return where === place && section !== ALL && value !== this.values.get(key(place, path, 0));
    });
  }

  /** What the server is told: every setting that differs from the saved mix; one edit where all sections get the same. */
  edits() {
    const bySetting = new Map();
    for (const [at, value] of this.values) {
      const [place, path, section] = at.split("\n");
      const name = key(place, path, ALL);
      if (!bySetting.has(name)) bySetting.set(name, { place, path, now: [] });
      bySetting.get(name).now.push({ section, value, changed: this.saved.get(at) !== value });
    }
    return [...bySetting.values()].flatMap(({ place, path, now }) => {
      const changed = now.filter((one) => one.changed);
      if (!changed.length) return [];
      if (now.every(({ value }) => value === now[0].value)) return [{ place, path, value: now[0].value }];
      return changed.map(({ section, value }) => ({ place, path, value, section: Number(section) }));
    });
  }

  tell(changes) {
    const places = new Set(changes.map(({ at }) => at.split("\n")[0]));
    this.dispatchEvent(new CustomEvent("change", { detail: { places } }));
  }
}

/** Places may hold dots and colons, but no line ends. */
function key(place, path, section) {
  return `${place}\n${path}\n${section}`;
}
