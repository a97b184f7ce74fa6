// Hands and keys on the map: drag, wheel, pinch, lasso, arrows.

const ARROWS = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const CLICK_PX = 5;

/**
 * @param {MapView} view
 * @param {object} actions "pick(index)", "use(index)", "hover(index, x, y)", "select(indices, adds)", "isLasso()"
 */
export function bindMapInput(view, actions) {
  bindPointers(view, actions);
  bindKeys(view, actions);
  view.canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const step = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
    view.zoom(Math.exp(-step * 0.0016), ...placeOf(view, event));
  }, { passive: false });
}

function placeOf(view, event) {
  const box = view.canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function bindPointers(view, actions) {
  const { canvas } = view;
  const down = new Map(); // by pointer, where it is
  let drag = null;
  let wasPress = false; // the last pointer that was let go had not moved
  let pressed = -1; // the point of the first of several presses

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    canvas.setPointerCapture(event.pointerId);
    const place = placeOf(view, event);
    down.set(event.pointerId, place);
    if (down.size > 1) {
      drag = { pinch: spread(down) };
      view.lasso = null;
      return;
    }
    drag = { from: place, last: place, moved: false, lasso: actions.isLasso() || event.shiftKey, adds: event.shiftKey };
    if (drag.lasso) view.lasso = [place];
  });

  canvas.addEventListener("pointermove", (event) => {
    const place = placeOf(view, event);
    if (!down.has(event.pointerId)) {
      actions.hover(view.at(...place), ...place);
      return;
    }
    down.set(event.pointerId, place);
    if (drag.pinch) {
      pinch(view, drag, down);
      return;
    }
    if (!isNear(place, drag.from)) drag.moved = true;
    if (drag.lasso) {
      view.lasso.push(place);
      view.draw();
    } else if (drag.moved) {
      canvas.classList.add("dragging");
      view.pan((drag.last[0] - place[0]) / view.unit, (place[1] - drag.last[1]) / view.unit);
    }
    drag.last = place;
  });

  const finish = (event) => {
    if (!down.delete(event.pointerId) || !drag) return;
    canvas.classList.remove("dragging");
    const done = drag;
    wasPress = false;
    drag = down.size ? { ...done, pinch: null, moved: true, last: [...down.values()][0], lasso: false } : null;
    if (done.pinch || event.type === "pointercancel") {
      view.lasso = null;
      view.draw();
    } else if (done.lasso && done.moved) {
      const line = view.lasso.map(([x, y]) => view.toMap(x, y));
      view.lasso = null;
      actions.select(view.points.inside(line).filter((index) => view.isVisible(index)), done.adds);
    } else if (!done.moved) {
      view.lasso = null;
      wasPress = true;
    }
  };
  canvas.addEventListener("pointerup", finish);
  canvas.addEventListener("pointercancel", finish);
  canvas.addEventListener("pointerleave", () => actions.hover(-1));
  canvas.addEventListener("click", (event) => {
    if (!wasPress) return;
    // The first of two presses lets the bar at the foot appear, and the map moves: the second is meant for the same point.
    if (event.detail > 1 && !event.shiftKey) return;
    pressed = view.at(...placeOf(view, event));
    actions.pick(pressed, event.shiftKey);
  });
  canvas.addEventListener("dblclick", (event) => { if (wasPress && !event.shiftKey) actions.use(pressed); });
}

function isNear(one, other) {
  return Math.hypot(one[0] - other[0], one[1] - other[1]) <= CLICK_PX;
}

function spread(down) {
  const [one, two] = [...down.values()];
  return { size: Math.hypot(one[0] - two[0], one[1] - two[1]), x: (one[0] + two[0]) / 2, y: (one[1] + two[1]) / 2 };
}

function pinch(view, drag, down) {
  const now = spread(down);
  view.pan((drag.pinch.x - now.x) / view.unit, (now.y - drag.pinch.y) / view.unit);
  view.zoom(now.size / Math.max(1, drag.pinch.size), now.x, now.y);
  drag.pinch = now;
}

function bindKeys(view, actions) {
  view.canvas.addEventListener("keydown", (event) => {
    if (!view.points?.count || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key; // with Shift letters are capitals
    if (key in ARROWS) move(view, actions, ARROWS[key], event.shiftKey);
    else if (key === "+" || key === "=") view.zoom(1.4);
    else if (key === "-") view.zoom(1 / 1.4);
    else if (key === "0") view.fit();
    else if (key === "Enter" && view.current >= 0) actions.use(view.current);
    else if (key === "p" && view.current >= 0) actions.pick(view.current);
    else if (key === "x" && view.current >= 0) actions.select([view.current], true);
    else if (key === "v") actions.select(view.inView(), event.shiftKey);
    else if (key === "Escape") actions.select([], false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

function move(view, actions, [dx, dy], pans) {
  if (pans) {
    view.pan((dx * 60) / view.unit, (dy * 60) / view.unit);
    return;
  }
  const next = view.current < 0 ? view.points.nearest(view.centre.x, view.centre.y, 4)
    : view.points.beside(view.current, dx, dy);
  if (next >= 0) actions.focus(next);
}
