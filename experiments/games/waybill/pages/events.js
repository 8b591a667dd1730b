// Layer 3, drawing: events as a list, the kinds that are listed, and the moments that decided the game.

function shownEvents(view) {
  const found = view.page.games.flatMap((game, k) =>
    eventsIn(game, view.layer).map((event) => ({ ...event, game, k })),
  );
  return found.filter((event) => view.kinds.has(event.kind)).sort((a, b) => a.turn - b.turn);
}

function jumpToEvent(view, step) {
  const turns = shownEvents(view).map((event) => event.turn);
  const turn = step > 0 ? turns.find((one) => one > view.turn) : turns.findLast((one) => one < view.turn);
  if (turn !== undefined) view.goTo(turn);
  else byId("live").textContent = step > 0 ? "No event after this turn." : "No event before this turn.";
}

function drawEvents(page, view) {
  const rows = shownEvents(view).map((event) => {
    const who = page.games.length > 1 ? `${event.k === 0 ? "left" : "right"}: ` : "";
    const button = el(
      "button",
      { type: "button", class: "event", "data-turn": event.turn, onclick: () => view.goTo(event.turn) },
      el("span", { class: "when" }, String(event.turn)),
      el("span", { class: `key ${event.kind}`, "aria-hidden": "true" }),
      el("span", { class: "kind" }, `${page.kinds[event.kind]}: `),
      el("span", {}, who + event.text),
    );
    return el("li", {}, button);
  });
  byId("events").replaceChildren(
    ...(rows.length > 0 ? rows : [el("li", { class: "hint" }, "No event of these kinds.")]),
  );
  markEvents(view);
}

function markEvents(view) {
  let nearest = null;
  for (const button of byId("events").querySelectorAll("button")) {
    const now = Number(button.dataset.turn) === view.turn;
    button.toggleAttribute("data-now", now);
    if (now) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
    if (now && nearest === null) nearest = button;
  }
  if (nearest !== null && !view.playing) showInside(byId("events"), nearest); // measuring costs a layout
}

// Scrolls the list alone, never the page.
function showInside(list, button) {
  const [outer, inner] = [list.getBoundingClientRect(), button.getBoundingClientRect()];
  if (inner.top < outer.top) list.scrollTop += inner.top - outer.top;
  else if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom;
}

function drawKinds(page, view) {
  const counts = (kind) =>
    page.games.flatMap((game) => eventsIn(game, view.layer)).filter((event) => event.kind === kind).length;
  const chips = Object.entries(page.kinds)
    .filter(([kind]) => counts(kind) > 0)
    .map(([kind, name]) => {
      const press = () => {
        const kinds = new Set(view.kinds);
        if (!kinds.delete(kind)) kinds.add(kind);
        view.set({ kinds });
      };
      return el(
        "button",
        {
          type: "button",
          class: "chip",
          "data-kind": kind,
          "aria-pressed": String(view.kinds.has(kind)),
          onclick: press,
        },
        el("span", { class: `key ${kind}`, "aria-hidden": "true" }),
        `${name} `,
        el("b", {}, String(counts(kind))),
      );
    });
  const focused = document.activeElement?.dataset?.kind;
  byId("kinds").replaceChildren(...chips);
  if (focused) byId("kinds").querySelector(`[data-kind="${focused}"]`)?.focus();
}

function drawMoments(page, view) {
  const named = page.games.length > 1 ? page.moments : page.games[0].moments;
  const hidden = view.layer !== "all";
  const cards = named.map((moment) =>
    el(
      "div",
      { class: "card moment" },
      el("h3", {}, capital(moment.title)),
      el("p", {}, moment.text),
      el("button", { type: "button", onclick: () => view.goTo(moment.turn) }, `Go to turn ${moment.turn}`),
    ),
  );
  const none = el(
    "p",
    { class: "hint" },
    hidden ? "Told of the whole truth only: choose “everything” above." : "Nothing stands out in the figures.",
  );
  byId("moments").replaceChildren(...(hidden || cards.length === 0 ? [none] : cards));
}
