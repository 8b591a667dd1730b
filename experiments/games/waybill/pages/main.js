// Puts the layers together: reads the data, makes the view, draws, and draws again what a change concerns.

function makeGame(page, game, view, k) {
  const parts = Object.fromEntries(
    ["status", "happened", "decision", "companies", "details"].map((name) => [name, el("div", { class: name })]),
  );
  const board = makeBoard(page, game, view, k);
  const node = el(
    "section",
    { class: "game", "aria-label": game.player },
    el(
      "div",
      { class: "map" },
      board.node,
      parts.details,
      el(
        "p",
        { class: "hint" },
        "Point at the map, tap it, or move over it with the arrow keys to be told what is there.",
      ),
    ),
    el(
      "div",
      { class: "side" },
      el("div", { class: "card" }, parts.status, parts.happened),
      el("div", { class: "card" }, parts.decision),
      el("div", { class: "card" }, parts.companies),
    ),
  );
  return { game, board, parts, node, k };
}

function drawGame(page, view, shown) {
  const { game, parts } = shown;
  const facts = factsOf(page, game, view.turn, view.layer);
  drawBoard(shown.board);
  parts.status.replaceChildren(...drawStatus(page, game, facts));
  parts.happened.replaceChildren(...drawHappened(page, facts));
  parts.decision.replaceChildren(...drawDecision(page, game, facts));
  parts.companies.replaceChildren(...drawCompanies(page, game, facts));
  showDetails(page, view, shown);
}

function showDetails(page, view, { game, board, parts, k }) {
  const tile = view.board === k ? (view.hovered ?? view.tile) : null;
  parts.details.hidden = tile === null;
  if (tile === null) return;
  parts.details.setAttribute("aria-live", view.hovered === null ? "polite" : "off"); // a pointer would say too much
  parts.details.replaceChildren(...drawDetails(page, game, view, tile));
  placeBeside(board, parts.details, tile);
}

// --- the head of the page ---
function drawHead(page, view) {
  const [one, other] = page.games;
  byId("title").textContent = other ? `${one.player} against ${other.player}` : one.player;
  const scores = page.games.map(
    (game) => `${signed(game.score)} coins in ${game.turns.length - 1} of ${page.map.horizon} turns`,
  );
  byId("subtitle").textContent = scores.join(" against ");
  byId("badge").replaceChildren(
    el("b", {}, page.map.level),
    ` · map ${page.map.map_seed} `,
    el("span", { class: "copy" }, "copy the command"),
  );
  byId("badge").title = page.command;
  byId("badge").addEventListener("click", () => copyCommand(page));
  const names = { all: "everything" };
  const layers = layersOf(page);
  byId("layer").replaceChildren(
    ...layers.map((layer) =>
      el(
        "option",
        { value: layer },
        names[layer] ?? `what ${layer === 0 ? "the player" : page.map.companies[layer]} knows`,
      ),
    ),
  );
  byId("layer").closest("label").hidden = layers.length < 2;
  byId("layer").addEventListener("change", (event) =>
    view.set({ layer: event.target.value === "all" ? "all" : Number(event.target.value) }),
  );
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

// --- drawing again ---
// Draws again what a change concerns; `changed` are the names of what is new in the view.
function redraw(page, view, drawn, changed) {
  const any = (...names) => names.some((name) => changed.has(name));
  for (const one of drawn.games) {
    if (any("turn", "layer")) drawGame(page, view, one);
    else if (changed.has("at")) drawCarts(one.board);
    if (any("tile", "hovered", "board")) {
      drawMark(one.board);
      showDetails(page, view, one);
    }
  }
  redrawRest(page, view, drawn, any);
}

function redrawRest(page, view, drawn, any) {
  if (any("layer")) {
    drawStrips(page, view);
    drawMoments(page, view);
    byId("subtitle").hidden = view.layer !== "all" && view.layer > 0; // the player's score, which others do not know
    byId("layer").value = String(view.layer);
  }
  if (any("layer", "kinds")) {
    drawKinds(page, view);
    drawEvents(page, view);
  }
  if (any("layer", "town")) drawn.charts = drawCharts(page, view);
  if (any("turn")) drawn.charts.forEach(moveCursor);
  if (any("turn", "playing")) markEvents(view);
  if (any("turn", "layer"))
    byId("books").replaceChildren(
      ...page.games.map((game) => drawBooks(page, game, factsOf(page, game, view.turn, view.layer))),
    );
  if (any("turn", "playing", "speed", "layer")) drawTimeline(page, view);
  if (any("turn", "playing", "layer")) tellTurn(page, view);
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
  const drawn = { games: shown, charts: [] };
  view.onChange((changed) => redraw(page, view, drawn, changed));
  keepPlaying(view);
  followAddress(view);
  view.set({ layer: view.layer });
  return { page, view, drawn };
}

const opened = start();
