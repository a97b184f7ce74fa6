// Makes elements. Data only ever becomes text nodes and attributes, never markup.

/**
 * @param {string} name tag, as "button"
 * @param {object} attributes "class", "on" ({event: listener}), "data" ({key: value}), and any attribute; null and
 *   false leave one out, true sets it empty
 * @param {...(Node|string|number|null|Array)} children texts become text nodes
 */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  setAttributes(element, attributes);
  element.append(...flat(children));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** The same in SVG. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  setAttributes(element, attributes);
  element.append(...flat(children));
  return element;
}

/** Replaces what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...flat(children));
  return element;
}

/** A button with a text or a picture; a picture needs a label. */
export function button(content, label, onClick, attributes = {}) {
  const title = label && label !== content ? label : null;
  return h(
    "button",
    { type: "button", title, "aria-label": title, on: { click: onClick }, ...attributes },
    content,
  );
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

function setAttributes(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (key === "data") {
      Object.assign(element.dataset, value);
    } else {
      element.setAttribute(key, value === true ? "" : value);
    }
  }
}
