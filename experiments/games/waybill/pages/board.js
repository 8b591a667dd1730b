// Layer 3, drawing: one board. It is drawn anew each turn; between turns only the carts move.

function makeBoard(page, game, view, k) {
  const { side } = page.map;
  const size = Math.max(TILE, side * TILE * 0.044);
  const layers = Object.fromEntries(
    ["roads", "sites", "buildings", "order", "carts", "tags", "marks"].map((name) => [name, svg("g", { class: name })]),
  );
  const edge = edgeOf(side);
  const whole = side * TILE + edge * 1.4;
  const box = `${-edge} ${-edge} ${whole} ${whole}`;
  const node = svg(
    "svg",
    {
      class: "board",
      viewBox: box,
      tabindex: 0,
      role: "application",
      "aria-roledescription": "map",
      "aria-label": `Map of ${game.player}: arrow keys move over tiles, comma and full stop go from thing to thing`,
    },
    drawGround(page),
    Object.values(layers),
  );
  const board = { page, game, view, k, node, layers, size, carts: new Map(), unit: 4 };
  followPointer(board);
  new ResizeObserver(() => {
    board.unit = whole / Math.max(1, node.clientWidth);
    node.style.setProperty("--u", board.unit);
    drawBoard(board);
  }).observe(node);
  return board;
}

function drawBoard(board) {
  const { page, game, view, layers, size } = board;
  const facts = factsOf(page, game, view.turn, view.layer);
  layers.roads.replaceChildren(...drawRoads(page, facts, page.map.colours));
  layers.sites.replaceChildren(
    ...facts.sites.map((fact) => drawSite(page, { ...fact, layerHides: view.layer !== "all" }, size)),
  );
  layers.buildings.replaceChildren(...drawBuildings(page, facts, size));
  layers.tags.replaceChildren(...drawTags(page, facts, size, board.unit));
  layers.order.replaceChildren(...drawOrder(page, facts.decision?.order, size));
  drawCarts(board);
  drawMark(board);
}

function drawBuildings(page, facts, size) {
  const here = new Map();
  const nodes = [];
  for (const company of facts.companies) {
    for (const building of company.buildings) {
      const beside = here.get(building.tile) ?? 0;
      here.set(building.tile, beside + 1);
      nodes.push(drawBuilding(page, company, building, size, beside));
    }
  }
  return nodes;
}

function drawCarts(board) {
  const { page, game, view, layers, carts, size } = board;
  const facts = factsOf(page, game, view.turn, view.layer);
  const later = turnOf(game, view.turn + 1);
  const part = view.turn + 1 < game.turns.length ? partOfTurn(view) : 0;
  const alive = new Set();
  for (const company of facts.companies) {
    for (const cart of company.carts) {
      const key = `${company.seat}-${cart.number}`;
      alive.add(key);
      if (!carts.has(key)) carts.set(key, makeCart(company, cart, size));
      if (!carts.get(key).node.isConnected) layers.carts.append(carts.get(key).node);
      placeCart(page, carts.get(key), cart, later.companies[company.seat]?.carts[cart.number], part, game.ways, size);
    }
  }
  for (const [key, drawn] of carts) if (!alive.has(key)) drawn.node.remove();
}

// --- labels: placed where nothing else is, or left out; the details have all numbers ---
function drawTags(page, facts, size, unit) {
  if (TILE / unit < 15) return [];
  const taken = occupied(page, facts, size);
  const whole = page.map.side * TILE;
  const nodes = [];
  for (const tag of tagsOf(page, facts)) {
    const [x, y] = middleOf(tag.tile, page.map.side);
    const h = 17 * unit;
    const w = tag.parts.reduce((sum, part) => sum + 17 * unit + part.text.length * 7 * unit, 7 * unit);
    const spots = [
      [x, y + size * 0.52 + h / 2],
      [x, y - size * 0.55 - h / 2],
      [x + size * 0.5 + w / 2, y],
      [x - size * 0.5 - w / 2, y],
    ];
    const boxes = spots.map(([cx, cy]) => ({ x: Math.min(Math.max(cx - w / 2, 0), whole - w), y: cy - h / 2, w, h }));
    const free = boxes.find((box) => box.y >= 0 && box.y + h <= whole && !taken.some((other) => overlap(box, other)));
    if (free) {
      taken.push(free);
      nodes.push(drawTag(tag, free, unit));
    }
  }
  return nodes;
}

function occupied(page, facts, size) {
  const tiles = [
    ...facts.sites.filter((fact) => fact.known || facts.layer === "all").map((fact) => fact.tile),
    ...facts.companies.flatMap((company) => company.buildings.map((building) => building.tile)),
  ];
  return tiles.map((tile) => {
    const [x, y] = middleOf(tile, page.map.side);
    return { x: x - size * 0.42, y: y - size * 0.46, w: size * 0.84, h: size * 0.94 };
  });
}

function overlap(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

function tagsOf(page, facts) {
  const tags = facts.sites
    .filter((fact) => fact.known && fact.kind === "town")
    .map((fact) => ({
      tile: fact.tile,
      parts: fact.base.flatMap((base, good) => (base > 0 ? [{ good, text: String(fact.prices[good]) }] : [])),
    }));
  for (const building of facts.own.buildings.filter((one) => one.ready_in === 0)) {
    const held = [...building.inputs, [building.good, building.stock]];
    tags.push({
      tile: building.tile,
      parts: held.map(([good, units], k) => ({ good, text: String(units), arrow: k > 0 })),
    });
  }
  return tags.filter((tag) => tag.parts.length > 0);
}

function drawTag(tag, box, unit) {
  const nodes = [svg("rect", { class: "tag", x: box.x, y: box.y, width: box.w, height: box.h, rx: 5 * unit })];
  let x = box.x + 4 * unit;
  const y = box.y + box.h / 2;
  for (const part of tag.parts) {
    nodes.push(symbol(`good-${part.good}`, x + 6.5 * unit, y, 12 * unit));
    nodes.push(svg("text", { class: "tag-text", x: x + 14 * unit, y }, part.text));
    x += 17 * unit + part.text.length * 7 * unit;
  }
  return svg("g", {}, nodes);
}

// --- the tile under the pointer, or under the keys ---
function drawMark(board) {
  const { view, page, layers, k } = board;
  const tile = view.hovered ?? view.tile;
  if (tile === null || view.board !== k) return layers.marks.replaceChildren();
  const [x, y] = middleOf(tile, page.map.side);
  layers.marks.replaceChildren(
    svg("rect", { class: "cursor", x: x - TILE / 2, y: y - TILE / 2, width: TILE, height: TILE, rx: 8 }),
  );
}

function tileUnder(board, event) {
  const box = board.node.getBoundingClientRect();
  const at = [event.clientX - box.left, event.clientY - box.top].map((px) =>
    Math.floor((px * board.unit - edgeOf(board.page.map.side)) / TILE),
  );
  const inside = at.every((k) => k >= 0 && k < board.page.map.side);
  return inside ? at[1] * board.page.map.side + at[0] : null;
}

function followPointer(board) {
  const { node, view, k } = board;
  node.addEventListener("pointermove", (event) => {
    const hovered = event.pointerType === "mouse" ? tileUnder(board, event) : null;
    if (hovered !== view.hovered || (hovered !== null && view.board !== k)) view.set({ hovered, board: k });
  });
  node.addEventListener("pointerleave", () => view.set({ hovered: null }));
  node.addEventListener("click", (event) => view.set({ tile: tileUnder(board, event), board: k }));
  node.addEventListener("focus", () => view.set({ board: k }));
}
