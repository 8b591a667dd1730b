// Layer 1 still: what may be shown of a turn. All drawing asks here, so that nothing shows what a layer hides.
// A layer is "all", the truth, or the seat of a company: what it knows.

function siteFact(page, turn, site, layer) {
  const fixed = page.map.sites[site];
  const deposits = page.map.sites.filter((one) => one.kind === "deposit").length;
  const town = site - deposits;
  if (layer === "all") {
    const truth = turn.truth;
    const own = turn.known[0];
    return {
      ...fixed,
      site,
      known: own === null || own.seen[site] >= 0,
      seen: turn.turn,
      reserve: town < 0 ? truth.reserves[site] : null,
      owner: town < 0 ? truth.owners[site] : -1,
      prices: town < 0 ? null : truth.prices[town],
    };
  }
  const known = turn.known[layer];
  const own = turn.companies[layer].buildings.some((building) => building.site === site);
  const fact = {
    ...fixed,
    site,
    known: known.seen[site] >= 0,
    seen: known.seen[site],
    owner: -1,
    remembered: known.seen[site] < turn.turn,
  };
  if (!fact.known) return { kind: "unknown", site, known: false };
  if (town >= 0) return { ...fact, reserve: null, prices: known.prices[town] };
  return {
    ...fact,
    reserve: known.reserves[site],
    prices: null,
    owner: own ? layer : known.taken[site] ? "another" : -1,
  };
}

function visibleSeats(turn, layer) {
  const seats = turn.companies.map((_, seat) => seat);
  return layer === "all" ? seats.filter((seat) => turn.companies[seat] !== null) : [layer];
}

function factsOf(page, game, number, layer) {
  const turn = turnOf(game, number);
  const seats = visibleSeats(turn, layer);
  const me = layer === "all" ? 0 : layer;
  const decision = me === 0 && turn.decision ? { ...turn.hint, ...turn.decision } : null;
  const weighed = decision ?? (me === 0 ? (turn.hint ?? null) : null); // hints stand where nothing is ordered yet
  const hidden = layer !== "all" && (page.map.sight > 0 || page.map.companies.length > 1);
  return {
    turn: turn.turn,
    over: turn.over,
    ways: game.ways,
    layer,
    me,
    decision,
    weighed,
    advisers: ["greedy", "planner"].filter((name) => weighed?.[name] && (name === "greedy" || !hidden || turn.hint)),
    plannerHidden: hidden && !turn.hint && Boolean(weighed?.planner),
    sites: page.map.sites.map((_, site) => siteFact(page, turn, site, layer)),
    companies: seats.map((seat) => ({ seat, ...turn.companies[seat] })),
    own: turn.companies[me],
    sales: turn.known[me] === null ? [] : turn.known[me].sales,
    tag: turn.companies[me].happened,
  };
}

function eventsIn(game, layer) {
  return game.events.filter((event) => layer === "all" || event.seat === layer);
}

function companyName(page, game, seat) {
  return seat === 0 ? game.player : page.map.companies[seat];
}

// One number a turn, null where it is not known: [turns]. `pick` takes it from a turn.
function seriesOf(game, pick) {
  return game.turns.map((turn) => pick(turn) ?? null);
}

function profitOf(seat) {
  return (turn) => turn.companies[seat]?.score;
}

function priceOf(page, layer, town, good) {
  const deposits = page.map.sites.filter((site) => site.kind === "deposit").length;
  const towns = page.map.sites
    .slice(deposits)
    .map((_, k) => k)
    .filter((k) => town === "best" || k === town);
  return (turn) => {
    const prices = layer === "all" ? turn.truth?.prices : turn.known[layer]?.prices;
    const paid = towns.map((k) => prices?.[k]?.[good]).filter((price) => price > 0);
    return paid.length > 0 ? Math.max(...paid) : null;
  };
}
