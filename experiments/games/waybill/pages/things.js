// Layer 3, drawing: what stands and drives on a board. Sizes are in units of a hundredth of a tile.

function drawSite(page, fact, size) {
  const tile = page.map.sites[fact.site].tile;
  const [x, y] = middleOf(tile, page.map.side);
  if (!fact.known && fact.layerHides) return svg("g");
  const parts = fact.kind === "town" ? drawTown(fact, x, y, size) : drawDeposit(page, fact, x, y, size);
  return svg("g", { class: `site${fact.known ? (fact.remembered ? " remembered" : "") : " dim"}` }, parts);
}

function drawTown(fact, x, y, size) {
  return [
    symbol("town", x, y, size),
    svg("circle", { class: "town-badge", cx: x + size * 0.38, cy: y - size * 0.34 }),
    svg("text", { class: "town-name", x: x + size * 0.38, y: y - size * 0.34 }, fact.name),
  ];
}

function drawDeposit(page, fact, x, y, size) {
  const good = page.map.goods[fact.good];
  const taken = fact.owner !== -1;
  const share = Math.min(1, (fact.reserve ?? 0) / page.map.reserve);
  const [w, h] = [size * 0.74, size * 0.1];
  return [
    svg("circle", { class: "plate", cx: x, cy: y, r: size * 0.4, stroke: good.colour, "stroke-width": size * 0.05 }),
    taken ? symbol("extractor", x, y - size * 0.04, size * 0.92) : null,
    symbol(`good-${fact.good}`, x, y + (taken ? size * 0.14 : -size * 0.03), size * (taken ? 0.36 : 0.5)),
    svg("rect", { class: "bar", x: x - w / 2, y: y + size * 0.37, width: w, height: h, rx: h / 2 }),
    svg("rect", { fill: good.colour, x: x - w / 2, y: y + size * 0.37, width: w * share, height: h, rx: h / 2 }),
    typeof fact.owner === "number" && fact.owner > 0
      ? symbol(`flag-${fact.owner}`, x + size * 0.36, y - size * 0.3, size * 0.42)
      : null,
    fact.owner === "another" ? svg("text", { class: "taken", x, y: y - size * 0.5 }, "taken") : null,
  ];
}

function drawBuilding(page, company, building, size, beside) {
  const [left, top] = middleOf(building.tile, page.map.side);
  const rival = company.seat > 0;
  const [x, y] = beside > 0 ? [left + size * 0.16 * beside, top - size * 0.2 * beside] : [left, top];
  const scale = rival ? size * 0.84 : size;
  const lead = page.map.leads[building.kind];
  const works = page.map.columns.kinds[building.kind] === "workshop";
  return svg(
    "g",
    { class: "building" },
    works ? symbol("workshop", x, y, scale) : null,
    works ? svg("circle", { class: "plate small", cx: x, cy: y + scale * 0.17, r: scale * 0.19 }) : null,
    works ? symbol(`good-${building.good}`, x, y + scale * 0.17, scale * 0.28) : null,
    building.ready_in > 0 ? drawScaffold(x, y, scale, building.ready_in, lead) : null,
    rival && works ? symbol(`flag-${company.seat}`, x + size * 0.36, y - size * 0.3, size * 0.42) : null,
  );
}

function drawScaffold(x, y, size, left, lead) {
  const r = size * 0.25;
  const whole = 2 * Math.PI * r;
  const done = lead > 0 ? (1 - left / lead) * whole : 0;
  return svg(
    "g",
    {},
    symbol("scaffold", x, y, size),
    svg("circle", {
      class: "progress",
      cx: x,
      cy: y,
      r,
      "stroke-width": size * 0.07,
      "stroke-dasharray": `${done} ${whole}`,
      transform: `rotate(-90 ${x} ${y})`,
    }),
    svg("text", { class: "turns-left", x, y, "font-size": size * 0.26 }, String(left)),
  );
}

// --- roads ---
function drawRoads(page, facts, colours) {
  const lines = [];
  for (const company of [...facts.companies].reverse()) {
    const seen = new Map();
    for (const cart of company.carts) {
      const key = `${cart.source}-${cart.target}`;
      if (cart.source >= 0 && facts.ways[key] && !seen.has(key)) seen.set(key, cart.number);
    }
    let k = 0;
    for (const [key, number] of seen) {
      const shift = ((k % 3) - 1) * 9;
      const points = facts.ways[key].map(([tile]) =>
        middleOf(tile, page.map.side)
          .map((at) => at + shift)
          .join(","),
      );
      const colour = company.seat > 0 ? colours.rivals[company.seat - 1] : colours.carts[number % colours.carts.length];
      lines.push(svg("polyline", { class: "road-edge", points: points.join(" ") }));
      lines.push(
        svg("polyline", { class: company.seat > 0 ? "road rival" : "road", points: points.join(" "), stroke: colour }),
      );
      k += 1;
    }
  }
  return lines;
}

function drawOrder(page, order, size) {
  if (!order || order.tile < 0) return [];
  const [x, y] = middleOf(order.tile, page.map.side);
  const ring = (cx, cy) => svg("circle", { class: "order-ring", cx, cy, r: size * 0.56 });
  if (order.target < 0) return [ring(x, y)];
  const [toX, toY] = middleOf(order.target, page.map.side);
  return [svg("line", { class: "order-line", x1: x, y1: y, x2: toX, y2: toY }), ring(x, y), ring(toX, toY)];
}

// --- carts ---
function makeCart(company, cart, size) {
  const rival = company.seat > 0;
  const name = rival ? `rival-cart-${company.seat}` : `cart-${cart.number}`;
  const load = svg("g", { class: "load" });
  return {
    node: svg("g", { class: "cart" }, load, symbol(name, 0, 0, size * (rival ? 0.42 : 0.5))),
    load,
    carries: "",
  };
}

function placeCart(page, drawn, cart, next, part, ways, size) {
  const [row, column, aside] = cartSpot(cart, next, part, ways, page.map.side);
  const spread = (cart.number % 4) * 0.15 * size;
  const x = column * TILE + TILE / 2 + (spread - 0.36 * size) * aside;
  const y = row * TILE + TILE / 2 - (0.3 * size - spread * 0.3) * aside;
  drawn.node.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
  const carries = cart.load > 0 ? `good-${cart.good}` : "";
  if (carries !== drawn.carries) {
    drawn.load.replaceChildren(...(carries ? [symbol(carries, 0, -size * 0.21, size * 0.3)] : []));
    drawn.carries = carries;
  }
}
