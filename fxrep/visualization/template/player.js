// One clip at a time.
class Player {
  constructor(clips, onChange) {
    this.clips = clips;
    this.onChange = onChange;
    this.playing = -1;
    this.audio = new Audio();
    this.audio.addEventListener("ended", () => this.set(-1));
  }

  has(index) {
    return Object.hasOwn(this.clips, index);
  }

  toggle(index) {
    if (this.playing === index) this.stop();
    else this.play(index);
  }

  play(index) {
    this.audio.pause();
    if (!this.has(index)) return this.set(-1);
    this.audio.src = this.clips[index];
    this.set(index);
    // A newer click makes the older promise fail; only the newest one may say so.
    this.audio.play().catch(() => {
      if (this.playing === index && this.audio.error) this.set(-1);
    });
  }

  stop() {
    this.audio.pause();
    this.set(-1);
  }

  set(index) {
    this.playing = index;
    this.onChange(index);
  }
}
