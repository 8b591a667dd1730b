// Layer 3, drawing: what is on a tile, in words, for pointers, keys and screen readers alike.

function place(tile, side) {
  return `(${Math.floor(tile / side)},${tile % side})`;
}

// The things on a tile: [{ title, rows: [[label, value]] }], the land itself first.
function thingsOn(page, game, facts, tile) {
  const { side, terrain, terrains } = page.map;
  const sites = facts.sites.filter((fact) => page.map.sites[fact.site].tile === tile && (fact.known || facts.layer === "all"));
  const land = sites.length > 0 ? 0 : Number(terrain[tile]); // the land of a site is cleared; of one unseen nothing is told
  const found = [{ title: `${capital(terrains[land])} ${place(tile, side)}`, rows: [] }];
  for (const fact of sites) found.push(siteThing(page, game, facts, fact));
  for (const company of facts.companies) {
    const whose = facts.companies.length > 1 ? ` of ${companyName(page, game, company.seat)}` : "";
    for (const building of company.buildings)
      if (building.tile === tile) found.push(buildingThing(page, building, whose));
    for (const cart of company.carts)
      if (tileOfCart(page, facts, cart) === tile) found.push(cartThing(page, cart, whose));
  }
  return found;
}

function tileOfCart(page, facts, cart) {
  const [row, column] = spotOf(cart, shareDriven(cart), facts.ways, page.map.side);
  return Math.round(row) * page.map.side + Math.round(column);
}

function siteThing(page, game, facts, fact) {
  const { goods } = page.map;
  const rows = [];
  if (fact.kind === "deposit") {
    rows.push(["in the ground", `${fact.reserve} of ${page.map.reserve}`]);
    if (fact.owner === "another") rows.push(["taken by", "another company"]);
    else if (fact.owner >= 0) rows.push(["taken by", companyName(page, game, fact.owner)]);
  } else {
    for (const [good, base] of fact.base.entries()) {
      if (base > 0) rows.push([`pays for ${goods[good].name}`, `${fact.prices[good]} of ${base} in an empty market`]);
    }
  }
  if (!fact.known) rows.push(["known", "not to the player"]);
  else if (facts.layer !== "all" && fact.seen < facts.turn) rows.push(["last seen", `turn ${fact.seen}`]);
  return { title: fact.kind === "town" ? `Town ${fact.name}` : `Deposit of ${goods[fact.good].name}`, rows };
}

function buildingThing(page, building, whose) {
  const { goods, columns } = page.map;
  const rows = building.inputs.map(([good, units]) => [`${goods[good].name} waiting`, units]);
  rows.push([`${goods[building.good].name} in store`, building.stock]);
  if (building.ready_in > 0) rows.push(["works in", `${building.ready_in} turn${building.ready_in === 1 ? "" : "s"}`]);
  return { title: `${capital(columns.kinds[building.kind])} for ${goods[building.good].name}${whose}`, rows };
}

function cartThing(page, cart, whose) {
  const { goods, columns, side, capacity } = page.map;
  const rows = [["does", columns.phases[cart.phase]]];
  if (cart.source >= 0) rows.push(["route", `${place(cart.source, side)} → ${place(cart.target, side)}`]);
  rows.push(["load", cart.load > 0 ? `${cart.load} of ${capacity}, ${goods[cart.good].name}` : "empty"]);
  if (cart.leg_left > 0) rows.push(["arrives in", `${cart.leg_left} turn${cart.leg_left === 1 ? "" : "s"}`]);
  return { title: `Cart ${cart.number}${whose}`, rows };
}

function drawDetails(page, game, view, tile) {
  const facts = factsOf(page, game, view.turn, view.layer);
  return thingsOn(page, game, facts, tile).map((thing, number) =>
    el(
      "div",
      { class: number === 0 ? "thing land" : "thing" },
      el("strong", {}, thing.title),
      thing.rows.length > 0
        ? el(
            "dl",
            {},
            thing.rows.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, String(value)))),
          )
        : null,
    ),
  );
}

// Beside its tile, on the side where there is more room; never over the board's edge.
function placeBeside(board, node, tile) {
  const { side } = board.page.map;
  const [x, y] = middleOf(tile, side).map((at) => (at + edgeOf(side)) / board.unit);
  const [box, outer] = [board.node.getBoundingClientRect(), board.node.parentNode.getBoundingClientRect()];
  const [wide, high] = [box.width, box.height];
  const gap = (TILE * 0.6) / board.unit;
  const left = x < wide / 2 ? x + gap : x - gap - node.offsetWidth;
  const top = Math.min(Math.max(4, y - node.offsetHeight / 2), high - node.offsetHeight - 4);
  node.style.left = `${box.left - outer.left + Math.min(Math.max(4, left), Math.max(4, wide - node.offsetWidth - 4))}px`;
  node.style.top = `${box.top - outer.top + Math.max(4, top)}px`;
}

// --- moving over the map by keys ---
function moveTile(view, rows, columns) {
  const { side } = view.page.map;
  const tile = view.tile ?? Math.floor(side / 2) * side + Math.floor(side / 2);
  const row = Math.min(side - 1, Math.max(0, Math.floor(tile / side) + rows));
  const column = Math.min(side - 1, Math.max(0, (tile % side) + columns));
  view.set({ tile: row * side + column, hovered: null });
}

// The next thing on the map in reading order: a site, a building or a cart.
function nextThing(view, step) {
  const { page } = view;
  const facts = factsOf(page, page.games[view.board], view.turn, view.layer);
  const sites = facts.sites
    .filter((fact) => fact.known || facts.layer === "all")
    .map((fact) => page.map.sites[fact.site].tile);
  const others = facts.companies.flatMap((company) => [
    ...company.buildings.map((one) => one.tile),
    ...company.carts.map((cart) => tileOfCart(page, facts, cart)),
  ]);
  const tiles = [...new Set([...sites, ...others])].sort((a, b) => a - b);
  const at = view.tile ?? (step > 0 ? -1 : Infinity);
  const ahead =
    step > 0
      ? (tiles.find((tile) => tile > at) ?? tiles[0])
      : (tiles.findLast((tile) => tile < at) ?? tiles[tiles.length - 1]);
  view.set({ tile: ahead, hovered: null });
}
