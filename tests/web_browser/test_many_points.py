"""A map of thousands of points stays smooth."""

from __future__ import annotations

from playwright.sync_api import Page

DRAW = """async (count) => {
  const { MapPoints } = await import("/static/map_points.js");
  const { MapView } = await import("/static/map_view.js");
  const { colourPoints } = await import("/static/map_colours.js");
  const columns = { song_id: [], start_s: [], x: [], y: [], cluster: [], value: [] };
  for (let place = 0; place < count; place += 1) {
    const cluster = place % 8;
    const [angle, reach] = [(place * 2.399963) % (2 * Math.PI), Math.sqrt(place / count)];
    columns.song_id.push(place);
    columns.start_s.push(0);
    columns.x.push(3 * Math.cos(cluster) + reach * Math.cos(angle));
    columns.y.push(3 * Math.sin(cluster) + reach * Math.sin(angle));
    columns.cluster.push(cluster);
    columns.value.push(cluster);
  }
  const palette = Array(8).fill("#0072b2");
  const clusters = palette.map((_, id) => ({ id, name: `cluster ${id}`, size: count / 8 }));
  const groups = clusters.map(({ name }) => name);
  const color = { title: "cluster", kind: "groups", groups, light: palette, dark: palette };
  const points = new MapPoints({ level: "song", points: columns, clusters, color });
  const view = new MapView(document.querySelector("canvas"));
  view.resize();
  view.show(points, colourPoints(points));
  view.paint();
  const frames = [];
  for (let frame = 0; frame < 15; frame += 1) {
    const began = performance.now();
    view.centre = { x: frame / 100, y: 0 };
    view.paint();
    frames.push(performance.now() - began);
  }
  const [x, y] = view.toScreen(points.x[7], points.y[7]);
  return { frame: frames.sort((one, two) => one - two)[7], found: view.at(x, y) >= 0 };
}"""


def test_thousands_of_points_are_drawn_in_a_moment(library_page: Page) -> None:
    told = library_page.evaluate(DRAW, 5000)
    assert told["found"]
    assert told["frame"] < 100  # milliseconds: 5 to 20, but a busy machine without a graphics card is allowed for
