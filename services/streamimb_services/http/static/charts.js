// Small multiples over one axis: they are zoomed together, and each shows where drifts were told.
/* global uPlot */
import { DASH, compact, known, microseconds, percent, rate, tick } from "./figures.js";

const WIDE = 2;
const THIN = 1.3;
const DASHES = [[], [6, 3], [2, 3], [9, 3, 2, 3], [12, 4], [1, 3]];
const KEYS = ["", "dashed", "dotted", "dashed", "dashed", "dotted"];
const NUDGE = 0.2;
const SELECT_PX_MIN = 5;
// More marks than this in sight would be a wall: then each is a tick above the chart.
const MARKS_MANY = 30;
const FONT = "11px system-ui, sans-serif";

// Charts point together; one alone is dragged over, and the others then follow what was chosen.
const pointing = (type) => type === "mousemove" || type === "mouseleave" || type === "mouseenter";

// What each chart shows: its title, and lines {column, label, colour, shape}; ``whole``: the y axis is 0 to 1.
// of: the class whose share, training and threshold are drawn.
function specs({ positive, classes }, of) {
  const own = classes.indexOf(positive);
  const chosen = classes.indexOf(of);
  const name = classes.length > 2 ? `${of} ` : "";
  const line = (column, label, colour, shape, more) => ({ column, label, colour, shape, ...more });
  const each = (name, format) => classes.map((cls, i) =>
    line(`${name}/${cls}`, cls, i, i === own ? 0 : 1, { format, band: i === own && name !== "weight" ? `${name}` : null }));
  return [
    { title: "Share", format: percent, lines: [
      line(`share/${of}`, `${name}now`, chosen, 0), line(`reference/${of}`, "reference", 5, 2)] },
    { title: "Quality", format: rate, whole: true, lines: [
      line("g_mean", "G-mean", 2, 0), line("pr_auc", "PR-AUC", 3, 1)] },
    { title: "Recall", format: rate, whole: true, lines: each("recall", rate) },
    { title: "Precision", format: rate, whole: true, lines: each("precision", rate) },
    { title: "Training", format: percent, lines: [
      line(`trained/${of}`, `${name}trained`, 4, 1), line(`share/${of}`, "true", chosen, 0)] },
    { title: "Threshold", format: rate, lines: [line(`threshold/${of}`, of, chosen, 0)] },
    { title: "Weights", format: compact, lines: each("weight", compact) },
    { title: "Pace", format: compact, lines: [
      line("rate", "events/s", 2, 0), line("event_us", "an event", 3, 1, { right: true, format: microseconds })] },
  ];
}

export class Charts {
  // zoomed(min, max): the reader chose what to see; hovered(x): the reader points there, null for nowhere.
  constructor(folder, about, of, { zoomed, reset, hovered }) {
    this.about = about;
    this.marks = [];
    this.calls = { zoomed, reset, hovered };
    this.sync = uPlot.sync("charts");
    this.all = specs(about, of).map((spec) => this.make(folder, spec));
    this.seen = new ResizeObserver((entries) => entries.forEach(({ target }) => target.fit()));
    this.all.forEach(({ plot }) => this.seen.observe(plot));
  }

  remove() {
    this.seen.disconnect();
    this.all.forEach(({ chart, figure }) => {
      this.sync.unsub(chart);
      chart.destroy();
      figure.remove();
    });
  }

  make(folder, spec) {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    const title = document.createElement("h3");
    title.textContent = spec.title;
    caption.append(title);
    const values = spec.lines.map((line) => {
      const key = document.createElement("span");
      key.className = `key c${line.colour % 6} ${KEYS[line.shape]}`;
      const value = document.createElement("b");
      key.append(`${line.label} `, value);
      caption.append(key);
      return value;
    });
    const plot = document.createElement("div");
    plot.className = "plot";
    plot.tabIndex = 0;
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-describedby", "keys");
    figure.append(caption, plot);
    folder.append(figure);
    const made = { spec, figure, plot, values, columns: columnsOf(spec) };
    made.chart = new uPlot(this.options(made, plot), [[], ...made.columns.map(() => [])], plot);
    plot.chart = made.chart;
    plot.fit = () => {
      if (plot.clientWidth) made.chart.setSize({ width: plot.clientWidth, height: plot.clientHeight });
    };
    plot.addEventListener("keydown", (event) => this.pressed(event, made.chart));
    return made;
  }

  options(made, plot) {
    const { spec } = made;
    const { axis } = this.about;
    const css = getComputedStyle(document.documentElement);
    const colour = (name) => css.getPropertyValue(`--${name}`).trim();
    const series = [{}];
    const bands = [];
    for (const line of spec.lines) {
      const stroke = colour(`c${line.colour % 6}`);
      series.push({
        stroke, width: line.shape ? THIN : WIDE, dash: DASHES[line.shape], points: { show: false },
        scale: line.right ? "right" : "y", spanGaps: false,
      });
      if (line.band) {
        series.push({ width: 0, points: { show: false } }, { width: 0, points: { show: false } });
        bands.push({ series: [series.length - 1, series.length - 2], fill: `color-mix(in srgb, ${stroke} 20%, transparent)` });
      }
    }
    const look = { font: FONT, stroke: colour("quiet"), ticks: { show: false }, gap: 3 };
    const grid = { stroke: colour("rule"), width: 1 };
    const y = (format) => (_, splits) => splits.map((v) => short(v, format));
    const axes = [
      { ...look, size: 22, gap: 5, grid: { show: false }, space: 62, values: (_, splits, __, ___, step) => splits.map((v) =>
        axis === "position" ? compact(v) : tick(v, step, axis === "time")) },
      { ...look, size: 38, grid, space: 26, values: y(spec.format) },
    ];
    const right = spec.lines.find((line) => line.right);
    if (right) axes.push({ ...look, size: 40, side: 1, scale: "right", grid: { show: false }, space: 26, values: y(compact) });
    const upTo = (_, __, max) => [0, max > 0 ? 1.08 * max : 1];
    const usual = (chart, _, max) => upTo(chart, 0, Math.min(max, 2 * tail(chart)));
    return {
      width: plot.clientWidth || 300, height: plot.clientHeight || 150, padding: [7, right ? 0 : 8, 0, 0],
      series, bands, axes, legend: { show: false },
      tzDate: axis === "time" ? (ts) => uPlot.tzDate(new Date(1000 * ts), "UTC") : undefined,
      scales: { x: { time: axis !== "position" }, y: { range: spec.whole ? [0, 1] : upTo }, right: { range: usual } },
      cursor: {
        sync: { key: "charts", filters: { pub: pointing, sub: pointing } }, y: false, points: { show: false }, drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => this.calls.reset() },
      },
      hooks: {
        setSelect: [(chart) => this.selected(chart)], drawAxes: [(chart) => this.drawMarks(chart, colour)],
        setCursor: [(chart) => this.pointed(chart, made)],
      },
    };
  }

  selected(chart) {
    const { left, width } = chart.select;
    if (width < SELECT_PX_MIN) return;
    chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.calls.zoomed(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"));
  }

  pointed(chart, made) {
    const { left } = chart.cursor;
    const row = left >= 0 ? chart.posToIdx(left) : null; // its own idx is of the data before
    this.tell(made, row);
    if (made === this.all?.[0]) this.calls.hovered(row === null ? null : chart.data[0][row]);
  }

  pressed(event, chart) {
    const { min, max } = chart.scales.x;
    const span = max - min;
    const moves = {
      ArrowLeft: [min - NUDGE * span, max - NUDGE * span], ArrowRight: [min + NUDGE * span, max + NUDGE * span],
      "+": [min + NUDGE * span, max - NUDGE * span], "-": [min - NUDGE * span, max + NUDGE * span],
    };
    if (event.key === "Escape") this.calls.reset();
    else if (event.key in moves && !event.ctrlKey && !event.metaKey && !event.altKey) this.calls.zoomed(...moves[event.key]);
    else return;
    event.preventDefault();
  }

  draw(series, marks, min, max) {
    this.marks = marks.map((mark) => ({ x: mark[this.about.axis], kind: mark.kind })).filter(({ x }) => known(x));
    for (const made of this.all) {
      const data = [series.x, ...made.columns.map((name) => series.columns[name])];
      made.chart.batch(() => {
        made.chart.setData(data, false);
        made.chart.setScale("x", { min, max: max > min ? max : min + 1 });
      });
      this.tell(made, null);
      if (made.chart.cursor.left >= 0) this.pointed(made.chart, made); // the reader points there still
    }
  }

  // The values of a row, of the last one where there is none, in the caption and for who cannot see the line.
  tell(made, row) {
    const { spec, values, plot, chart } = made;
    const at = row ?? chart.data[0].length - 1;
    let column = 1;
    const told = spec.lines.map((line, i) => {
      const value = chart.data[column]?.[at];
      column += line.band ? 3 : 1;
      const shown = known(value) ? (line.format ?? spec.format)(value) : DASH;
      if (values[i].textContent !== shown) values[i].textContent = shown;
      return `${line.label} ${shown}`;
    });
    if (row === null) plot.setAttribute("aria-label", `${spec.title}: ${told.join(", ")}`);
  }

  // Behind the lines: a drift has a full triangle, a warning an empty one and a dotted line, a lever a square. Where there
  // are many a drift is a tick, a warning half a one.
  drawMarks(chart, colour) {
    const { ctx, bbox } = chart;
    const px = devicePixelRatio;
    ctx.save();
    ctx.lineWidth = px;
    const seen = this.marks.filter(({ x }) => x >= chart.scales.x.min && x <= chart.scales.x.max);
    const many = seen.length > MARKS_MANY;
    for (const { x, kind } of seen) {
      const at = Math.round(chart.valToPos(x, "x", true)) + px / 2;
      if (many && kind !== "lever") {
        ctx.strokeStyle = colour(kind);
        ctx.beginPath();
        ctx.moveTo(at, bbox.top - px);
        ctx.lineTo(at, bbox.top - (kind === "warning" ? 4 : 7) * px);
        ctx.stroke();
        continue;
      }
      ctx.strokeStyle = colour("quiet");
      ctx.globalAlpha = 0.3;
      ctx.setLineDash(kind === "warning" ? [px, 3 * px] : []);
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
      ctx.strokeStyle = ctx.fillStyle = colour(kind === "lever" ? "ink" : kind);
      ctx.globalAlpha = 1;
      ctx.setLineDash([]);
      ctx.beginPath();
      if (kind === "lever") ctx.rect(at - 3 * px, bbox.top - 5 * px, 6 * px, 6 * px);
      else triangle(ctx, at, bbox.top - 5 * px, 3 * px);
      if (kind === "warning") ctx.stroke();
      else ctx.fill();
    }
    ctx.restore();
  }
}

// What nearly all values of the last line stay below: one that stands out does not flatten the others.
function tail(chart) {
  const all = chart.data[chart.data.length - 1].filter(known).sort((a, b) => a - b);
  return all.length ? all[Math.floor(0.95 * (all.length - 1))] : 1;
}

function triangle(ctx, x, y, size) {
  ctx.moveTo(x - size, y);
  ctx.lineTo(x + size, y);
  ctx.lineTo(x, y + 1.6 * size);
  ctx.closePath();
}

function columnsOf(spec) {
  return spec.lines.flatMap(({ column, band }) => {
    if (!band) return [column];
    const of = column.slice(band.length);
    return [column, `${band}_low${of}`, `${band}_high${of}`];
  });
}

function short(value, format) {
  if (format === percent) return `${parseFloat((100 * value).toPrecision(3))} %`;
  return format === rate ? String(parseFloat(value.toFixed(3))) : compact(value);
}
