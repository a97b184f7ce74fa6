// Two ways of sounding: a buffer that starts on a sample, and a stream that starts at once.
// Both play from `at` seconds of the recording into `output`.

/** Plays decoded audio; several that are started with the same `when` stay together to the sample. */
export class BufferVoice {
  constructor(context, buffer, output) {
    this.context = context;
    this.buffer = buffer;
    this.output = output;
    this.node = null;
  }

  /**
   * @param {number} when seconds of the context
   * @param {number} at seconds of the recording; below 0 there is silence first
   * @param {{start: number, end: number}|null} loop seconds of the recording
   */
  start(when, at, loop = null) {
    this.stop();
    if (at >= this.buffer.duration && !loop) return;
    this.node = new AudioBufferSourceNode(this.context, { buffer: this.buffer });
    if (loop) Object.assign(this.node, { loop: true, loopStart: Math.max(0, loop.start), loopEnd: loop.end });
    this.node.connect(this.output);
    this.node.start(when + Math.max(0, -at), Math.max(0, at));
  }

  stop() {
    this.node?.stop();
    this.node?.disconnect();
    this.node = null;
  }

  get duration() {
    return this.buffer.duration;
  }
}

/** Plays while it loads, for one recording by itself. */
export class StreamVoice {
  constructor(context, source, output, onError) {
    this.element = new Audio();
    this.element.preload = "auto";
    this.element.src = source.audio;
    this.loop = null;
    this.closed = false;
    this.node = context.createMediaElementSource(this.element);
    this.node.connect(output);
    this.element.addEventListener("error", () => {
      if (!this.closed) onError(new Error(`${source.name} cannot be played: it may be gone from the library; reload.`));
    });
    this.element.addEventListener("timeupdate", () => {
      if (this.loop && this.element.currentTime >= this.loop.end) this.element.currentTime = this.loop.start;
    });
  }

  start(_when, at, loop = null) {
    this.loop = loop;
    this.element.currentTime = Math.max(0, at);
    this.element.play().catch(() => {}); // "error" tells what is wrong; being stopped before it began is nothing
  }

  stop() {
    this.element.pause();
  }

  close() {
    this.closed = true;
    this.stop();
    this.element.removeAttribute("src");
    this.element.load();
    this.node.disconnect();
  }

  get at() {
    return this.element.currentTime;
  }

  get duration() {
    return this.element.duration;
  }
}
