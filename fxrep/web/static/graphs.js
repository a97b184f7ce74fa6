// Axes of the pictures of an equaliser and a compressor, and the lines in them.

export const EQ = { low: 20, high: 20000, range: 18 }; // Hz, and dB up and down
export const LEVEL = { low: -60, high: 0 }; // dBFS

export function eqX(hertz, width) {
  return (Math.log(hertz / EQ.low) / Math.log(EQ.high / EQ.low)) * width;
}

export function eqHertz(x, width) {
  return EQ.low * (EQ.high / EQ.low) ** (x / width);
}

export function eqY(decibels, height) {
  return height / 2 - (decibels / EQ.range) * (height / 2);
}

export function eqGain(y, height) {
  return ((height / 2 - y) / (height / 2)) * EQ.range;
}

export function levelX(decibels, size) {
  return ((decibels - LEVEL.low) / (LEVEL.high - LEVEL.low)) * size;
}

/** The path of a line through points of two columns. */
export function linePath(xs, ys, toX, toY) {
  return xs.map((x, place) => `${place ? "L" : "M"}${toX(x).toFixed(1)} ${toY(ys[place]).toFixed(1)}`).join("");
}

export function eqPath({ frequency_hz: hertz, magnitude_db: gains }, width, height) {
  const limit = EQ.range * 1.15; // a deep cut leaves the picture, but not the page
  return linePath(hertz, gains.map((gain) => Math.max(-limit, Math.min(limit, gain))), (one) => eqX(one, width),
    (one) => eqY(one, height));
}

export function levelPath({ input_db: input, output_db: output }, size) {
  return linePath(input, output, (one) => levelX(one, size), (one) => size - levelX(one, size));
}
