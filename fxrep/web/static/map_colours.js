// What the colours of the map mean: groups by the server's palette, numbers by its ramp.
import { isDark } from "./theme.js";

const NOTHING = { light: "#a3a3a3", dark: "#6d7278" };
const STEPS = 24;

/**
 * @param {MapPoints} points
 * @returns {{buckets: Int16Array, colours: string[], legend: object}} a colour for every point; the last is for none
 */
export function colourPoints(points) {
  return points.color.kind === "numbers" ? byNumber(points) : byGroup(points);
}

function byGroup({ values, color, count }) {
  const names = color.groups;
  const sizes = names.map(() => 0);
  const buckets = new Int16Array(count).fill(names.length);
  values.forEach((place, index) => {
    if (!Number.isInteger(place) || place < 0 || place >= names.length) return;
    buckets[index] = place;
    sizes[place] += 1;
  });
  const colours = paletteOf(color);
  const groups = names.map((name, place) => ({ name, size: sizes[place], colour: colours[place] }));
  return { buckets, colours: [...colours, nothing()], legend: { kind: "groups", title: color.title, groups } };
}

/** Beyond the outer ticks, which leave out the outermost 2 %, all share a colour: one outlier would flatten the rest. */
function byNumber({ values, color, count }) {
  const low = color.ticks[0]?.[0] ?? 0;
  const high = color.ticks.at(-1)?.[0] ?? 1;
  const span = high - low || 1;
  const buckets = new Int16Array(count).fill(STEPS);
  values.forEach((value, index) => {
    if (!Number.isFinite(value)) return;
    buckets[index] = Math.min(STEPS - 1, Math.max(0, Math.floor(((value - low) / span) * STEPS)));
  });
  const ramp = paletteOf(color);
  const colours = Array.from({ length: STEPS }, (_, step) => along(ramp, step / (STEPS - 1)));
  const ticks = color.ticks.map(([, text]) => text);
  return { buckets, colours: [...colours, nothing()], legend: { kind: "numbers", title: color.title, ticks, ramp } };
}

function paletteOf(color) {
  return isDark() ? color.dark : color.light;
}

function nothing() {
  return isDark() ? NOTHING.dark : NOTHING.light;
}

function along(ramp, share) {
  const place = share * (ramp.length - 1);
  const first = Math.min(ramp.length - 2, Math.floor(place));
  const rest = place - first;
  const [one, two] = [ramp[first], ramp[first + 1]].map(parts);
  return `rgb(${one.map((value, channel) => Math.round(value + rest * (two[channel] - value))).join(" ")})`;
}

function parts(hex) {
  return [1, 3, 5].map((place) => Number.parseInt(hex.slice(place, place + 2), 16));
}
