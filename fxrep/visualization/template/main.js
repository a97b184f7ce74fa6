// Joins map, lists and sound.
const root = document.documentElement;
root.dataset.theme = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";

const canvas = find("map");
const view = new MapView(canvas, MAP.points);
const player = new Player(MAP.clips, (index) => {
  find("play").textContent = index >= 0 && index === view.selected ? "Stop" : "Play";
});

view.names = new ClusterNames(view);

function select(index, sound) {
  view.selected = index;
  fillSelection(index, (other) => select(other, true), view);
  if (index < 0) {
    player.stop();
    find("status").textContent = "";
    return view.draw();
  }
  find("play").disabled = !player.has(index);
  const silent = player.has(index) ? "" : Object.keys(MAP.clips).length ? ": this recording has no clip" : ": this page has no sound";
  find("status").textContent = MAP.points[index].label + silent;
  view.show(index);
  if (sound) player.play(index);
}

function search(text) {
  const wanted = text.trim().toLowerCase();
  const found = [];
  MAP.points.forEach((point, index) => {
    const cluster = point.cluster >= 0 ? MAP.clusters[point.cluster].name : "";
    const words = [point.path, point.label, cluster, ...Object.values(point.metadata)].join(" ").toLowerCase();
    if (wanted && words.includes(wanted)) found.push(index);
  });
  view.matches = wanted ? new Set(found) : null;
  find("results-section").hidden = !wanted;
  fillPoints(find("results"), found.slice(0, 50), null, (index) => select(index, true), view);
  if (wanted) find("status").textContent = `${found.length} found`;
  view.draw();
}

function listenToPointer() {
  const down = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, [event.offsetX, event.offsetY]);
    if (down.size === 1) moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const last = down.get(event.pointerId);
    if (!last) return hover(event.offsetX, event.offsetY);
    const [dx, dy] = [event.offsetX - last[0], event.offsetY - last[1]];
    moved += Math.abs(dx) + Math.abs(dy);
    if (down.size === 2) {
      const [other] = [...down].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const before = Math.hypot(last[0] - other[0], last[1] - other[1]);
      const after = Math.hypot(event.offsetX - other[0], event.offsetY - other[1]);
      if (before > 0) view.zoom(after / before, (event.offsetX + other[0]) / 2, (event.offsetY + other[1]) / 2);
    } else if (moved > 4) {
      canvas.classList.add("dragging");
      view.pan(-dx / view.unit, dy / view.unit);
    }
    down.set(event.pointerId, [event.offsetX, event.offsetY]);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(kind, (event) => {
      const clicked = kind === "pointerup" && down.size === 1 && moved <= 4;
      down.delete(event.pointerId);
      canvas.classList.remove("dragging");
      if (clicked) {
        const index = view.at(event.offsetX, event.offsetY);
        if (index >= 0 && index === view.selected) player.toggle(index);
        else select(index, true);
      }
    });
  }
  canvas.addEventListener("pointerleave", () => hover(-1e6, -1e6));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.offsetX, event.offsetY);
  }, { passive: false });
}

function hover(x, y) {
  const index = view.at(x, y);
  const tip = find("tip");
  canvas.classList.toggle("over", index >= 0);
  tip.hidden = index < 0;
  if (index >= 0) {
    tip.textContent = MAP.points[index].label;
    tip.style.left = `${Math.max(0, Math.min(x + 14, view.width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${Math.max(0, y > 40 ? y - 34 : y + 18)}px`;
  }
  if (index !== view.hovered) {
    view.hovered = index;
    view.draw();
  }
}

function listenToKeys() {
  const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (directions[event.key]) {
      const first = MAP.points.findIndex((_, index) => view.isVisible(index));
      const next = view.selected < 0 ? first : view.beside(view.selected, ...directions[event.key]);
      if (next >= 0) select(next, false);
    } else if ((event.key === "Enter" || event.key === " ") && view.selected >= 0) player.toggle(view.selected);
    else if (event.key === "+" || event.key === "=") view.zoom(1.25);
    else if (event.key === "-") view.zoom(0.8);
    else if (event.key === "0") view.fit();
    else if (event.key === "Escape") select(-1, false);
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.tagName === "INPUT") return;
    event.preventDefault();
    find("search").focus();
  });
}

function listenToControls() {
  find("search").addEventListener("input", (event) => search(event.target.value));
  find("fit").addEventListener("click", () => view.fit());
  find("play").addEventListener("click", () => player.toggle(view.selected));
  find("theme").addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    recolour();
  });
  find("names").addEventListener("change", (event) => {
    view.names.shown = event.target.checked;
    view.draw();
  });
}

function recolour() {
  view.cluster = -1;
  fillLegend(view);
  fillClusters(view);
  fillSelection(view.selected, (other) => select(other, true), view);
  search(find("search").value);
}

const unit = MAP.level === "song" ? "recordings" : "windows";
const part = MAP.total > MAP.points.length ? ` of ${MAP.total}, drawn evenly` : "";
find("summary").textContent = `${MAP.points.length}${part} ${unit}, model ${MAP.fingerprint}`;
fillChoices(view, recolour);
fillLegend(view);
fillClusters(view);
listenToPointer();
listenToKeys();
listenToControls();
