// Layer 2, the state of the view: the turn, what is shown, how fast it plays. Drawing listens to its changes.

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16];
const TURNS_A_SECOND = 2; // at speed 1
const CALM = window.matchMedia("(prefers-reduced-motion: reduce)");

function makeView(page) {
  const view = {
    page,
    at: 0,
    layer: layersOf(page)[0],
    playing: false,
    speed: 1,
    tile: null,
    hovered: null,
    board: 0,
    town: "best",
    kinds: new Set(Object.keys(page.kinds)),
    listeners: [],
    get turn() {
      return Math.floor(this.at + 1e-9);
    },
  };
  view.set = (changes) => {
    const before = { ...view, turn: view.turn };
    Object.assign(view, changes);
    view.at = Math.min(Math.max(0, view.at), page.last);
    const changed = new Set(Object.keys(changes));
    if (view.turn !== before.turn) changed.add("turn");
    for (const listen of view.listeners) listen(changed);
  };
  view.goTo = (turn) => view.set({ at: turn, playing: false });
  view.onChange = (listen) => view.listeners.push(listen);
  return view;
}

// --- playing ---
function keepPlaying(view) {
  let last = null;
  function tick(now) {
    if (!view.playing) {
      last = null;
      return;
    }
    const passed = last === null ? 0 : Math.min(0.1, (now - last) / 1000);
    last = now;
    const at = view.at + passed * view.speed * TURNS_A_SECOND;
    if (at >= view.page.last) view.set({ at: view.page.last, playing: false });
    else view.set({ at });
    requestAnimationFrame(tick);
  }
  view.onChange((changed) => {
    if (changed.has("playing") && view.playing && last === null) requestAnimationFrame(tick);
  });
}

function togglePlay(view) {
  if (view.playing) view.set({ playing: false, at: view.turn });
  else view.set({ playing: true, at: view.turn >= view.page.last ? 0 : view.turn });
}

// How much of the way to the next turn is shown; none where motion is not wanted.
function partOfTurn(view) {
  return CALM.matches ? 0 : view.at - view.turn;
}

// --- the address ---
function turnInAddress() {
  const found = /(?:^#|&)turn=(\d+)/.exec(window.location.hash);
  return found ? Number(found[1]) : null;
}

function followAddress(view) {
  const read = () => {
    const turn = turnInAddress();
    if (turn !== null && turn !== view.turn) view.goTo(turn);
  };
  window.addEventListener("hashchange", read);
  read();
  view.onChange((changed) => {
    if (changed.has("turn") || changed.has("playing")) keepAddress(view);
  });
}

function keepAddress(view) {
  if (view.playing) return; // browsers allow only so many changes in a while
  try {
    window.history.replaceState(null, "", `#turn=${view.turn}`);
  } catch {
    // a page in a frame without an address of its own has nothing to keep
  }
}
