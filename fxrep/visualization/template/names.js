// Names of clusters on the map, where they do not overlap.
class ClusterNames {
  constructor(view) {
    this.view = view;
    this.shown = true;
    this.spots = MAP.clusters.map((cluster) => {
      const members = MAP.points.filter((point) => point.cluster === cluster.id);
      const middle = (key) => {
        const values = members.map((point) => point[key]).sort((a, b) => a - b);
        return values[values.length >> 1];
      };
      return members.length ? { name: cluster.name, x: middle("x"), y: middle("y") } : null;
    });
  }

  paint(style) {
    if (!this.shown) return;
    const { view } = this;
    const { pen } = view;
    const taken = [];
    // Of many points names cover some wherever they are.
    this.places = MAP.points.length > 3000 ? [] : MAP.points.map((point) => view.toScreen(point));
    pen.font = "600 13px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    for (const spot of this.spots) {
      if (!spot) continue;
      const [x, y] = view.toScreen(spot);
      if (x < 0 || y < 0 || x > view.width || y > view.height) continue;
      const lines = this.wrap(spot.name);
      const width = Math.max(...lines.map((line) => pen.measureText(line).width)) + 8;
      const height = lines.length * 17 + 4;
      const box = this.free(x, y, width, height, taken);
      if (!box) continue;
      taken.push(box);
      lines.forEach((line, row) => {
        const at = [box[0] + width / 2, box[1] + 11 + 17 * row];
        pen.strokeStyle = style.getPropertyValue("--paper");
        pen.lineWidth = 4;
        pen.strokeText(line, ...at);
        pen.fillStyle = style.getPropertyValue("--ink");
        pen.fillText(line, ...at);
      });
    }
  }

  // Lines that fit a third of the map.
  wrap(name) {
    const { pen, width } = this.view;
    const lines = [];
    for (const word of name.split(" ")) {
      const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
      if (lines.length && pen.measureText(longer).width <= Math.min(190, Math.max(110, width / 3))) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  }

  // A box about a place where it covers the fewest points, or lies the nearest; inside the map and on no other.
  free(x, y, width, height, taken) {
    let [best, least] = [null, Infinity];
    for (const gap of [0, 12, 30, 60]) {
      for (const [across, up] of [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, 1], [1, -1], [-1, -1]]) {
        const left = x - width / 2 + across * (width / 2 + gap);
        const top = y - height / 2 + up * (height / 2 + gap);
        const box = [left, top, left + width, top + height];
        if (left < 2 || top < 2 || box[2] > this.view.width - 2 || box[3] > this.view.height - 2) continue;
        if (taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) continue;
        const cost = gap + 25 * this.covered(box);
        if (cost < least) [best, least] = [box, cost];
      }
    }
    return best;
  }

  covered(box) {
    const margin = this.view.radius();
    const inside = ([x, y]) => x > box[0] - margin && x < box[2] + margin && y > box[1] - margin && y < box[3] + margin;
    return this.places.filter(inside).length;
  }
}
