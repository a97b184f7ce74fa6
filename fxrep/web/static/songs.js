// What is known of songs, asked for once.
import { request } from "./api.js";

const known = new Map();
const MOST_AT_ONCE = 100;

/** Name, path, duration, metadata and facts of a song. */
export function songInfo(id) {
  if (!known.has(id)) {
    const asked = request(`/api/songs/${encodeURIComponent(id)}`);
    asked.catch(() => known.delete(id));
    known.set(id, asked);
  }
  return known.get(id);
}

/** The same of several. */
export async function songInfos(ids) {
  const missing = ids.filter((id) => !known.has(id));
  for (let first = 0; first < missing.length; first += MOST_AT_ONCE) {
    const part = missing.slice(first, first + MOST_AT_ONCE);
    const answer = await request(`/api/songs?ids=${part.map(encodeURIComponent).join(",")}&limit=${part.length}`);
    answer.songs.forEach((song) => known.set(song.id, Promise.resolve(song)));
  }
  return Promise.all(ids.map(songInfo));
}

/** Songs whose name or metadata hold a text. */
export function findSongs(text, signal, limit = 12) {
  return request(`/api/songs?text=${encodeURIComponent(text)}&limit=${limit}`, { signal });
}

/** What a list says of a song under its name: the artist, or else the folder it lies in. */
export function byline({ metadata = {}, facts = {}, path = "" }) {
  const artist = metadata.artist ?? facts.artist;
  const album = metadata.album ?? facts.album;
  const told = [artist, album].filter(Boolean).map(String);
  return told.length ? told.join(" · ") : path.split("/").slice(0, -1).join("/");
}
