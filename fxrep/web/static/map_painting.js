// Draws the map: the points, then what stands out, then names.
import { colour } from "./theme.js";
import { makeStamp, putStamp, toPixel } from "./point_raster.js";

const NAME_FONT = "600 12px system-ui";
const DIMMED = 0.16; // of what a search by name does not find

export function paintMap(view) {
  const { pen, ratio } = view;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (!view.points) return;
  const tones = {
    ink: colour("ink"), paper: colour("map"), accent: colour("accent"), a: colour("side-a"), b: colour("side-b"),
    danger: colour("danger"),
  };
  paintPoints(view, tones);
  paintSelection(view, tones);
  paintHits(view, tones);
  const taken = paintPlaces(view, tones);
  if (view.hovered >= 0 && view.hovered !== view.current) ring(view, view.hovered, tones.ink, 2, 1.5);
  if (view.current >= 0) ring(view, view.current, tones.accent, 4, 2.5);
  paintNames(view, tones, taken);
  paintLasso(view, tones);
}

function paintPoints(view, tones) {
  const { pen, points, colouring, ratio } = view;
  const { width, height } = view.canvas;
  const edge = view.radius > 3 ? ratio : 0;
  view.stamps ??= colouring.colours.map((fill) => makeStamp(view.radius * ratio, fill, tones.paper, edge));
  if (view.picture?.width !== width || view.picture.height !== height) view.picture = pen.createImageData(width, height);
  const pixels = new Uint32Array(view.picture.data.buffer);
  pixels.fill(toPixel(tones.paper));
  const [scale, left, top] = [view.unit * ratio, view.toScreen(0, 0)[0] * ratio, view.toScreen(0, 0)[1] * ratio];
  for (const dimmed of view.matches ? [true, false] : [false]) {
    for (let index = 0; index < points.count; index += 1) {
      if (view.matches && view.matches.has(index) === dimmed) continue;
      if (!view.isVisible(index)) continue;
      const stamp = view.stamps[colouring.buckets[index]];
      const [x, y] = [left + points.x[index] * scale, top - points.y[index] * scale];
      if (x < -stamp.size || y < -stamp.size || x > width + stamp.size || y > height + stamp.size) continue;
      putStamp(pixels, width, height, stamp, x, y, dimmed ? DIMMED : 1);
    }
  }
  pen.putImageData(view.picture, 0, 0);
}

function ring(view, index, tone, gap, width) {
  const { pen } = view;
  const [x, y] = view.toScreen(view.points.x[index], view.points.y[index]);
  pen.beginPath();
  pen.arc(x, y, view.radius + gap, 0, 2 * Math.PI);
  pen.lineWidth = width;
  pen.strokeStyle = tone;
  pen.stroke();
}

function paintSelection(view, tones) {
  for (const index of view.selection) ring(view, index, tones.ink, 1.5, 1.5);
}

function paintHits(view, tones) {
  view.hits.forEach((index, rank) => {
    if (index < 0 || !view.isVisible(index)) return;
    ring(view, index, tones.b, 3, 2);
    if (rank >= 9) return;
    const [x, y] = view.toScreen(view.points.x[index], view.points.y[index]);
    write(view, String(rank + 1), x + view.radius + 7, y - view.radius - 2, tones.b, tones.paper, "600 11px system-ui");
  });
}

/** What is looked for, with its names. Returns what the names cover. */
function paintPlaces(view, tones) {
  const { pen } = view;
  const taken = [];
  for (const place of view.places) {
    const [index] = place.song === undefined ? [] : view.points.of(place.song);
    if (place.song !== undefined && index === undefined) continue;
    const [x, y] = index !== undefined ? view.toScreen(view.points.x[index], view.points.y[index])
      : view.toScreen(view.points.normalX(place.x), view.points.normalY(place.y));
    const tone = place.unlike ? tones.danger : tones.a;
    const size = view.radius + 4;
    pen.beginPath();
    pen.moveTo(x, y - size);
    pen.lineTo(x + size, y);
    pen.lineTo(x, y + size);
    pen.lineTo(x - size, y);
    pen.closePath();
    pen.fillStyle = tone;
    pen.strokeStyle = tones.paper;
    pen.lineWidth = 2;
    pen.fill();
    pen.stroke();
    const name = place.name.length > 24 ? `${place.name.slice(0, 23)}…` : place.name;
    taken.push(boxOf(view, name, x, y - size - 8));
    write(view, name, x, y - size - 8, tone, tones.paper);
  }
  return taken;
}

/** What a name covers: left, top, right, bottom. */
function boxOf({ pen }, name, x, y) {
  pen.font = NAME_FONT;
  const half = pen.measureText(name).width / 2 + 6;
  return [x - half, y - 10, x + half, y + 10];
}

/** Names of clusters above their points; the larger goes first, and none covers another or what is taken already. */
function paintNames(view, tones, taken) {
  for (const cluster of [...view.points.clusters].sort((one, two) => two.size - one.size)) {
    const middle = middleOf(view, cluster);
    if (!middle || !cluster.name) continue;
    const [x, edge] = view.toScreen(...middle);
    const y = edge - view.radius - 12;
    const [left, , right] = boxOf(view, cluster.name, x, y);
    const half = (right - left) / 2;
    const inner = Math.min(view.width - half, Math.max(half, x));
    const box = boxOf(view, cluster.name, inner, y);
    if (x < 0 || x > view.width || y < 12 || y > view.height - 12 || taken.some((other) => overlap(box, other))) continue;
    taken.push(box);
    write(view, cluster.name, inner, y, tones.ink, tones.paper);
  }
}

function middleOf(view, cluster) {
  view.points.middles ??= new Map();
  if (!view.points.middles.has(cluster.id)) {
    const members = [];
    view.points.cluster.forEach((id, index) => { if (id === cluster.id) members.push(index); });
    view.points.middles.set(cluster.id, members.length ? [quantile(members, view.points.x, 0.5), quantile(members, view.points.y, 1)] : null);
  }
  return view.points.middles.get(cluster.id);
}

function quantile(members, values, share) {
  const sorted = members.map((index) => values[index]).sort((one, two) => one - two);
  return sorted[Math.floor(share * (sorted.length - 1))];
}

function overlap(one, two) {
  return one[0] < two[2] && two[0] < one[2] && one[1] < two[3] && two[1] < one[3];
}

function write(view, text, x, y, tone, edge, font = NAME_FONT) {
  const { pen } = view;
  pen.font = font;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  pen.lineWidth = 4;
  pen.strokeStyle = edge;
  pen.strokeText(text, x, y);
  pen.fillStyle = tone;
  pen.fillText(text, x, y);
}

function paintLasso(view, tones) {
  if (!view.lasso?.length) return;
  const { pen } = view;
  pen.beginPath();
  view.lasso.forEach(([x, y], place) => (place ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.closePath();
  pen.globalAlpha = 0.14;
  pen.fillStyle = tones.accent;
  pen.fill();
  pen.globalAlpha = 1;
  pen.strokeStyle = tones.accent;
  pen.lineWidth = 1.5;
  pen.setLineDash([5, 4]);
  pen.stroke();
  pen.setLineDash([]);
}
