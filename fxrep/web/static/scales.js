// Where a value stands on a control, and by how much a key moves it.

// A fader's travel as on a desk: most of it where mixing happens. [dB, share of the way]
const FADER_LAW = [[-100, 0], [-60, 0.08], [-40, 0.2], [-20, 0.43], [-10, 0.6], [0, 0.8], [12, 1]];
const BOTTOM_DB = -90;
const SEMITONE = 2 ** (1 / 12);

/** @typedef {{name, unit, low, high, scale: "linear"|"log"|"db", default: number|null}} Parameter */

function isFader({ scale, low, high }) {
  return scale === "db" && low <= BOTTOM_DB && high > 0;
}

/** From 0, the low end, to 1. */
export function positionOf(parameter, value) {
  const { low, high, scale } = parameter;
  const inside = Math.min(high, Math.max(low, value));
  if (isFader(parameter)) return along(FADER_LAW, inside, 0, 1);
  return scale === "log" ? Math.log(inside / low) / Math.log(high / low) : (inside - low) / (high - low);
}

export function valueAt(parameter, position) {
  const { low, high, scale } = parameter;
  const share = Math.min(1, Math.max(0, position));
  if (isFader(parameter)) return tidy(parameter, along(FADER_LAW, share, 1, 0));
  return tidy(parameter, scale === "log" ? low * (high / low) ** share : low + share * (high - low));
}

/** The value one step of a key further; fine steps are a tenth to a fifth of it. */
export function stepped(parameter, value, direction, fine = false) {
  const { low, high, scale, unit } = parameter;
  if (isFader(parameter) && value <= BOTTOM_DB) return direction > 0 ? -60 : low;
  if (isFader(parameter) && value <= -60 && direction < 0) return low;
  const next = scale === "log" ? value * SEMITONE ** (direction * (fine ? 0.2 : 1))
    : value + direction * (unit === "dB" ? (fine ? 0.1 : 0.5) : ((high - low) / 40) * (fine ? 0.2 : 1));
  return tidy(parameter, Math.min(high, Math.max(low, next)));
}

/** Where something that was off begins when it is switched on: where it does little. */
export function firstValue(parameter) {
  const { name, low, high } = parameter;
  const wanted = /high_pass/.test(name) ? 40 : /low_pass/.test(name) ? 16000 : /ceiling/.test(name) ? -1
    : valueAt(parameter, 0.25);
  return Math.min(high, Math.max(low, wanted));
}

/** No more digits than are heard, and never out of the range. */
export function tidy({ unit, scale, low, high }, value) {
  const digits = unit === "dB" ? 1 : unit === "Hz" && value >= 1000 ? -1 : unit === "Hz" ? 0
    : scale === "log" && value >= 10 ? 1 : 2;
  const factor = 10 ** digits;
  return Math.min(high, Math.max(low, Math.round(value * factor) / factor));
}

function along(table, value, from, to) {
  const place = Math.max(1, table.findIndex((row) => value <= row[from]));
  const [one, two] = [table[place - 1], table[place]];
  const share = Math.min(1, Math.max(0, (value - one[from]) / (two[from] - one[from])));
  return one[to] + share * (two[to] - one[to]);
}
