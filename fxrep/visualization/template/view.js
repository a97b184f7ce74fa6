// The canvas: where points are on the screen, and drawing them.
class MapView {
  constructor(canvas, points) {
    this.canvas = canvas;
    this.points = points;
    this.pen = canvas.getContext("2d");
    this.scale = 1;
    this.bounds = MapView.boundsOf(points);
    this.centre = { ...this.bounds.centre };
    this.coloring = MAP.colorings[0];
    this.cluster = -1;
    this.names = null;
    this.matches = null;
    this.selected = -1;
    this.hovered = -1;
    this.waiting = false;
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.draw();
  }

  // Pixels per unit of the map: at scale 1 all points fit with a margin.
  get unit() {
    const fitting = Math.min((this.width - 56) / this.bounds.width, (this.height - 56) / this.bounds.height);
    return this.scale * Math.max(1, fitting);
  }

  toScreen(point) {
    return [
      this.width / 2 + (point.x - this.centre.x) * this.unit,
      this.height / 2 - (point.y - this.centre.y) * this.unit,
    ];
  }

  toMap(x, y) {
    return {
      x: this.centre.x + (x - this.width / 2) / this.unit,
      y: this.centre.y - (y - this.height / 2) / this.unit,
    };
  }

  radius() {
    const crowded = this.points.length > 2000 ? 2.5 : this.points.length > 300 ? 4 : 6;
    return crowded * Math.min(2, Math.sqrt(this.scale));
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const before = this.toMap(x, y);
    this.scale = Math.min(400, Math.max(0.5, this.scale * factor));
    const after = this.toMap(x, y);
    this.pan(before.x - after.x, before.y - after.y);
  }

  pan(dx, dy) {
    this.centre = { x: this.centre.x + dx, y: this.centre.y + dy };
    this.draw();
  }

  fit() {
    this.scale = 1;
    this.centre = { ...this.bounds.centre };
    this.draw();
  }

  static boundsOf(points) {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const { x, y } of points) {
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [low, high] = [Math.min(low, y), Math.max(high, y)];
    }
    const [width, height] = [Math.max(right - left, 0.1), Math.max(high - low, 0.1)];
    return { width, height, centre: { x: (left + right) / 2, y: (low + high) / 2 } };
  }

  show(index) {
    const [x, y] = this.toScreen(this.points[index]);
    if (x < 20 || y < 20 || x > this.width - 20 || y > this.height - 20) {
      this.centre = { x: this.points[index].x, y: this.points[index].y };
    }
    this.draw();
  }

  isVisible(index) {
    return this.coloring.isVisible(index);
  }

  // The visible point nearest to a place on the screen, or -1 when none is within reach.
  at(x, y, reach = Math.max(10, this.radius() + 4)) {
    let best = -1;
    let nearest = reach * reach;
    this.points.forEach((point, index) => {
      if (!this.isVisible(index)) return;
      const [px, py] = this.toScreen(point);
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance <= nearest) [best, nearest] = [index, distance];
    });
    return best;
  }

  // The nearest visible point in a direction; sideways distance counts double.
  beside(index, dx, dy) {
    const from = this.points[index];
    let best = -1;
    let nearest = Infinity;
    this.points.forEach((point, other) => {
      if (other === index || !this.isVisible(other)) return;
      const along = (point.x - from.x) * dx + (point.y - from.y) * dy;
      const across = Math.abs((point.x - from.x) * dy) + Math.abs((point.y - from.y) * dx);
      const distance = along + 2 * across;
      if (along > 1e-9 && distance < nearest) [best, nearest] = [other, distance];
    });
    return best;
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
    const { pen } = this;
    const style = getComputedStyle(document.documentElement);
    pen.clearRect(0, 0, this.width, this.height);
    this.paintPoints(style.getPropertyValue("--paper"));
    if (this.names) this.names.paint(style);
    if (this.selected >= 0) this.paintNeighbours(style);
    if (this.hovered >= 0) this.ring(this.hovered, style.getPropertyValue("--ink"), 2);
    if (this.selected >= 0) this.ring(this.selected, style.getPropertyValue("--accent"), 5);
  }

  // Dimmed where a search or a cluster leaves a point out.
  isMeant(index) {
    if (this.matches && !this.matches.has(index)) return false;
    return this.cluster < 0 || this.points[index].cluster === this.cluster;
  }

  paintPoints(edge) {
    const { pen } = this;
    const radius = this.radius();
    pen.strokeStyle = edge;
    pen.lineWidth = 0.8;
    this.points.forEach((point, index) => {
      if (!this.isVisible(index)) return;
      const [x, y] = this.toScreen(point);
      if (x < -20 || y < -20 || x > this.width + 20 || y > this.height + 20) return;
      pen.fillStyle = this.coloring.colour(index);
      pen.globalAlpha = this.isMeant(index) ? 0.9 : 0.12;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.fill();
      if (radius > 3) pen.stroke();
    });
    pen.globalAlpha = 1;
  }

  paintNeighbours(style) {
    const { pen } = this;
    const [x, y] = this.toScreen(this.points[this.selected]);
    pen.strokeStyle = style.getPropertyValue("--quiet");
    pen.lineWidth = 1;
    pen.globalAlpha = 0.55;
    for (const other of this.points[this.selected].near) {
      if (!this.isVisible(other)) continue;
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(...this.toScreen(this.points[other]));
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  ring(index, colour, gap) {
    const [x, y] = this.toScreen(this.points[index]);
    this.pen.strokeStyle = colour;
    this.pen.lineWidth = 2;
    this.pen.beginPath();
    this.pen.arc(x, y, this.radius() + gap, 0, 2 * Math.PI);
    this.pen.stroke();
  }
}
