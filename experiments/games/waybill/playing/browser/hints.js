// Playing, layer 3: hints, what-if and who plays for the person.

function makeHelp(table) {
  const { parts } = table;
  const { advisers } = table.opened.page.play;
  const names = { policy: "the policy", greedy: "greedy", planner: "the planner" };
  const ask = advisers.map((by) =>
    el("button", { type: "button", id: `hint-${by}`, onclick: () => askHint(table, by) }, capital(names[by])),
  );
  const players = advisers.filter((by) => by !== "planner");
  parts.by = el(
    "select",
    { id: "play-by" },
    players.map((by) => el("option", { value: by }, names[by])),
  );
  parts.turns = el("input", { type: "number", id: "play-turns", min: 1, step: 1, value: 1, inputmode: "numeric" });
  parts.take = [
    el("button", { type: "button", id: "let-play", onclick: () => handOver(table, Number(parts.turns.value)) }, "Let play"),
    el("button", { type: "button", id: "let-finish", onclick: () => handOver(table, null) }, "To the end"),
    el("button", { type: "button", id: "take-back", class: "main", onclick: () => act(table, "/stop", {}) }, "Take back"),
  ];
  parts.tried = el("div", { class: "tried", id: "tried", "aria-live": "polite" });
  return el(
    "section",
    { class: "card playing", "aria-labelledby": "help-yourself" },
    el("h2", { id: "help-yourself" }, "Ask, try, hand over"),
    el("p", { class: "note" }, "What would others order now?"),
    el("div", { class: "row", role: "group", "aria-label": "Ask for a hint" }, ask),
    el(
      "div",
      { class: "row" },
      el("label", { class: "pick" }, "Let ", parts.by),
      el("label", { class: "pick" }, "play turns ", parts.turns),
      parts.take,
    ),
    parts.tried,
  );
}

async function askHint(table, by) {
  if (!mayPlay(table)) return;
  say(table, by === "planner" ? "The planner is thinking: seconds, the first time a minute or two." : "Asking.");
  try {
    const told = await writeTo("/hint", { by, turn: table.news.turn });
    const { page, view } = table.opened;
    const turn = page.games[0].turns[told.turn];
    turn.hint = { ...turn.hint, ...told.decision };
    say(table, "");
    view.set({ at: page.last, layer: view.layer });
    const text = told.decision[by]?.text;
    byId("live").textContent = text ? `${capital(by)} would ${text}.` : "";
  } catch (error) {
    say(table, error.message);
  }
}

async function handOver(table, turns) {
  if (!mayPlay(table)) return;
  if (turns !== null && !(turns >= 1)) return say(table, "turns must be 1 or more");
  await act(table, "/play", { by: table.parts.by.value, turns: turns === null ? null : Math.round(turns), turn: table.news.turn });
}

async function tryOrder(table, row) {
  if (!mayPlay(table)) return;
  const by = table.parts.by.value;
  say(table, "Trying it on a copy of the game.");
  try {
    const told = await writeTo("/try", { order: row.order, by, turn: table.news.turn });
    say(table, "");
    table.parts.tried.replaceChildren(...drawTried(table, told));
  } catch (error) {
    say(table, error.message);
  }
}

function drawTried(table, told) {
  const { tried, usual } = told;
  const more = tried.score - usual.score;
  const broke = (line) => (line.bankrupt === 0 ? "" : line.bankrupt === 1 ? ", bankrupt" : `, bankrupt in ${Math.round(100 * line.bankrupt)} %`);
  const row = (name, line) =>
    el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, `${signed(line.score)}${broke(line)}`));
  const whose = told.by === "policy" ? "the policy" : told.by;
  const guess = told.exact ? "" : `, on average over ${told.copies} games that agree with what you know`;
  return [
    el("h3", {}, `What if: ${told.order}`),
    el(
      "table",
      {},
      el("caption", {}, `Profit at the end if ${whose} plays on from there${guess}. Your game is untouched.`),
      el("tbody", {}, row("with this order", tried), row(`as ${whose} would go on`, usual)),
    ),
    drawTwoLines(table, tried.profits, usual.profits),
    el("p", { class: more < 0 ? "bad" : "good" }, more === 0 ? "No difference." : `${signed(more)} coins with it.`),
  ];
}

// Both lines of play as one small chart: the order that is tried in the accent's colour.
function drawTwoLines(table, tried, usual) {
  const [wide, high] = [300, 70];
  const all = [...tried, ...usual, 0];
  const [low, top] = [Math.min(...all), Math.max(...all)];
  const line = (values, name) =>
    svg("polyline", {
      class: `trial ${name}`,
      points: values
        .map((value, k) => `${((k / Math.max(1, values.length - 1)) * wide).toFixed(1)},${(high - ((value - low) / Math.max(1, top - low)) * high).toFixed(1)}`)
        .join(" "),
    });
  return svg(
    "svg",
    { class: "trials", viewBox: `-3 -3 ${wide + 6} ${high + 6}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    line(usual, "without"),
    line(tried, "with"),
  );
}
