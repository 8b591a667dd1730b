// Playing, layer 3: puts the panels beside the board, follows the news, and shows how the game ended.

function mayPlay(table) {
  return table.secret !== null && !table.news.over && table.news.plays === null;
}

function startPlaying({ page, view, drawn }) {
  const table = { opened: { page, view, drawn }, news: page.play, secret: takeSecret(), parts: {}, asked: null, question: 0, actsIn: null };
  if (page.play.over) return showEnding(table);
  document.body.classList.add("live");
  KEYS.push(["Enter", "on the map: to the orders of the tile"], ["x", "pass"], ["u", "undo, where it is on"]);
  drawKeys();
  byId("moments").closest("section").hidden = true;
  const side = drawn.games[0].node.querySelector(".side");
  side.prepend(makeOrders(table), ...(table.secret === null ? [] : [makeHelp(table)]));
  view.onChange((changed) => {
    if (changed.has("tile") && view.tile !== null) chooseOrders(table, { tile: view.tile });
    if (changed.has("turn")) drawChoices(table);
  });
  document.addEventListener("keydown", (event) => playKey(table, event));
  view.goTo(page.last);
  drawTable(table);
  if (page.play.trouble !== null) say(table, page.play.trouble);
  return follow(table);
}

// --- news ---
async function follow(table) {
  for (;;) {
    try {
      const { version, undone } = table.news;
      const since = table.opened.page.games[0].turns.length;
      const news = await readFrom("/news", { version, since, undone });
      if (news.over) return window.location.reload();
      if (news.version !== version) takeNews(table, news);
    } catch (error) {
      const gone = "The game does not answer: it was ended in the terminal, or this page is an old one.";
      say(table, error.name === "Error" ? error.message : gone); // a name of its own if nobody answered
      await pause(3000);
    }
  }
}

function takeNews(table, news) {
  const { page, view } = table.opened;
  const [game] = page.games;
  const atEnd = view.turn >= page.last || (table.drives && view.playing);
  const before = page.last;
  const first = Math.max(0, news.first - 1);
  const hints = game.turns.slice(first).map((turn) => turn.hint);
  game.turns.length = first;
  for (const told of news.turns) addTurn(game, told, page.map.columns);
  if (news.undone === table.news.undone) hints.forEach((hint, k) => (game.turns[first + k].hint = hint));
  page.map.sites = news.sites;
  game.events = news.events;
  game.score = news.score;
  if (news.trouble !== table.news.trouble) say(table, news.trouble ?? ""); // what played or advised has failed
  page.last = game.turns.length - 1;
  table.news = news;
  byId("slider").max = page.last;
  const drives = atEnd && page.last > before && !CALM.matches; // the carts drive on to the new turn
  table.drives = drives;
  const at = drives ? page.last - 1 : atEnd ? page.last : view.at;
  view.set({ layer: view.layer, at, playing: drives });
  drawTable(table);
}

function drawTable(table) {
  const { news, parts } = table;
  const { page } = table.opened;
  byId("title").textContent = "Your game";
  byId("subtitle").textContent = `${signed(news.score)} coins after ${news.turn} of ${page.map.horizon} turns${news.practice ? ". Practice: undo is on" : ""}`;
  const watching = table.secret === null;
  parts.turn.textContent = watching ? "You are watching" : `Your order in turn ${news.turn}`;
  const state = news.plays === null ? "" : `${capital(news.plays === "policy" ? "the policy" : news.plays)} plays${watching ? "" : " for you"}.`;
  parts.state.textContent = state || (watching ? "Only who has the address from the terminal gives orders." : "");
  parts.pass.hidden = watching;
  parts.pass.disabled = !mayPlay(table);
  parts.undo.hidden = watching || !news.practice;
  parts.undo.disabled = news.turn === 0;
  if (parts.take) {
    const [some, all, back] = parts.take;
    some.disabled = all.disabled = news.plays !== null;
    back.hidden = news.plays === null;
  }
  if (parts.tried && table.triedAt !== news.turn) parts.tried.replaceChildren();
  table.triedAt = news.turn;
  drawCartChips(table);
  drawChoices(table);
  chooseOrders(table, table.asked?.cart === undefined ? table.asked : null);
}

// Where something can be ordered beside workshops, which stand on any free land: a ring on the board's last turn.
function drawChoices(table) {
  const { page, view, drawn } = table.opened;
  const { board } = drawn.games[0];
  table.choices ??= board.node.insertBefore(svg("g", { class: "choices" }), board.layers.marks);
  const { extract = [], haul = [] } = table.news.places ?? {};
  const tiles = mayPlay(table) && view.turn === page.last ? [...new Set([...extract, ...haul])] : [];
  table.choices.replaceChildren(
    ...tiles.map((tile) => {
      const [x, y] = middleOf(tile, page.map.side);
      return svg("circle", { class: "choice", cx: x, cy: y, r: board.size * 0.5 });
    }),
  );
}

// --- keys ---

function playKey(table, event) {
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches("select, input, textarea")) return;
  if (event.key === "Enter" && event.target.matches("svg.board")) {
    event.preventDefault();
    const { view } = table.opened;
    if (view.tile === null) return;
    chooseOrders(table, { tile: view.tile }).then(() => table.parts.orders.querySelector("button")?.focus());
  }
  if (!byId("letters").checked) return;
  if (event.key === "x") giveOrder(table, PASS);
  if (event.key === "u") undoTurn(table);
}

// --- the end ---
async function showEnding(table) {
  const { page, view, drawn } = table.opened;
  view.goTo(page.last);
  const node = el("section", { class: "card playing", "aria-labelledby": "ended", id: "ending" });
  drawn.games[0].node.querySelector(".side").prepend(node);
  for (;;) {
    try {
      const told = await readFrom("/ending");
      node.replaceChildren(...drawEnding(page, told));
      if (told.complete) return;
    } catch {
      return;
    }
    await pause(1000);
  }
}

function drawEnding(page, told) {
  const rows = told.rows.map(([name, score], k) =>
    el(
      "tr",
      { class: k === 0 ? "own" : null },
      el("th", { scope: "row" }, k === 0 ? `you (${name})` : name),
      el("td", {}, score === null ? "plays …" : typeof score === "string" ? "failed" : signed(score)),
    ),
  );
  return [
    el("h2", { id: "ended" }, "The game is over"),
    el(
      "table",
      {},
      el("caption", {}, `Profit in coins on ${page.map.level}, map ${page.map.map_seed}`),
      el("tbody", {}, rows),
    ),
    ...told.rows.filter(([, score]) => typeof score === "string").map(([, line]) => el("p", { class: "say" }, capital(line))),
    told.saved ? el("p", { class: "note" }, `Saved as ${told.saved}. What to type next:`) : null,
    el(
      "ul",
      { class: "commands" },
      told.next.map((command) => el("li", {}, el("code", {}, command))),
    ),
  ].filter((child) => child !== null);
}

if (opened.page.play) startPlaying(opened);
