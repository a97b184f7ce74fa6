// What can be heard: songs of the library, uploads, renders and files of a mix, each with where to get it.
import { request } from "./api.js";

/** @returns what the player and the waveforms need of a song */
export function songSource(id, name) {
  return audible(`songs/${encodeURIComponent(id)}`, name, { song: id });
}

export function uploadSource(id, name) {
  return audible(`uploads/${encodeURIComponent(id)}`, name, { upload: id });
}

export function renderSource(id, name) {
  return audible(`renders/${encodeURIComponent(id)}`, name, {});
}

/** A file of a mix, which names its own addresses. */
export function fileSource({ audio, waveform, name }, label = name) {
  return { key: audio, name: label, audio, waveform, reference: {} };
}

function audible(place, name, reference) {
  return { key: place, name, audio: `/api/audio/${place}`, waveform: `/api/waveforms/${place}`, reference };
}

const waveforms = new Map();

/** Peaks, duration and loudness of a source, asked for once. */
export function waveformOf(source, points = 1200) {
  const key = `${source.key}?${points}`;
  if (!waveforms.has(key)) {
    const asked = request(`${source.waveform}?points=${points}`);
    asked.catch(() => waveforms.delete(key)); // the next one may try again
    waveforms.set(key, asked);
  }
  return waveforms.get(key);
}
