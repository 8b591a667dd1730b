// Layer 3, drawing: series over the turns as lines, with a cursor at the present turn and the numbers there.

const CHART_HEIGHT = 170;
const PAD = { left: 46, right: 12, top: 8, bottom: 22 };

// A chart: { title, note, form, series: [{ name, colour, values, dashed }] }, values [turns] with null for gaps.
function makeChart(spec, view) {
  const node = svg("svg", { class: "chart", role: "img", "aria-label": spec.title, height: CHART_HEIGHT });
  const legend = el("ul", { class: "lines" });
  const figure = el(
    "figure",
    { class: "card" },
    el(
      "figcaption",
      {},
      el("strong", {}, spec.title),
      spec.note ? el("span", { class: "note" }, spec.note) : null,
      spec.tool ?? null,
    ),
    node,
    legend,
  );
  const chart = { spec, view, node, legend, figure, width: 0 };
  node.addEventListener("click", (event) => {
    const inner = chart.width - PAD.left - PAD.right;
    const share = (event.clientX - node.getBoundingClientRect().left - PAD.left) / inner;
    view.goTo(Math.round(Math.min(1, Math.max(0, share)) * view.page.last));
  });
  new ResizeObserver(() => {
    if (node.clientWidth !== chart.width) drawChart(chart);
  }).observe(node);
  return chart;
}

function drawChart(chart) {
  const { node, spec, view } = chart;
  chart.width = node.clientWidth;
  const [low, high] = rangeOf(spec.series);
  const x = (turn) => PAD.left + (turn / Math.max(1, view.page.last)) * (chart.width - PAD.left - PAD.right);
  const y = (value) => PAD.top + ((high - value) / (high - low)) * (CHART_HEIGHT - PAD.top - PAD.bottom);
  chart.x = x;
  chart.y = y;
  chart.cursor = svg("line", { class: "now", y1: PAD.top, y2: CHART_HEIGHT - PAD.bottom });
  chart.dots = spec.series.map((series) => svg("circle", { r: 3.5, ...toned("dot", series.colour) }));
  node.replaceChildren(
    ...drawAxes(chart, low, high),
    ...spec.series.map((series) => drawLine(series, x, y)),
    chart.cursor,
    ...chart.dots,
  );
  moveCursor(chart);
}

function rangeOf(series) {
  const values = series.flatMap((one) => one.values).filter((value) => value !== null);
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  return high > low ? [low, high] : [low, low + 1];
}

function niceStep(span, most) {
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((k) => k * power).find((step) => step >= rough);
}

function drawAxes(chart, low, high) {
  const { x, y, width, view } = chart;
  const nodes = [];
  const step = niceStep(high - low, 4);
  for (let k = Math.ceil(low / step); k * step <= high + 1e-9; k += 1) {
    const value = k === 0 ? 0 : k * step;
    const text = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 }).format(value);
    nodes.push(
      svg("line", {
        class: value === 0 ? "zero" : "grid",
        x1: PAD.left,
        x2: width - PAD.right,
        y1: y(value),
        y2: y(value),
      }),
    );
    nodes.push(
      svg(
        "text",
        { class: "tick", x: PAD.left - 6, y: y(value), "text-anchor": "end", "dominant-baseline": "central" },
        text,
      ),
    );
  }
  const turns = niceStep(Math.max(4, view.page.last), 6);
  for (let turn = 0; turn <= view.page.last; turn += Math.max(1, Math.round(turns))) {
    nodes.push(svg("text", { class: "tick", x: x(turn), y: CHART_HEIGHT - 6, "text-anchor": "middle" }, String(turn)));
  }
  return nodes;
}

function drawLine(series, x, y) {
  const paths = [];
  let pen = "M";
  for (const [turn, value] of series.values.entries()) {
    if (value === null) pen = "M";
    else {
      paths.push(`${pen}${x(turn).toFixed(1)} ${y(value).toFixed(1)}`);
      pen = "L";
    }
  }
  return svg("path", { d: paths.join(""), ...toned(`line${series.dashed ? " dashed" : ""}`, series.colour) });
}

function moveCursor(chart) {
  const { spec, view, x, y } = chart;
  if (!x) return;
  const turn = view.turn;
  chart.cursor.setAttribute("x1", x(turn));
  chart.cursor.setAttribute("x2", x(turn));
  const rows = spec.series.map((series, k) => {
    const value = series.values[Math.min(turn, series.values.length - 1)] ?? null;
    const dot = chart.dots[k];
    dot.toggleAttribute("hidden", value === null || turn >= series.values.length);
    if (value !== null) dot.setAttribute("transform", `translate(${x(turn)} ${y(value)})`);
    const mark = el("span", toned(`swatch${series.dashed ? " dashed" : ""}`, series.colour));
    return el("li", {}, mark, series.name, " ", el("b", {}, value === null ? "–" : spec.form.format(value)));
  });
  chart.legend.replaceChildren(...rows);
}
