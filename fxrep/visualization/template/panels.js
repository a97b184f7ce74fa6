// The lists beside the map. Text is only ever set as text: names of files are not trusted.
const find = (id) => document.getElementById(id);

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function dot(colour) {
  const mark = make("span", "dot");
  mark.style.background = colour;
  return mark;
}

function position(seconds) {
  const tenths = Math.round(seconds * 10);
  const rest = (tenths % 600) / 10;
  return `${Math.floor(tenths / 600)}:${rest < 10 ? "0" : ""}${rest.toFixed(1)}`;
}

function fillPoints(list, indices, numbers, choose, view) {
  list.replaceChildren(
    ...indices.map((index, place) => {
      const button = make("button");
      button.type = "button";
      button.append(dot(view.coloring.colour(index)), make("span", "name", MAP.points[index].label));
      if (numbers) button.append(make("span", "number", numbers[place].toFixed(3)));
      button.addEventListener("click", () => choose(index));
      const item = make("li");
      item.append(button);
      return item;
    }),
  );
}

function fillChoices(view, onChange) {
  const select = find("color");
  MAP.colorings.forEach((coloring, number) => {
    const option = make("option", "", coloring.title);
    option.value = String(number);
    select.append(option);
  });
  select.addEventListener("change", () => {
    view.coloring = MAP.colorings[Number(select.value)];
    onChange();
  });
}

function fillLegend(view) {
  const { coloring } = view;
  find("ramp").hidden = coloring.kind !== "numbers";
  find("legend").hidden = coloring.kind !== "groups";
  if (coloring.kind === "numbers") fillRamp(coloring);
  else fillGroups(view, coloring);
}

function fillRamp(coloring) {
  find("ramp-bar").style.background = `linear-gradient(to right, ${coloring.palette.join(", ")})`;
  find("ramp-ticks").replaceChildren(...coloring.ticks.map(([, text]) => make("span", "", text)));
}

function fillGroups(view, coloring) {
  const counts = coloring.groups.map(() => 0);
  for (const value of coloring.values) counts[value] += 1;
  find("legend").replaceChildren(
    ...coloring.groups.map((group, number) => {
      const button = make("button");
      button.type = "button";
      button.title = "Show or hide";
      button.setAttribute("aria-pressed", String(!coloring.hidden.has(number)));
      const text = make("span", "name", group);
      const cluster = coloring.title === "cluster" ? MAP.clusters[number] : null;
      if (cluster && cluster.text !== group) text.append(make("span", "detail", cluster.text));
      button.append(dot(coloring.palette[number]), text, make("span", "number", counts[number]));
      button.addEventListener("click", () => {
        if (!coloring.hidden.delete(number)) coloring.hidden.add(number);
        button.setAttribute("aria-pressed", String(!coloring.hidden.has(number)));
        view.draw();
      });
      const item = make("li");
      item.append(button);
      return item;
    }),
  );
}

// What sets every cluster apart, in numbers; a click shows it alone.
function fillClusters(view) {
  find("names-choice").hidden = !MAP.clusters.length;
  find("clusters-section").hidden = !MAP.clusters.length || view.coloring.title === "cluster";
  find("clusters").replaceChildren(
    ...MAP.clusters.map((cluster) => {
      const button = make("button");
      button.type = "button";
      button.title = "Show this cluster alone";
      button.setAttribute("aria-pressed", String(view.cluster === cluster.id));
      const text = make("span", "name", cluster.name);
      if (cluster.text !== cluster.name) text.append(make("span", "detail", cluster.text));
      button.append(text, make("span", "number", cluster.size));
      button.addEventListener("click", () => {
        view.cluster = view.cluster === cluster.id ? -1 : cluster.id;
        fillClusters(view);
        view.draw();
      });
      const item = make("li");
      item.append(button);
      return item;
    }),
  );
}

function fillSelection(index, choose, view) {
  find("selection").hidden = index < 0;
  find("hint").hidden = index >= 0;
  if (index < 0) return;
  const point = MAP.points[index];
  find("selected-label").textContent = point.label;
  const facts = { file: point.path };
  if (MAP.level === "window") facts.start = position(point.start);
  if (point.cluster >= 0) facts.cluster = MAP.clusters[point.cluster].name;
  for (const coloring of MAP.colorings) {
    if (coloring.kind === "numbers" && coloring.values[index] !== null) facts[coloring.title] = coloring.text(index);
  }
  find("facts").replaceChildren(
    ...Object.entries({ ...facts, ...point.metadata }).flatMap(([key, value]) => [
      make("dt", "", key),
      make("dd", "", Array.isArray(value) ? value.join(", ") : String(value)),
    ]),
  );
  fillPoints(find("near"), point.near, point.similarity, choose, view);
}
