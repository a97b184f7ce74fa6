// How numbers are written for people.

/** Seconds as 1:02.5 or 1:02. */
export function time(seconds, digits = 0) {
  if (!Number.isFinite(seconds)) return "–";
  const sign = seconds < 0 ? "−" : "";
  const factor = 10 ** digits;
  const rounded = Math.round(Math.abs(seconds) * factor) / factor;
  const rest = (rounded % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return `${sign}${Math.floor(rounded / 60)}:${rest}`;
}

/** A number with its unit, as short as its size allows; None is off. */
export function quantity(value, unit = "") {
  if (value === null || value === undefined) return "off";
  if (value === -Infinity || (unit === "dB" && value <= -100)) return "−∞ dB";
  if (unit === "Hz" && Math.abs(value) >= 1000) return `${plain(value / 1000, 2)} kHz`;
  if (unit === "ms" && Math.abs(value) >= 1000) return `${plain(value / 1000, 2)} s`;
  return unit ? `${plain(value, digitsFor(value, unit))} ${unit}` : plain(value, 2);
}

/** Positive values get their plus: for gains and differences. */
export function signed(value, unit = "", digits = 1) {
  const text = plain(Math.abs(value), digits);
  const sign = Number(text) === 0 ? "" : value < 0 ? "−" : "+";
  return `${sign}${text}${unit ? ` ${unit}` : ""}`;
}

const UNITS = [[/_lufs$/, "LUFS"], [/_lu$/, "LU"], [/_db$/, "dB"], [/_hz$/, "Hz"], [/_s$/, "s"], [/_bpm$/, "BPM"]];

/** A piece of metadata as [name, value]: "loudness_lufs", -9.21 is ["loudness", "−9.2 LUFS"]. */
export function entry(key, value) {
  const [ending, unit] = UNITS.find(([pattern]) => pattern.test(key) && typeof value === "number") ?? [/$^/, ""];
  const name = key.replace(ending, "").replaceAll("_", " ");
  return [name, unit ? `${plain(value, 1)} ${unit}` : metadataText(value)];
}

function metadataText(value) {
  if (Array.isArray(value)) return value.map(metadataText).join(", ");
  if (typeof value === "number") return plain(value, 2);
  return value === null || value === undefined ? "" : String(value);
}

export function bytes(count) {
  const mega = count / 1e6;
  return mega >= 1000 ? `${plain(mega / 1000, 1)} GB` : `${plain(mega, mega < 10 ? 1 : 0)} MB`;
}

export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

function plain(value, digits) {
  const text = value.toFixed(digits);
  const short = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  return (short === "-0" ? "0" : short).replace("-", "−");
}

function digitsFor(value, unit) {
  if (unit === "dB") return 1;
  const size = Math.abs(value);
  return size >= 100 ? 0 : size >= 10 ? 1 : 2;
}
