// The points as the page uses them, from columns that name every file once.
MAP.points = MAP.x.map((x, index) => ({
  x,
  y: MAP.y[index],
  label: MAP.labels[index],
  path: MAP.files[MAP.file[index]],
  metadata: MAP.details[MAP.file[index]],
  start: MAP.start[index],
  cluster: MAP.cluster[index],
  near: MAP.near[index],
  similarity: MAP.similarity[index],
}));

const isDark = () => document.documentElement.dataset.theme === "dark";

// What the points are coloured by.
class Coloring {
  constructor(source) {
    Object.assign(this, source);
    this.hidden = new Set();
    if (this.kind === "numbers") {
      const ends = this.ticks.map(([value]) => value);
      this.low = Math.min(...ends);
      this.high = Math.max(...ends);
    }
  }

  get palette() {
    return isDark() ? this.dark : this.light;
  }

  isVisible(index) {
    return this.kind === "numbers" || !this.hidden.has(this.values[index]);
  }

  colour(index) {
    const value = this.values[index];
    if (this.kind === "groups") return this.palette[value];
    return value === null ? (isDark() ? "#4a4f55" : "#cfcfcb") : this.ramp(value);
  }

  ramp(value) {
    const span = this.high > this.low ? (value - this.low) / (this.high - this.low) : 0.5;
    const place = Math.min(0.9999, Math.max(0, span)) * (this.palette.length - 1);
    const [from, to] = [this.palette[Math.floor(place)], this.palette[Math.floor(place) + 1]];
    const part = place - Math.floor(place);
    const mixed = [1, 3, 5].map((at) => {
      const [a, b] = [from, to].map((colour) => parseInt(colour.slice(at, at + 2), 16));
      return Math.round(a + (b - a) * part);
    });
    return `rgb(${mixed.join(",")})`;
  }

  text(index) {
    const value = this.values[index];
    if (this.kind === "groups") return this.groups[value];
    return value === null ? "not measured or given" : this.shown(value);
  }

  // In the unit of the legend where that is the number itself.
  shown(value) {
    const unit = /^-?[\d.]+ (dB|LUFS)$/.exec(this.ticks[0][1]);
    if (unit) return `${value.toFixed(1)} ${unit[1]}`;
    if (this.ticks[0][1].endsWith("Hz")) return value > 9.97 ? `${(2 ** value / 1000).toFixed(1)} kHz` : `${Math.round(2 ** value)} Hz`;
    if (this.ticks[0][1].endsWith(" s")) return `${(2 ** value).toPrecision(2)} s`;
    if (this.ticks[0][1].endsWith(" %")) return `${Math.round(100 * value)} %`;
    return String(value);
  }
}

MAP.colorings = MAP.colorings.map((source) => new Coloring(source));
