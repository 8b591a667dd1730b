// Playing, layer 3: the legal orders of the place that is chosen, as the server tells them, and the buttons that give them.

function makeOrders(table) {
  const { parts } = table;
  parts.turn = el("h2", { id: "your-turn" });
  parts.state = el("p", { class: "note", id: "play-state" });
  parts.say = el("p", { class: "say", role: "status", id: "play-say" });
  parts.pass = el(
    "button",
    { type: "button", class: "main", id: "pass", title: "Order nothing (x)", onclick: () => giveOrder(table, PASS) },
    "Pass",
  );
  parts.undo = el(
    "button",
    { type: "button", id: "undo", title: "Take the last turn back (u)", onclick: () => undoTurn(table) },
    "Undo",
  );
  parts.carts = el("div", { class: "chips", role: "group", "aria-label": "Your carts", id: "send-carts" });
  parts.orders = el("div", { class: "orders", id: "orders" });
  return el(
    "section",
    { class: "card playing", "aria-labelledby": "your-turn" },
    parts.turn,
    parts.state,
    el("div", { class: "row" }, parts.pass, parts.undo),
    parts.carts,
    parts.orders,
    parts.say,
  );
}

const PASS = { order: "pass" };

// What is asked for: the orders of a tile or of a cart. Answers that come late are dropped.
async function chooseOrders(table, asked) {
  table.asked = asked;
  table.question += 1;
  const question = table.question;
  if (asked === null || !mayPlay(table)) return drawOrders(table, null);
  try {
    const told = await readFrom("/orders", asked);
    if (question === table.question) drawOrders(table, told.orders);
  } catch (error) {
    say(table, error.message);
  }
  return undefined;
}

function titleOf(table) {
  const { page } = table.opened;
  const { asked } = table;
  if (asked === null) return "Choose a place on the map";
  if (asked.cart !== undefined) return `Cart ${asked.cart}: send it`;
  const facts = factsOf(page, page.games[0], page.last, table.opened.view.layer);
  const things = thingsOn(page, page.games[0], facts, asked.tile).map((thing) => thing.title);
  return things.length > 1 ? `${things.slice(1).join(", ")} ${place(asked.tile, page.map.side)}` : things[0];
}

function drawOrders(table, orders) {
  const { parts } = table;
  if (!mayPlay(table)) return parts.orders.replaceChildren();
  const heads = [...new Set((orders ?? []).map((row) => row.head))];
  const groups = heads.map((head) =>
    el(
      "div",
      { class: "group" },
      el("h4", {}, head),
      el(
        "ul",
        {},
        orders.filter((row) => row.head === head).map((row) => orderRow(table, row)),
      ),
    ),
  );
  const none =
    orders === null
      ? "Tap a deposit, free land, a building or a town, or walk over the map with the arrow keys and press Enter."
      : "No order is legal here now.";
  parts.orders.replaceChildren(
    el("h3", {}, titleOf(table)),
    ...(groups.length > 0 ? groups : [el("p", { class: "hint" }, none)]),
  );
  return undefined;
}

function orderRow(table, row) {
  const give = el(
    "button",
    { type: "button", class: "give", onclick: () => giveOrder(table, row.order), "aria-label": `${row.whole}, ${coins(row.cost)}` },
    el("span", { class: "text" }, capital(row.text)),
    el("span", { class: "cost" }, coins(row.cost)),
    el("span", { class: "why" }, row.note),
  );
  const point = () => pointOut(table, row);
  give.addEventListener("focus", point);
  give.addEventListener("pointerenter", point);
  give.addEventListener("blur", () => pointOut(table, null));
  give.addEventListener("pointerleave", () => pointOut(table, null));
  const attempt = el(
    "button",
    { type: "button", class: "quiet try", onclick: () => tryOrder(table, row), "aria-label": `What if: ${row.whole}` },
    "What if",
  );
  return el("li", {}, give, attempt);
}

// Shows an order on the board while its button is looked at.
function pointOut(table, row) {
  const { page, drawn } = table.opened;
  const [one] = drawn.games;
  one.board.layers.order.replaceChildren(...(row ? drawOrder(page, row, one.board.size) : []));
}

async function giveOrder(table, order) {
  if (!mayPlay(table)) return;
  await act(table, "/order", { order, turn: table.news.turn });
}

async function undoTurn(table) {
  if (table.news.practice) await act(table, "/undo", { turn: table.news.turn });
}

// Something that changes the game: what is wrong with it is said, the rest comes with the news. A second press in the same turn is
// dropped; one in the next turn is not, though the answer to the first may still be on its way: news can be faster.
async function act(table, path, fields) {
  const { turn } = table.news;
  if (table.actsIn === turn) return;
  table.actsIn = turn;
  say(table, "");
  try {
    await writeTo(path, fields);
  } catch (error) {
    say(table, error.message);
  } finally {
    if (table.actsIn === turn) table.actsIn = null;
  }
}

function say(table, text) {
  table.parts.say.textContent = text === "" ? "" : capital(text);
}

function drawCartChips(table) {
  const { page } = table.opened;
  const company = page.games[0].turns[page.last].companies[0];
  const chips = company.carts.map((cart) =>
    el(
      "button",
      { type: "button", class: "chip", onclick: () => chooseOrders(table, { cart: cart.number }) },
      `cart ${cart.number}: ${page.map.columns.phases[cart.phase]}`,
    ),
  );
  table.parts.carts.replaceChildren(...(mayPlay(table) ? chips : []));
}
