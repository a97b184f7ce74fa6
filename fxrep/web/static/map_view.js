// The canvas of the map: where points are on the screen, and what of it is in view.
import { paintMap } from "./map_painting.js";

const SIDES = 34; // free around the points at first, in pixels
const ENDS = 44; // more above: there are names
const EDGE = 24; // a point that is nearer to the side of the canvas is out of view: less than what is free at first
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

export class MapView {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.points = null;
    this.colouring = null;
    this.hiddenBuckets = new Set();
    this.matches = null; // a Set of indices; all others are dimmed
    this.selection = new Set();
    this.hits = []; // indices, best first
    this.places = []; // what is looked for: [{name, unlike, song}] or [{name, unlike, x, y}]
    this.current = -1;
    this.hovered = -1;
    this.lasso = null;
    this.fit(false);
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  show(points, colouring) {
    Object.assign(this, { points, colouring, stamps: null });
    this.draw();
  }

  resize() {
    this.ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = Math.round(this.width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
    this.stamps = null;
    this.paint(); // at once: a canvas that changed its size is empty
  }

  /** Pixels for a unit of the map. */
  get unit() {
    const { reachX, reachY } = this.points?.frame ?? { reachX: 1, reachY: 1 };
    return this.scale * Math.max(1, Math.min((this.width / 2 - SIDES) / reachX, (this.height / 2 - ENDS) / reachY));
  }

  toScreen(x, y) {
    return [this.width / 2 + (x - this.centre.x) * this.unit, this.height / 2 - (y - this.centre.y) * this.unit];
  }

  toMap(x, y) {
    return [this.centre.x + (x - this.width / 2) / this.unit, this.centre.y - (y - this.height / 2) / this.unit];
  }

  /** Radius of a point in pixels: less where there are many. */
  get radius() {
    const count = this.points?.count ?? 0;
    const alone = count > 20000 ? 1.8 : count > 4000 ? 2.4 : count > 400 ? 3.8 : 6;
    return Math.min(9, alone * Math.sqrt(this.scale));
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const before = this.toMap(x, y);
    this.scale = Math.min(400, Math.max(0.6, this.scale * factor));
    const after = this.toMap(x, y);
    this.stamps = null;
    this.pan(before[0] - after[0], before[1] - after[1]);
  }

  pan(dx, dy) {
    this.centre = { x: this.centre.x + dx, y: this.centre.y + dy };
    this.draw();
  }

  fit(draw = true) {
    this.scale = 1;
    this.centre = { x: 0, y: 0 };
    this.stamps = null;
    if (draw) this.draw();
  }

  /** Brings a point into view, gliding where motion is welcome; the map moves no further than that takes. */
  reveal(index) {
    const [x, y] = this.toScreen(this.points.x[index], this.points.y[index]);
    const beyond = (at, size, edge) => Math.min(0, at - edge) + Math.max(0, at - (size - edge));
    if (!beyond(x, this.width, EDGE) && !beyond(y, this.height, EDGE)) return this.draw();
    const room = Math.min(60, this.width / 5);
    return this.glide({ x: this.centre.x + beyond(x, this.width, room) / this.unit,
      y: this.centre.y - beyond(y, this.height, room) / this.unit });
  }

  glide(target) {
    if (STILL.matches) {
      this.centre = target;
      return this.draw();
    }
    const from = this.centre;
    const began = performance.now();
    const step = (now) => {
      const share = Math.min(1, (now - began) / 220);
      const eased = 1 - (1 - share) ** 3;
      this.centre = { x: from.x + (target.x - from.x) * eased, y: from.y + (target.y - from.y) * eased };
      this.paint();
      if (share < 1) requestAnimationFrame(step);
    };
    return requestAnimationFrame(step);
  }

  isVisible(index) {
    return !this.hiddenBuckets.has(this.colouring.buckets[index]);
  }

  /** The visible point under a place on the screen, or -1. */
  at(x, y) {
    if (!this.points) return -1;
    const [mapX, mapY] = this.toMap(x, y);
    const index = this.points.nearest(mapX, mapY, Math.max(12, this.radius + 5) / this.unit);
    return index >= 0 && this.isVisible(index) ? index : -1;
  }

  /** Indices in view. */
  inView() {
    const [left, top] = this.toMap(0, 0);
    const [right, bottom] = this.toMap(this.width, this.height);
    return this.points.inside([[left, top], [right, top], [right, bottom], [left, bottom]])
      .filter((index) => this.isVisible(index));
  }

  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  paint() {
    if (this.width) paintMap(this);
  }
}
