// The points of the map in memory: where they are, and quick answers to "which is here" and "which are in there".

export class MapPoints {
  /** @param {object} answer of /api/map: columns song_id, start_s, x, y, cluster, value; clusters; color */
  constructor(answer) {
    const columns = answer.points;
    this.level = answer.level;
    this.color = answer.color;
    this.clusters = answer.clusters;
    this.songs = columns.song_id;
    this.starts = columns.start_s;
    this.cluster = columns.cluster;
    this.values = columns.value;
    this.count = columns.x.length;
    this.frame = frameOf(columns.x, columns.y);
    this.x = Float32Array.from(columns.x, (x) => this.normalX(x));
    this.y = Float32Array.from(columns.y, (y) => this.normalY(y));
    this.bySong = new Map();
    this.songs.forEach((song, index) => {
      if (!this.bySong.has(song)) this.bySong.set(song, []);
      this.bySong.get(song).push(index);
    });
    this.makeGrid();
  }

  /** A coordinate of the server in this map's square from -1 to 1. */
  normalX(x) {
    return (x - this.frame.x) / this.frame.half;
  }

  normalY(y) {
    return (y - this.frame.y) / this.frame.half;
  }

  /** Points of a song; the one nearest to a time comes first. */
  of(song, start = null) {
    const found = this.bySong.get(song) ?? [];
    if (start === null || found.length < 2) return found;
    return [...found].sort((one, two) => Math.abs(this.starts[one] - start) - Math.abs(this.starts[two] - start));
  }

  makeGrid() {
    this.side = Math.max(1, Math.ceil(Math.sqrt(this.count / 4)));
    this.cells = Array.from({ length: this.side ** 2 }, () => []);
    for (let index = 0; index < this.count; index += 1) {
      this.cells[this.row(this.y[index]) * this.side + this.row(this.x[index])].push(index);
    }
  }

  row(coordinate) {
    return Math.min(this.side - 1, Math.max(0, Math.floor(((coordinate + 1) / 2) * this.side)));
  }

  /** Indices within a rectangle of the map, and a few around it. */
  * within(left, bottom, right, top) {
    for (let row = this.row(bottom); row <= this.row(top); row += 1) {
      for (let column = this.row(left); column <= this.row(right); column += 1) {
        yield* this.cells[row * this.side + column];
      }
    }
  }

  /** The point nearest to a place, or -1 where none is within reach. */
  nearest(x, y, reach) {
    let best = -1;
    let least = reach * reach;
    for (const index of this.within(x - reach, y - reach, x + reach, y + reach)) {
      const distance = (this.x[index] - x) ** 2 + (this.y[index] - y) ** 2;
      if (distance <= least) [best, least] = [index, distance];
    }
    return best;
  }

  /** The nearest point in a direction; sideways distance counts double. */
  beside(index, dx, dy) {
    let best = -1;
    let least = Infinity;
    for (let other = 0; other < this.count; other += 1) {
      const [x, y] = [this.x[other] - this.x[index], this.y[other] - this.y[index]];
      const along = x * dx + y * dy;
      const distance = along + 2 * Math.abs(x * dy - y * dx);
      if (along > 1e-6 && distance < least) [best, least] = [other, distance];
    }
    return best;
  }

  /** Indices inside a closed line of [x, y]. */
  inside(line) {
    const xs = line.map(([x]) => x);
    const ys = line.map(([, y]) => y);
    const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    return [...this.within(...box)].filter((index) => isInside(this.x[index], this.y[index], line));
  }
}

function frameOf(xs, ys) {
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const x of xs) { left = Math.min(left, x); right = Math.max(right, x); }
  for (const y of ys) { bottom = Math.min(bottom, y); top = Math.max(top, y); }
  const half = Math.max(right - left, top - bottom) / 2;
  const frame = { x: (left + right) / 2 || 0, y: (bottom + top) / 2 || 0, half: half > 0 ? half : 1 };
  // How far the points reach within the square: what is shown at first is them, not the square.
  return { ...frame, reachX: (right - left) / 2 / frame.half || 0.2, reachY: (top - bottom) / 2 / frame.half || 0.2 };
}

/** Even-odd rule: a ray to the right crosses the line an odd number of times. */
export function isInside(x, y, line) {
  let inside = false;
  for (let here = 0, before = line.length - 1; here < line.length; before = here, here += 1) {
    const [x1, y1] = line[here];
    const [x2, y2] = line[before];
    if ((y1 > y) !== (y2 > y) && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}
