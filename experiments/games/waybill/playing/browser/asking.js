// Playing, layer 1: asking the server. Who plays has a secret in the address; it is kept for this tab, never sent in an address.

const SECRET = "waybill secret";

function takeSecret() {
  const found = /(?:^#|&)token=([\w-]+)/.exec(window.location.hash);
  if (found) window.sessionStorage.setItem(SECRET, found[1]);
  if (found) window.history.replaceState(null, "", "#");
  return window.sessionStorage.getItem(SECRET);
}

async function readFrom(path, fields = {}) {
  const answer = await fetch(`${path}?${new URLSearchParams(fields)}`, { cache: "no-store" });
  return answered(answer);
}

async function writeTo(path, fields) {
  const headers = { "Content-Type": "application/json", "X-Waybill-Token": takeSecret() ?? "" };
  return answered(await fetch(path, { method: "POST", headers, body: JSON.stringify(fields) }));
}

async function answered(answer) {
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error ?? "the server did not say why");
  return told;
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

function coins(cost) {
  if (cost === 0) return "free";
  return cost > 0 ? `${NUMBER.format(cost)} coins` : `brings ${NUMBER.format(-cost)} coins`;
}
