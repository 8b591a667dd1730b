// Layer 3, drawing: the slider, its coloured turns, and the buttons beside it.

function makeTimeline(page, view) {
  const slider = byId("slider");
  slider.max = page.last;
  slider.addEventListener("input", () => view.goTo(Number(slider.value)));
  byId("legend").replaceChildren(
    ...page.marks
      .filter((mark) => mark !== "nothing")
      .map((mark) => el("span", {}, el("span", { class: `key ${mark}` }), MARK_WORDS[mark])),
    el("span", {}, el("span", { class: "key nothing" }), MARK_WORDS.nothing),
  );
  byId("speed").replaceChildren(
    ...SPEEDS.map((speed) => el("option", { value: speed, selected: speed === 1 }, `${speed}×`)),
  );
  byId("speed").addEventListener("change", (event) => view.set({ speed: Number(event.target.value) }));
  const press = (id, act) => byId(id).addEventListener("click", act);
  press("play", () => togglePlay(view));
  press("to-start", () => view.goTo(0));
  press("to-end", () => view.goTo(page.last));
  press("back", () => view.goTo(view.turn - 1));
  press("forward", () => view.goTo(view.turn + 1));
  press("event-before", () => jumpToEvent(view, -1));
  press("event-after", () => jumpToEvent(view, 1));
}

const MARK_WORDS = {
  bankruptcy: "bankrupt",
  illegal: "illegal order",
  build: "built or bought",
  clear: "cleared",
  sale: "sale",
  nothing: "nothing",
};

function drawStrips(page, view) {
  const seat = view.layer === "all" ? 0 : view.layer;
  byId("strips").replaceChildren(...page.games.map((game) => drawStrip(page, game, seat)));
}

// One strip a game: a bar for each turn, of the colour of what has just happened to the company in it.
function drawStrip(page, game, seat) {
  const last = Math.max(1, page.last);
  const bars = game.turns.slice(1).map((turn, k) =>
    svg("rect", {
      class: `bar ${turn.companies[seat]?.mark ?? "nothing"}`,
      x: k + 0.5,
      y: 0,
      width: 1.02,
      height: 10,
    }),
  );
  return svg("svg", { class: "strip", viewBox: `0 0 ${last} 10`, preserveAspectRatio: "none" }, bars);
}

function drawTimeline(page, view) {
  const slider = byId("slider");
  const facts = factsOf(page, page.games[0], view.turn, view.layer);
  slider.value = view.turn;
  slider.setAttribute(
    "aria-valuetext",
    `turn ${view.turn} of ${page.last}: ${facts.own.happened.join("; ") || "nothing to tell"}`,
  );
  byId("clock").textContent = `turn ${view.turn} of ${page.last}`;
  byId("play").textContent = view.playing ? "Pause" : "Play";
  byId("speed").value = String(view.speed);
}

// --- what a screen reader is told of a turn, when it stands still ---
function tellTurn(page, view) {
  if (view.playing) return;
  const told = page.games.map((game) => {
    const facts = factsOf(page, game, view.turn, view.layer);
    const happened = facts.own.happened.join("; ");
    const order = facts.decision ? ` Order now: ${facts.decision.order.text}.` : "";
    return `${companyName(page, game, facts.me)}: cash ${facts.own.cash}, profit ${facts.own.score}.${happened ? ` Just happened: ${happened}.` : ""}${order}`;
  });
  byId("live").textContent = `Turn ${view.turn} of ${page.last}. ${told.join(" ")}`;
}
