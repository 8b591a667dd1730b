// Layer 3, drawing: the land of a board, with numbers of rows and columns, in units of a hundredth of a tile.

const TILE = 100;

// Room for the numbers of rows and columns.
function edgeOf(side) {
  return Math.max(46, side * 3);
}

function middleOf(tile, side) {
  return [(tile % side) * TILE + TILE / 2, Math.floor(tile / side) * TILE + TILE / 2];
}

function drawGround(page) {
  const { side } = page.map;
  const [whole, edge] = [side * TILE, edgeOf(side)];
  const step = side > 16 ? 2 : 1;
  const numbers = [];
  for (let k = 0; k < side; k += step) {
    const at = k * TILE + TILE / 2;
    numbers.push(svg("text", { x: at, y: -edge * 0.42, class: "number" }, String(k)));
    numbers.push(svg("text", { x: -edge * 0.5, y: at, class: "number" }, String(k)));
  }
  return svg(
    "g",
    { class: "ground" },
    svg("image", { href: byId("land").src, width: whole, height: whole, preserveAspectRatio: "none" }),
    svg("rect", { class: "frame", width: whole, height: whole }),
    svg("g", { "aria-hidden": "true" }, numbers),
  );
}
