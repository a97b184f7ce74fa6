// Names of settings and effects as people say them.

const UNITS = /_(db|hz|ms|s|lufs|degrees|percent)$/;
const WORDS = new Map(Object.entries({
  parametric_eq: "equaliser", eq: "EQ", q: "Q", rms: "RMS", stereo_width: "width", noise_shaped_reverb: "room",
  lookahead: "look-ahead", makeup: "make-up", wet: "wet", pan: "pan",
}));

/** "low_shelf_gain_db" becomes "low shelf gain". */
export function settingName(name) {
  const plain = name.replace(UNITS, "");
  return WORDS.get(plain) ?? plain.split("_").map((word) => WORDS.get(word) ?? word).join(" ");
}

export function effectName(label) {
  return WORDS.get(label) ?? label.replaceAll("_", " ");
}
