// Puts the layers together: reads the data, makes the view, draws, and draws again what a change concerns.

function makeGame(page, game, view, k) {
  const parts = Object.fromEntries(["status", "happened", "decision", "companies", "details"].map((name) => [name, el("div", { class: name })]));
  const board = makeBoard(page, game, view, k);
  const node = el("section", { class: "game", "aria-label": game.player },
    el("div", { class: "map" }, board.node, parts.details, el("p", { class: "hint" }, "Point at the map, tap it, or move over it with the arrow keys to be told what is there.")),
    el("div", { class: "side" },
      el("div", { class: "card" }, parts.status, parts.happened),
      el("div", { class: "card" }, parts.decision),
      el("div", { class: "card" }, parts.companies)));
  return { game, board, parts, node, k };
}

function drawGame(page, view, shown) {
  const { game, parts } = shown;
  const facts = factsOf(page, game, view.turn, view.layer);
  drawBoard(shown.board);
  parts.status.replaceChildren(...drawStatus(page, game, facts));
  parts.happened.replaceChildren(...drawHappened(facts));
  parts.decision.replaceChildren(...drawDecision(page, game, facts));
  parts.companies.replaceChildren(...drawCompanies(page, game, facts));
  showDetails(page, view, shown);
}

function showDetails(page, view, { game, board, parts, k }) {
  const tile = view.board === k ? view.hovered ?? view.tile : null;
  parts.details.hidden = tile === null;
  if (tile === null) return;
  parts.details.setAttribute("aria-live", view.hovered === null ? "polite" : "off"); // a pointer would say too much
  parts.details.replaceChildren(...drawDetails(page, game, view, tile));
  placeBeside(board, parts.details, tile);
}

// --- charts ---
function chartSpecs(page, view) {
  const { games } = page;
  const colours = page.map.colours.companies;
  const whole = { format: (value) => NUMBER.format(value) };
  const pair = games.length > 1;
  const specs = pair ? pairSpecs(page, view) : [{ title: "Profit", note: "coins", form: whole, series: profitSeries(page, games[0], view, colours) }];
  for (const [k, game] of games.entries()) {
    const of = pair ? `${k === 0 ? "left" : "right"}: ` : "";
    if (game.values?.unit && (view.layer === "all" || view.layer === 0)) specs.push(valueSpec(game, of));
    specs.push(priceSpec(page, game, view, of, k));
  }
  return specs;
}

function profitSeries(page, game, view, colours) {
  const seats = page.map.companies.map((_, seat) => seat).filter((seat) => view.layer === "all" || seat === view.layer);
  return seats.map((seat) => ({ name: companyName(page, game, seat), colour: colours[seat], values: seriesOf(game, profitOf(seat)) }));
}

function pairSpecs(page, view) {
  const form = { format: (value) => NUMBER.format(value) };
  const seat = view.layer === "all" ? 0 : view.layer;
  const both = page.games.map((game) => seriesOf(game, profitOf(seat)));
  const at = (values, turn) => values[Math.min(turn, values.length - 1)];
  const lead = Array.from({ length: page.last + 1 }, (_, turn) => at(both[0], turn) - at(both[1], turn));
  const colours = ["var(--left)", "var(--right)"];
  const series = page.games.map((game, k) => ({ name: `${k === 0 ? "left" : "right"}: ${companyName(page, game, seat)}`, colour: colours[k], values: both[k] }));
  return [
    { title: "Left less right", note: "difference of profits, coins", form: { format: signed }, series: [{ name: "difference", colour: "var(--accent)", values: lead }] },
    { title: "Profit", note: "coins", form, series },
  ];
}

function valueSpec(game, of) {
  const series = [
    { name: "value of the best action", colour: "var(--accent)", values: seriesOf(game, (turn) => turn.decision?.value) },
    { name: "return that came", colour: "var(--warm)", dashed: true, values: seriesOf(game, (turn) => turn.decision?.return) },
  ];
  return { title: capital(`${of}value and return`), note: `${game.values.unit}; ${game.values.note}`, form: VALUE, series };
}

function priceSpec(page, game, view, of, k) {
  const towns = page.map.sites.filter((site) => site.kind === "town");
  const goods = page.map.goods.map((good, number) => ({ ...good, number })).filter((good) => towns.some((town) => town.base[good.number] > 0));
  const options = [el("option", { value: "best" }, "best of all towns"), towns.map((town, number) => el("option", { value: number, selected: view.town === number }, `town ${town.name}`))];
  const choose = (event) => view.set({ town: event.target.value === "best" ? "best" : Number(event.target.value) });
  const tool = k === 0 ? el("label", { class: "pick" }, "Town ", el("select", { onchange: choose, "data-keep": "town" }, options)) : null;
  const series = goods.map((good) => ({ name: good.name, colour: good.colour, values: seriesOf(game, priceOf(page, view.layer, view.town, good.number)) }));
  return { title: capital(`${of}prices`), note: view.layer === "all" ? "coins for the next unit" : "coins, as last seen", form: { format: (value) => NUMBER.format(value) }, series, tool };
}

function drawCharts(page, view) {
  const kept = document.activeElement?.dataset?.keep;
  const charts = chartSpecs(page, view).map((spec) => makeChart(spec, view));
  byId("charts").replaceChildren(...charts.map((chart) => chart.figure));
  if (kept) byId("charts").querySelector(`[data-keep="${kept}"]`)?.focus();
  return charts;
}

// --- the head of the page ---
function drawHead(page, view) {
  const [one, other] = page.games;
  byId("title").textContent = other ? `${one.player} against ${other.player}` : one.player;
  const scores = page.games.map((game) => `${signed(game.score)} coins in ${game.turns.length - 1} of ${page.map.horizon} turns`);
  byId("subtitle").textContent = scores.join(" against ");
  byId("badge").replaceChildren(el("b", {}, page.map.level), ` · map ${page.map.map_seed} `, el("span", { class: "copy" }, "copy the command"));
  byId("badge").title = page.command;
  byId("badge").addEventListener("click", () => copyCommand(page));
  const names = { all: "everything" };
  const layers = layersOf(page);
  byId("layer").replaceChildren(...layers.map((layer) => el("option", { value: layer }, names[layer] ?? `what ${layer === 0 ? "the player" : page.map.companies[layer]} knows`)));
  byId("layer").closest("label").hidden = layers.length < 2;
  byId("layer").addEventListener("change", (event) => view.set({ layer: event.target.value === "all" ? "all" : Number(event.target.value) }));
  byId("theme").addEventListener("click", switchTheme);
  byId("theme").setAttribute("aria-pressed", String(window.matchMedia("(prefers-color-scheme: dark)").matches));
  byId("help-button").addEventListener("click", () => byId("help").showModal());
}

async function copyCommand(page) {
  try {
    await navigator.clipboard.writeText(page.command);
  } catch {
    const field = el("textarea", { class: "unseen" }, page.command); // files have no clipboard in some browsers
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  byId("badge").querySelector(".copy").textContent = "copied";
  byId("live").textContent = `Copied: ${page.command}`;
}

// --- beginning ---
function start() {
  const page = readPage(byId("data").textContent);
  const view = makeView(page);
  const shown = page.games.map((game, k) => makeGame(page, game, view, k));
  byId("stage").append(...shown.map((one) => one.node));
  byId("stage").classList.toggle("pair", shown.length > 1);
  drawHead(page, view);
  makeTimeline(page, view);
  makeKeys(view);
  let charts = drawCharts(page, view);
  view.onChange((changed) => {
    const any = (...names) => names.some((name) => changed.has(name));
    for (const one of shown) {
      if (any("turn", "layer")) drawGame(page, view, one);
      else if (changed.has("at")) drawCarts(one.board);
      if (any("tile", "hovered", "board")) {
        drawMark(one.board);
        showDetails(page, view, one);
      }
    }
    if (changed.has("layer")) {
      drawStrips(page, view);
      drawMoments(page, view);
      byId("subtitle").hidden = view.layer !== "all" && view.layer > 0; // the player's score, which others do not know
      byId("layer").value = String(view.layer);
    }
    if (any("layer", "kinds")) {
      drawKinds(page, view);
      drawEvents(page, view);
    }
    if (any("layer", "town")) charts = drawCharts(page, view);
    if (changed.has("turn")) charts.forEach(moveCursor);
    if (any("turn", "playing")) markEvents(view);
    if (any("turn", "layer")) byId("books").replaceChildren(...page.games.map((game) => drawBooks(page, game, factsOf(page, game, view.turn, view.layer))));
    if (any("turn", "playing", "speed", "layer")) drawTimeline(page, view);
    if (any("turn", "playing", "layer")) tellTurn(page, view);
  });
  keepPlaying(view);
  followAddress(view);
  view.set({ layer: view.layer });
}

start();
