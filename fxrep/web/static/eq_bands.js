// Which settings of an equaliser belong together: NAME_hz with NAME_gain_db and NAME_q is a band, NAME_hz alone a filter.

/** @param {Array<Parameter>} settings of one effect */
export function bandsOf(settings) {
  const byName = new Map(settings.map((parameter) => [parameter.name, parameter]));
  return settings.filter(({ name }) => name.endsWith("_hz")).map((frequency) => {
    const stem = frequency.name.slice(0, -3);
    return { name: stem.replaceAll("_", " "), frequency, gain: byName.get(`${stem}_gain_db`) ?? null,
      q: byName.get(`${stem}_q`) ?? null };
  });
}

/** Whether an effect is drawn as an equaliser: it has bands with gains. */
export function isEqualizer({ settings }) {
  return bandsOf(settings).some(({ gain }) => gain !== null);
}

/** Whether it is drawn as a compressor. */
export function isCompressor({ settings }) {
  const names = settings.map(({ name }) => name);
  return names.includes("threshold_db") && names.includes("ratio");
}
