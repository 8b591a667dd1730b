// Layer 1, data: the JSON of a page as objects. A turn is read on its own, so turns may also come one by one.

function named(row, names) {
  return Object.fromEntries(names.map((name, k) => [name, row[k]]));
}

function readCompany(company, columns) {
  if (company === null) return null;
  return {
    ...company,
    buildings: company.buildings.map((row) => named(row, columns.building)),
    carts: company.carts.map((row, number) => ({ number, ...named(row, columns.cart) })),
  };
}

// Adds one turn's JSON to a game; ways that it tells are kept for later turns, too.
function addTurn(game, told, columns) {
  Object.assign(game.ways, told.ways);
  game.turns.push({ ...told, companies: told.companies.map((company) => readCompany(company, columns)) });
}

function readPage(text) {
  const page = JSON.parse(text);
  page.games = page.games.map((told) => {
    const game = { ...told, ways: {}, turns: [] };
    for (const turn of told.turns) addTurn(game, turn, page.map.columns);
    return game;
  });
  page.last = Math.max(...page.games.map((game) => game.turns.length - 1));
  return page;
}

function turnOf(game, turn) {
  return game.turns[Math.min(turn, game.turns.length - 1)];
}

// Where a cart is: row and column, as fractions of tiles. `share` of its way is behind it.
function along(way, share, side) {
  const far = share * way[way.length - 1][1];
  let k = 1;
  while (k < way.length - 1 && way[k][1] < far) k += 1;
  if (way.length < 2) return [Math.floor(way[0][0] / side), way[0][0] % side];
  const [[one, start], [other, end]] = [way[k - 1], way[k]];
  const part = (far - start) / (end - start);
  const mix = (a, b) => a + (b - a) * part;
  return [mix(Math.floor(one / side), Math.floor(other / side)), mix(one % side, other % side)];
}

function shareDriven(cart) {
  return cart.leg_turns > 0 ? Math.max(0, 1 - cart.leg_left / cart.leg_turns) : 1; // 0: not yet at the start of its leg
}

// [row, column, aside]: at the ends of its way a cart stands aside (1), so that what is there can be seen.
function spotOf(cart, share, ways, side) {
  const way = ways[`${cart.leg_from}-${cart.leg_to}`];
  const spot = way ? along(way, share, side) : [Math.floor(cart.leg_to / side), cart.leg_to % side];
  return [...spot, Math.abs(2 * share - 1) ** 4];
}

// A cart between two turns: on along its way, or to the end of it if it is at the beginning of another one then.
function cartSpot(cart, next, part, ways, side) {
  const now = shareDriven(cart);
  if (part <= 0 || !next) return spotOf(cart, now, ways, side);
  if (next.leg_from === cart.leg_from && next.leg_to === cart.leg_to) {
    return spotOf(cart, now + (shareDriven(next) - now) * part, ways, side);
  }
  if (next.leg_from === cart.leg_to && shareDriven(next) === 0) return spotOf(cart, now + (1 - now) * part, ways, side);
  const [from, to] = [spotOf(cart, now, ways, side), spotOf(next, shareDriven(next), ways, side)];
  return from.map((place, k) => place + (to[k] - place) * part);
}
