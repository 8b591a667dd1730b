// Layer 3, drawing: which charts there are, and what is drawn in them.

function chartSpecs(page, view) {
  const { games } = page;
  const colours = page.map.colours.companies;
  const whole = { format: (value) => NUMBER.format(value) };
  const pair = games.length > 1;
  const specs = pair
    ? pairSpecs(page, view)
    : [{ title: "Profit", note: "coins", form: whole, series: profitSeries(page, games[0], view, colours) }];
  for (const [k, game] of games.entries()) {
    const of = pair ? `${k === 0 ? "left" : "right"}: ` : "";
    if (game.values?.unit && (view.layer === "all" || view.layer === 0)) specs.push(valueSpec(game, of));
    specs.push(priceSpec(page, game, view, of, k));
  }
  return specs;
}

function profitSeries(page, game, view, colours) {
  const seats = page.map.companies.map((_, seat) => seat).filter((seat) => view.layer === "all" || seat === view.layer);
  return seats.map((seat) => ({
    name: companyName(page, game, seat),
    colour: colours[seat],
    values: seriesOf(game, profitOf(seat)),
  }));
}

function pairSpecs(page, view) {
  const form = { format: (value) => NUMBER.format(value) };
  const seat = view.layer === "all" ? 0 : view.layer;
  const both = page.games.map((game) => seriesOf(game, profitOf(seat)));
  const at = (values, turn) => values[Math.min(turn, values.length - 1)];
  const lead = Array.from({ length: page.last + 1 }, (_, turn) => at(both[0], turn) - at(both[1], turn));
  const colours = ["var(--left)", "var(--right)"];
  const series = page.games.map((game, k) => ({
    name: `${k === 0 ? "left" : "right"}: ${companyName(page, game, seat)}`,
    colour: colours[k],
    values: both[k],
  }));
  return [
    {
      title: "Left less right",
      note: "difference of profits, coins",
      form: { format: signed },
      series: [{ name: "difference", colour: "var(--accent)", values: lead }],
    },
    { title: "Profit", note: "coins", form, series },
  ];
}

function valueSpec(game, of) {
  const series = [
    {
      name: "value of the best action",
      colour: "var(--accent)",
      values: seriesOf(game, (turn) => turn.decision?.value),
    },
    {
      name: "return that came",
      colour: "var(--warm)",
      dashed: true,
      values: seriesOf(game, (turn) => turn.decision?.return),
    },
  ];
  return {
    title: capital(`${of}value and return`),
    note: `${game.values.unit}; ${game.values.note}`,
    form: VALUE,
    series,
  };
}

function priceSpec(page, game, view, of, k) {
  const towns = page.map.sites.filter((site) => site.kind === "town");
  const goods = page.map.goods
    .map((good, number) => ({ ...good, number }))
    .filter((good) => towns.some((town) => town.base[good.number] > 0));
  const options = [
    el("option", { value: "best" }, "best of all towns"),
    towns.map((town, number) => el("option", { value: number, selected: view.town === number }, `town ${town.name}`)),
  ];
  const choose = (event) => view.set({ town: event.target.value === "best" ? "best" : Number(event.target.value) });
  const tool =
    k === 0
      ? el("label", { class: "pick" }, "Town ", el("select", { onchange: choose, "data-keep": "town" }, options))
      : null;
  const series = goods.map((good) => ({
    name: good.name,
    colour: good.colour,
    values: seriesOf(game, priceOf(page, view.layer, view.town, good.number)),
  }));
  return {
    title: capital(`${of}prices`),
    note: view.layer === "all" ? "coins for the next unit" : "coins, as last seen",
    form: { format: (value) => NUMBER.format(value) },
    series,
    tool,
  };
}

function drawCharts(page, view) {
  const kept = document.activeElement?.dataset?.keep;
  const charts = chartSpecs(page, view).map((spec) => makeChart(spec, view));
  byId("charts").replaceChildren(...charts.map((chart) => chart.figure));
  if (kept) byId("charts").querySelector(`[data-keep="${kept}"]`)?.focus();
  return charts;
}
