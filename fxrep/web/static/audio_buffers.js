// Decoded audio, kept while there is room: A/B listening needs whole recordings at hand, sample by sample.
import { bytesOf, ServerError } from "./api.js";

const ROOM_BYTES = 700e6;

export class AudioBuffers {
  /** @param {BaseAudioContext} context decodes, and to its rate */
  constructor(context, room = ROOM_BYTES) {
    this.context = context;
    this.room = room;
    this.kept = new Map(); // by key, the one used longest ago first
  }

  /** The decoded recording of a source. */
  async get(source, signal) {
    const known = this.kept.get(source.key);
    if (known) {
      this.kept.delete(source.key);
      this.kept.set(source.key, known);
      return known;
    }
    const bytes = await bytesOf(source.audio, signal);
    let buffer;
    try {
      buffer = await this.context.decodeAudioData(bytes);
    } catch {
      throw new ServerError(`${source.name}: this browser cannot decode it; convert it to FLAC or WAV.`);
    }
    this.kept.set(source.key, buffer);
    this.makeRoom();
    return buffer;
  }

  makeRoom() {
    const size = (buffer) => buffer.length * buffer.numberOfChannels * 4;
    let used = [...this.kept.values()].reduce((sum, buffer) => sum + size(buffer), 0);
    for (const [key, buffer] of this.kept) {
      if (used <= this.room || this.kept.size <= 2) return;
      this.kept.delete(key);
      used -= size(buffer);
    }
  }
}
