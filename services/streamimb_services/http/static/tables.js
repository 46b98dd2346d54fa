// The page's words and tables; a cell is touched only where it says something new.
import { DASH, count, done, duration, interval, known, microseconds, percent, rate, subject, where } from "./figures.js";

const MARKS_SHOWN_MAX = 40;
const SIGNS = { drift: "▼", warning: "▽", lever: "■" };

export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function el(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

// Rows of texts, or of a text with a class, into a table's body; nodes that are there already are kept.
function fill(body, rows, heads = true) {
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, i) => {
    const row = body.rows[i] ?? body.insertRow();
    row.setAttribute("role", "row");
    cells.forEach((cell, j) => {
      const node = row.cells[j] ?? row.appendChild(document.createElement(heads && j === 0 ? "th" : "td"));
      if (node.tagName === "TH") node.scope = "row";
      node.setAttribute("role", node.tagName === "TH" ? "rowheader" : "cell");
      const { text, kind = "" } = typeof cell === "string" ? { text: cell } : cell;
      put(node, text);
      if (node.className !== kind) node.className = kind;
    });
  });
}

export function facts(list, now, about) {
  const of = now.classes.find(({ name }) => name === now.minority) ?? now.classes[0];
  const rows = [
    [`${of.name} (minority)`, percent(of.share), `reference ${percent(of.reference)}`],
    ["G-mean", rate(now.g_mean), ""],
    ["PR-AUC", rate(now.pr_auc), ""],
    ["events", count(now.position), known(now.time) ? where("time", now.time) : ""],
    ["events a second", count(now.rate), known(now.event_us) ? `${microseconds(now.event_us)} each` : ""],
    ["wait for a label", count(now.pending_labels), ""],
  ];
  if (!about.by_events) rows.push(
    ["records behind", count(now.lag), known(now.delay_s) ? `99 % in ${duration(now.delay_s)}` : ""],
    ["last checkpoint", known(now.checkpoint_age_s) ? `${duration(now.checkpoint_age_s)} ago` : DASH, ""],
    ["role", now.role || DASH, now.units > 1 ? `${now.units} units` : ""],
  );
  rows.push(
    ["learning", now.frozen ? "frozen" : "on", "", now.frozen ? "held" : ""],
    ["threshold", now.pinned ? "pinned" : "tuned", "", now.pinned ? "held" : ""],
  );
  rows.forEach(([name, value, aside, kind = ""], i) => {
    const cell = list.children[i] ?? list.appendChild(
      el("div", "", el("dt", ""), el("dd", "", el("span", ""), " ", el("span", "aside"))));
    const [term, told] = cell.children;
    put(term, name);
    told.className = kind;
    put(told.children[0], value);
    put(told.children[1], aside);
  });
  while (list.children.length > rows.length) list.lastChild.remove();
}

// The positive class first; a class keeps its colour.
function ordered(now, about) {
  const all = now.classes.map((told, i) => ({ ...told, colour: i % 6 }));
  return all.sort((a, b) => (b.name === about.positive) - (a.name === about.positive));
}

export function quality(body, now, about) {
  ordered(now, about).forEach((told, i) => {
    const row = body.rows[i] ?? body.appendChild(
      el("tr", "", el("th", ""), el("td", "", estimate()), el("td", "", estimate())));
    row.className = `c${told.colour}`;
    const [name, recall, precision] = row.cells;
    name.scope = "row";
    put(name, told.name);
    show(recall.firstChild, told.recall);
    show(precision.firstChild, told.precision);
  });
  while (body.rows.length > now.classes.length) body.deleteRow(-1);
}

function estimate() {
  const whisker = el("span", "whisker", el("i"), el("b"));
  whisker.ariaHidden = "true";
  return el("span", "estimate", el("b"), el("span", "quiet"), whisker);
}

function show(node, [value, low, high]) {
  const [number, bounds, whisker] = node.children;
  put(number, rate(value));
  put(bounds, interval([value, low, high]));
  const [band, point] = whisker.children;
  whisker.hidden = !known(value);
  if (!known(value)) return;
  band.style.left = `${100 * (known(low) ? low : value)}%`;
  band.style.width = known(low) && known(high) ? `${100 * (high - low)}%` : "0";
  point.style.left = `${100 * value}%`;
}

export function balance(body, now, about) {
  fill(body, ordered(now, about).map((told) => [
    told.name, percent(told.share), percent(told.reference), percent(told.trained),
    known(told.weight) ? told.weight.toPrecision(3) : DASH, rate(told.threshold),
  ]));
}

export function happened(body, marks, axis) {
  const shown = marks.slice(-MARKS_SHOWN_MAX).reverse();
  if (!shown.length) fill(body, [[{ text: "nothing moved enough to be told", kind: "quiet" }]], false);
  else fill(body, shown.map((mark) => [
    where(axis, mark[axis]), subject(mark), { text: `${SIGNS[mark.kind]} ${mark.kind}`, kind: mark.kind },
    known(mark.value) ? `${rate(mark.reference)} → ${rate(mark.value)}` : "", done(mark),
  ]), false);
  if (!shown.length) while (body.rows[0].cells.length > 1) body.rows[0].deleteCell(-1);
}

export function rejects(body, now) {
  const rows = Object.entries(now.rejects).sort(([, a], [, b]) => b - a);
  fill(body, rows.length ? rows.map(([reason, n]) => [reason.replaceAll("_", " "), { text: count(n), kind: "n" }])
    : [["none", { text: "0", kind: "n" }]]);
}
