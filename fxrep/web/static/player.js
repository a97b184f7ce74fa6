// Plays one recording, or several at once of which one is heard: A/B listening without a gap.
//
// Every recording has a place `start_s` in it; the time of the player is counted from there. All voices start at the
// same moment and run on, so switching changes gains only, over a short cross-fade, and stays on the same sample.
import { AudioBuffers } from "./audio_buffers.js";
import { matchGains, toFactor } from "./level_match.js";
import { BufferVoice, StreamVoice } from "./voices.js";

export const FADE_S = 0.02;
const AHEAD_S = 0.03; // between the call and the first sample: all voices are scheduled by then

export class Player extends EventTarget {
  /** @param {BaseAudioContext} context a test gives an offline one */
  constructor(context = new AudioContext({ latencyHint: "interactive" })) {
    super();
    this.context = context;
    this.buffers = new AudioBuffers(context);
    this.sources = [];
    this.voices = [];
    this.side = 0;
    this.matched = true;
    this.loop = null; // {start, end} in the time of the player
    this.playing = false;
    this.startedAt = 0;
    this.from = 0;
    this.loading = null;
  }

  /**
   * Sets what is heard; stops what was.
   *
   * @param {Array<{key, name, audio, start_s, loudness, peak}>} sources one streams, several are decoded first
   * @param {{side?: number, loop?: object|null}} options
   */
  async load(sources, { side = 0, loop = null } = {}) {
    this.pause();
    this.loading?.abort();
    const loading = new AbortController();
    this.loading = loading;
    this.clear();
    Object.assign(this, { sources, side, loop, from: 0 });
    this.tell("loading");
    try {
      await this.makeVoices(sources, loading.signal);
    } finally {
      if (this.loading === loading) this.loading = null;
    }
    this.setGains(this.context.currentTime);
    this.tell("change");
  }

  async makeVoices(sources, signal) {
    const streams = sources.length === 1;
    const buffers = streams ? [] : await Promise.all(sources.map((one) => this.buffers.get(one, signal)));
    signal.throwIfAborted();
    this.voices = sources.map((source, place) => {
      const level = new GainNode(this.context);
      const heard = new GainNode(this.context, { gain: 0 });
      level.connect(heard).connect(this.context.destination);
      const voice = streams ? new StreamVoice(this.context, source, level, (error) => this.fail(error))
        : new BufferVoice(this.context, buffers[place], level);
      return { voice, level, heard };
    });
    if (streams) this.voices[0].voice.element.addEventListener("ended", () => this.pause());
  }

  clear() {
    for (const { voice, level, heard } of this.voices) {
      voice.stop();
      voice.close?.();
      level.disconnect();
      heard.disconnect();
    }
    this.voices = [];
  }

  /** Plays on, or from a time. */
  async play(from = this.position) {
    if (!this.voices.length) return;
    if (this.context.state === "suspended" && this.context.resume && !(this.context instanceof OfflineAudioContext)) {
      await this.context.resume();
    }
    this.from = from;
    this.startedAt = this.context.currentTime + AHEAD_S;
    this.voices.forEach(({ voice }, place) => {
      const start = this.sources[place].start_s ?? 0;
      const loop = this.commonLoop && { start: start + this.commonLoop.start, end: start + this.commonLoop.end };
      voice.start(this.startedAt, start + from, loop);
    });
    this.playing = true;
    this.tell("change");
  }

  pause() {
    if (!this.playing) return;
    this.from = this.position;
    this.playing = false;
    for (const { voice } of this.voices) voice.stop();
    this.tell("change");
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  /** Goes to a time, playing on if it played. */
  seek(position) {
    const target = Math.min(this.end, Math.max(this.begin, position));
    if (this.playing) this.play(target);
    else this.from = target;
    this.tell("change");
  }

  /** Hears another of the recordings, at the same time in it. */
  switchTo(side) {
    if (side < 0 || side >= this.sources.length || side === this.side) return;
    this.side = side;
    this.setGains(this.context.currentTime, FADE_S);
    this.tell("change");
  }

  setMatched(matched) {
    this.matched = matched;
    this.setGains(this.context.currentTime, FADE_S);
    this.tell("change");
  }

  /** Loops the time from start to end, or stops looping. */
  setLoop(loop) {
    const position = this.position;
    this.loop = loop;
    if (this.playing) this.play(loop && (position < loop.start || position >= loop.end) ? loop.start : position);
    this.tell("change");
  }

  /** In dB, by recording; zeros where levels are not matched. */
  get gains() {
    return this.matched ? matchGains(this.sources) : this.sources.map(() => 0);
  }

  setGains(when, fade = 0) {
    this.gains.forEach((gain, place) => {
      const nodes = this.voices[place];
      if (!nodes) return;
      ramp(nodes.level.gain, toFactor(gain), when, fade);
      ramp(nodes.heard.gain, place === this.side ? 1 : 0, when, fade);
    });
  }

  /** Seconds from the place `start_s` of each recording. */
  get position() {
    if (!this.playing) return this.from;
    const { voice } = this.voices[0];
    if (voice instanceof StreamVoice) return voice.at - (this.sources[0].start_s ?? 0);
    const now = this.from + Math.max(0, this.context.currentTime - this.startedAt);
    const loop = this.commonLoop;
    return !loop || now < loop.end ? now : loop.start + ((now - loop.start) % (loop.end - loop.start));
  }

  /** The loop where all recordings have something: loops of different lengths would run apart. */
  get commonLoop() {
    if (!this.loop) return null;
    const starts = this.sources.map((source) => -(source.start_s ?? 0));
    const ends = this.voices.map(({ voice }, place) => voice.duration + starts[place]).filter(Number.isFinite);
    const loop = { start: Math.max(this.loop.start, ...starts), end: Math.min(this.loop.end, ...ends) };
    return loop.end - loop.start > 2 * FADE_S ? loop : null;
  }

  get begin() {
    return Math.min(0, ...this.sources.map((source) => -(source.start_s ?? 0)));
  }

  get end() {
    return Math.max(0, ...this.voices.map((_, place) => this.spanOf(place).end));
  }

  /** From where to where a recording goes. */
  spanOf(place) {
    const begin = -(this.sources[place].start_s ?? 0);
    const { duration } = this.voices[place].voice; // a stream knows its own only after it began to load
    return { begin, end: begin + (Number.isFinite(duration) ? duration : this.sources[place].shape?.duration_s ?? 0) };
  }

  /** Stops at the end; called while the time is shown. */
  checkEnd() {
    if (this.playing && !this.loop && this.sources.length > 1 && this.position >= this.end) {
      this.pause();
      this.from = 0;
    }
  }

  fail(error) {
    this.pause();
    this.dispatchEvent(new CustomEvent("failure", { detail: error }));
  }

  tell(name) {
    this.dispatchEvent(new Event(name));
  }
}

function ramp(parameter, value, when, fade) {
  if (!fade) {
    parameter.setValueAtTime(value, when);
    return;
  }
  parameter.cancelScheduledValues(when);
  parameter.setValueAtTime(parameter.value, when); // a ramp begins where the last event was: here
  parameter.linearRampToValueAtTime(value, when + fade);
}
