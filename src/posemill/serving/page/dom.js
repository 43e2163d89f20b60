// Elements without HTML text: whatever a file, a person or a service is called, it stays text.

export const byId = (id) => document.getElementById(id);

/** An element; `on…` attributes are listeners, null and false are left out. Children are nodes or text. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  play: "M8 5.5v13l11-6.5z",
  pause: "M7.5 5.5h3v13h-3zM13.5 5.5h3v13h-3z",
  right: "M5 12.5l4.5 4.5L19 7.5",
  wrong: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  copy: "M9 9h10v11H9zM5 15V4h10",
  save: "M12 4v11m0 0l-4-4m4 4l4-4M5 20h14",
  again: "M4 12a8 8 0 1 0 2.5-5.8M6.5 2.5v4h4",
};

/** An icon that says nothing to screen readers; the text beside it or the label does. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Put exactly these children into a node. */
export function fill(node, ...children) {
  node.replaceChildren(...known(children));
  return node;
}

/** Say something to screen readers without moving the focus. */
export function announce(text) {
  byId("live").textContent = text;
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...known(children));
  return node;
}

const known = (children) => children.flat().filter((child) => child !== null && child !== undefined && child !== false);
