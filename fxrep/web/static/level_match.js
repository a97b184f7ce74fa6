// By how much each of several recordings is turned up or down to be heard at one loudness.

/** Where they meet unless one of them cannot be brought there without clipping. */
export const TARGET_LUFS = -20;
const QUIETEST_LUFS = -70; // BS.1770's absolute gate: below it there is nothing to match
const CEILING_DB = -0.5;

/**
 * @param {Array<{loudness: number|null, peak: number|null}>} recordings integrated loudness in LUFS, sample peak 0 to 1
 * @returns {Array<number>} gains in dB; 0 for what is silent or was not measured
 */
export function matchGains(recordings) {
  const heard = recordings.map(({ loudness }) => Number.isFinite(loudness) && loudness > QUIETEST_LUFS);
  const reach = recordings.map(({ loudness, peak }) => {
    const headroom = peak > 0 ? CEILING_DB - 20 * Math.log10(peak) : 0;
    return loudness + Math.max(0, headroom);
  });
  const target = Math.min(TARGET_LUFS, ...reach.filter((_, place) => heard[place]));
  return recordings.map(({ loudness }, place) => (heard[place] ? target - loudness : 0));
}

export function toFactor(gainDb) {
  return 10 ** (gainDb / 20);
}
