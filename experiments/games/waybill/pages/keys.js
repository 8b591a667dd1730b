// Layer 2 still: what the keys do. Single letters and signs can be switched off, for those who dictate or mistype.

const KEYS = [
  ["← →", "a turn back, a turn on (with shift: ten)"],
  ["Home End", "the first, the last turn"],
  ["Space", "play, pause"],
  ["n p", "next event, event before"],
  ["g", "go to a turn"],
  ["+ −", "faster, slower"],
  ["k", "next layer of what is known"],
  ["d", "dark or light"],
  [", .", "on the map: thing before, next thing"],
  ["arrows on the map", "move over its tiles, when the map has the focus; Escape lets go"],
  ["?", "this help"],
];

function letterKeys(view) {
  return {
    n: () => jumpToEvent(view, 1),
    p: () => jumpToEvent(view, -1),
    g: () => askForTurn(view),
    d: () => switchTheme(),
    k: () => nextLayer(view),
    "+": () => changeSpeed(view, 1),
    "=": () => changeSpeed(view, 1),
    "-": () => changeSpeed(view, -1),
    ",": () => nextThing(view, -1),
    ".": () => nextThing(view, 1),
    "?": () => byId("help").showModal(),
  };
}

function drawKeys() {
  byId("keys").replaceChildren(
    ...KEYS.map(([keys, what]) =>
      el(
        "div",
        {},
        el("dt", {}, keys.split(" ").length < 3 ? keys.split(" ").map((key) => [el("kbd", {}, key), " "]) : keys),
        el("dd", {}, what),
      ),
    ),
  );
}

function makeKeys(view) {
  drawKeys();
  const letters = letterKeys(view);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    const target = event.target;
    if (target.matches("select, input:not([type=range]), textarea")) return;
    const onMap = target.matches("svg.board");
    const act =
      (onMap && mapKey(view, event)) ||
      turnKey(view, event, target) ||
      (byId("letters").checked ? letters[event.key] : undefined);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function mapKey(view, event) {
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  if (moves[event.key] && !event.shiftKey) return () => moveTile(view, ...moves[event.key]);
  if (event.key === "Escape") return () => view.set({ tile: null });
  return undefined;
}

function turnKey(view, event, target) {
  const far = event.shiftKey ? 10 : 1;
  if (event.key === " " && target.matches("button, a, summary")) return undefined; // it presses them
  return {
    ArrowLeft: () => view.goTo(view.turn - far),
    ArrowRight: () => view.goTo(view.turn + far),
    Home: () => view.goTo(0),
    End: () => view.goTo(view.page.last),
    " ": () => togglePlay(view),
  }[event.key];
}

function changeSpeed(view, step) {
  const at = SPEEDS.indexOf(view.speed) + step;
  view.set({ speed: SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at))] });
}

function askForTurn(view) {
  const [dialog, field] = [byId("goto"), byId("goto-turn")];
  field.max = view.page.last;
  field.value = view.turn;
  dialog.returnValue = "";
  dialog.showModal();
  field.select();
  dialog.addEventListener(
    "close",
    () => {
      if (dialog.returnValue === "go" && field.value !== "") view.goTo(Math.round(Number(field.value)));
    },
    { once: true },
  );
}

function layersOf(page) {
  const seats = page.map.sight > 0 || page.map.companies.length > 1 ? page.map.companies.map((_, seat) => seat) : [];
  return page.games[0].turns[0].truth === null
    ? [page.games[0].turns[0].companies.findIndex(Boolean)]
    : ["all", ...seats];
}

function nextLayer(view) {
  const layers = layersOf(view.page);
  view.set({ layer: layers[(layers.indexOf(view.layer) + 1) % layers.length] });
}

function switchTheme() {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
  byId("theme").setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
}
