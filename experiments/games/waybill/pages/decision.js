// Layer 3, drawing: the policy's candidates with their values, beside what greedy and the planner would order.

const ADVISERS = { greedy: "greedy", planner: "planner" };

function drawDecision(page, game, facts) {
  const decision = facts.weighed;
  if (decision === null) return [];
  const rows = candidateRows(facts, decision);
  const values = decision.candidates ? (game.values ?? { name: decision.valueName }) : null;
  const title = values ? `${values.name}, best first` : "What others would order";
  const more =
    decision.candidates && decision.weighed > decision.candidates.length
      ? `the best ${decision.candidates.length} of ${decision.weighed}`
      : "";
  const notes =
    page.play && !page.play.over
      ? facts.advisers.map((name) => reasonOf(name, decision))
      : [adviceNote(game, facts)];
  return [
    el("h3", {}, title, more ? el("span", { class: "note" }, more) : null),
    el("ol", { class: "candidates" }, rows),
    ...notes.map((note) => el("p", { class: "note" }, note)),
  ];
}

function candidateRows(facts, decision) {
  const ranked = (decision.candidates ?? []).map(([text, value, chosen]) => ({
    text,
    value,
    tags: chosen ? [decision.policy ? "policy" : "chosen"] : [],
  }));
  const given = ranked.find((row) => decision.policy && row.text === decision.order?.text);
  if (given) given.tags.push("chosen");
  else if (decision.order && (decision.policy || ranked.length === 0))
    ranked.push({ text: decision.order.text, value: null, tags: ["chosen"] });
  for (const name of facts.advisers) {
    const same = decision[name].same
      ? ranked.find((row) => row.tags.includes("chosen"))
      : ranked.find((row) => row.text === decision[name].text);
    if (same) same.tags.push(name);
    else ranked.push({ text: decision[name].text, value: null, tags: [name], added: true });
  }
  const values = ranked.map((row) => row.value).filter((value) => value !== null);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return ranked.map((row) => drawCandidate(row, low, high));
}

function drawCandidate(row, low, high) {
  const share = row.value === null ? 0 : high > low ? 0.04 + (0.96 * (row.value - low)) / (high - low) : 1;
  const tags = row.tags.map((name) =>
    el("span", { class: `mark ${name}` }, ADVISERS[name] ?? name),
  );
  return el(
    "li",
    { class: `candidate${row.tags.includes("chosen") ? " chosen" : ""}`, style: `--share: ${share.toFixed(3)}` },
    el("span", { class: "text" }, capital(row.text), tags),
    el("span", { class: "value" }, row.value === null ? (row.added ? "not weighed" : "") : VALUE.format(row.value)),
  );
}

function reasonOf(name, decision) {
  return `${capital(ADVISERS[name])} would ${decision[name].text}: ${decision[name].reason}.`;
}

function adviceNote(game, facts) {
  const decision = facts.weighed;
  const differ = facts.advisers.filter((name) => !decision[name].same).map((name) => ADVISERS[name]);
  const says =
    facts.advisers.length === 0
      ? ""
      : differ.length === 0
        ? `${facts.advisers.map((name) => ADVISERS[name]).join(" and ")} would order the same. `
        : `Differs: ${differ.join(" and ")}. `;
  const effort = facts.advisers.includes("planner")
    ? `Planner: ${game.advice.planner}; it sees everything.`
    : facts.plannerHidden
      ? "The planner's order is not shown in this layer: it sees what the company does not know."
      : game.advice.planner
        ? ""
        : "The planner was not asked.";
  const unit = game.values?.unit ? ` Values in ${game.values.unit}: ${game.values.note}.` : "";
  return capital(says) + effort + unit;
}
