// Making elements. Text goes in as text nodes only: nothing in a game can become markup.

const SVG_SPACE = document.querySelector("svg").namespaceURI;

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG_SPACE, tag), attributes, children);
}

function symbol(name, x, y, size, attributes = {}) {
  const box = { href: `#s-${name}`, x: x - size / 2, y: y - size / 2, width: size, height: size };
  return svg("use", { ...box, ...attributes });
}

function byId(id) {
  return document.getElementById(id);
}

// The class and style of something in a series' colour: one of the page's, or a colour of the game made fit for the ground.
function toned(name, colour) {
  return colour.startsWith("var(")
    ? { class: name, style: `--tone: ${colour}` }
    : { class: `${name} own`, style: `--own: ${colour}` };
}

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const VALUE = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

function signed(number) {
  return (number > 0 ? "+" : "") + NUMBER.format(number);
}

function capital(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
