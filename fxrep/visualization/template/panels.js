// The lists beside the map. Text is only ever set as text: names of files are not trusted.
const find = (id) => document.getElementById(id);

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function dot(group) {
  const mark = make("span", "dot");
  const dark = document.documentElement.dataset.theme === "dark";
  mark.style.background = dark ? MAP.groups[group].dark : MAP.groups[group].light;
  return mark;
}

function position(seconds) {
  const tenths = Math.round(seconds * 10);
  const rest = (tenths % 600) / 10;
  return `${Math.floor(tenths / 600)}:${rest < 10 ? "0" : ""}${rest.toFixed(1)}`;
}

function fillPoints(list, indices, numbers, choose) {
  list.replaceChildren(
    ...indices.map((index, place) => {
      const button = make("button");
      button.type = "button";
      button.append(dot(MAP.points[index].group), make("span", "name", MAP.points[index].label));
      if (numbers) button.append(make("span", "number", numbers[place].toFixed(3)));
      button.addEventListener("click", () => choose(index));
      const item = make("li");
      item.append(button);
      return item;
    }),
  );
}

function fillLegend(view) {
  const counts = MAP.groups.map((_, number) => MAP.points.filter((point) => point.group === number).length);
  find("group-title").textContent = `Colour: ${MAP.groupTitle}`;
  find("legend").replaceChildren(
    ...MAP.groups.map((group, number) => {
      const button = make("button");
      button.type = "button";
      button.title = "Show or hide";
      button.setAttribute("aria-pressed", String(!view.hidden.has(number)));
      button.append(dot(number), make("span", "name", group.name), make("span", "number", counts[number]));
      button.addEventListener("click", () => {
        if (!view.hidden.delete(number)) view.hidden.add(number);
        button.setAttribute("aria-pressed", String(!view.hidden.has(number)));
        view.draw();
      });
      const item = make("li");
      item.append(button);
      return item;
    }),
  );
}

function fillSelection(index, choose) {
  find("selection").hidden = index < 0;
  find("hint").hidden = index >= 0;
  if (index < 0) return;
  const point = MAP.points[index];
  find("selected-label").textContent = point.label;
  const facts = { file: point.path, [MAP.groupTitle]: MAP.groups[point.group].name };
  if (MAP.level === "window") facts.start = position(point.start);
  find("facts").replaceChildren(
    ...Object.entries({ ...facts, ...point.metadata }).flatMap(([key, value]) => [
      make("dt", "", key),
      make("dd", "", String(value)),
    ]),
  );
  fillPoints(find("near"), point.near, point.similarity, choose);
}
