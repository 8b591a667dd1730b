// Layer 3, drawing: how the companies stand, and the books.

function drawStatus(page, game, facts) {
  const company = facts.own;
  const figure = (label, value, tone = "") =>
    el("div", { class: `figure ${tone}` }, el("dt", {}, label), el("dd", {}, value));
  const state = { playing: "", over: "over", bankrupt: "bankrupt" }[company.status];
  const named = page.games.length > 1 || facts.me > 0 || state;
  return [
    el(
      "h2",
      { class: named ? null : "unseen" },
      companyName(page, game, facts.me),
      state ? el("span", { class: `state ${state}` }, state) : null,
    ),
    el(
      "dl",
      { class: "figures" },
      figure("turn", `${facts.turn} / ${page.map.horizon}`),
      figure("cash", NUMBER.format(company.cash), company.cash < 0 ? "bad" : ""),
      figure("profit", signed(company.score), company.score < 0 ? "bad" : "good"),
      figure("illegal", String(company.illegal), company.illegal > 0 ? "bad" : ""),
    ),
  ];
}

function drawHappened(page, facts) {
  const order = facts.decision?.order.text;
  const happened = facts.own.happened;
  return [
    el(
      "div",
      { class: "told" },
      el("span", { class: "label" }, "Just happened"),
      el("span", {}, happened.length > 0 ? capital(happened.join("; ")) : "Nothing to tell"),
    ),
    el(
      "div",
      { class: "told order" },
      el("span", { class: "label" }, "Order now"),
      el(
        "strong",
        {},
        order ? capital(order) : facts.me !== 0 ? "Not told: only the player's orders are" : unordered(page),
      ),
    ),
  ];
}

function unordered(page) {
  return page.play && !page.play.over ? "Not given yet" : "The game is over";
}

function drawCompanies(page, game, facts) {
  if (page.map.companies.length < 2) return [];
  const head = ["company", "sales known", "cash", "profit", "sites", "carts"];
  const rows = page.map.companies.map((_, seat) => {
    const company = facts.companies.find((one) => one.seat === seat);
    const cells = company
      ? [company.cash, company.score, company.buildings.length, company.carts.length].map((number) =>
          NUMBER.format(number),
        )
      : ["hidden", "", "", ""];
    const gone = company?.status === "bankrupt";
    return el(
      "tr",
      { class: gone ? "gone" : null },
      el(
        "th",
        { scope: "row" },
        el("span", toned("swatch", page.map.colours.companies[seat])),
        companyName(page, game, seat),
        gone ? " (bankrupt)" : "",
      ),
      [facts.sales[seat] === undefined ? "" : NUMBER.format(facts.sales[seat]), ...cells].map((cell) =>
        el("td", {}, cell),
      ),
    );
  });
  return [
    el(
      "div",
      { class: "wide" },
      el(
        "table",
        {},
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            head.map((name) => el("th", { scope: "col" }, name)),
          ),
        ),
        el("tbody", {}, rows),
      ),
    ),
  ];
}

// --- books ---
function drawBooks(page, game, facts) {
  const whose = page.games.length > 1 || facts.me > 0 ? [el("h3", {}, companyName(page, game, facts.me))] : [];
  return el("div", { class: "book" }, whose, moneyTable(page, facts.own), goodsTable(page, facts.own));
}

function moneyTable(page, company) {
  const most = Math.max(1, ...company.money.map(Math.abs));
  const rows = page.map.columns.money.map((account, k) => {
    const coins = company.money[k];
    const bar = el("span", {
      class: `amount ${coins < 0 ? "out" : "in"}`,
      style: `--share: ${((Math.abs(coins) / most) * 100).toFixed(1)}%`,
    });
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, account),
      el("td", {}, signed(coins)),
      el("td", { class: "bars", "aria-hidden": "true" }, bar),
    );
  });
  const total = el(
    "tr",
    { class: "total" },
    el("th", { scope: "row" }, "cash"),
    el("td", {}, NUMBER.format(company.cash)),
    el("td", {}),
  );
  return el(
    "table",
    { class: "money" },
    el("caption", {}, "Coins by account, from the start to this turn"),
    el("tbody", {}, rows, total),
  );
}

function goodsTable(page, company) {
  const names = page.map.columns.goods;
  const rows = page.map.goods.map((good, k) =>
    el(
      "tr",
      {},
      el(
        "th",
        { scope: "row" },
        svg(
          "svg",
          { class: "icon", viewBox: "-50 -50 100 100", "aria-hidden": "true" },
          symbol(`good-${k}`, 0, 0, 100),
        ),
        good.name,
      ),
      company.goods[k].map((units) => el("td", { class: units === 0 ? "none" : null }, NUMBER.format(units))),
    ),
  );
  return el(
    "div",
    { class: "wide" },
    el(
      "table",
      {},
      el("caption", {}, "Units of goods"),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("th", { scope: "col" }, "good"),
          names.map((name) => el("th", { scope: "col" }, name)),
        ),
      ),
      el("tbody", {}, rows),
    ),
  );
}
