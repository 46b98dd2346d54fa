// What carries the class now, and what changed since the last drift: asked for while somebody looks at it.
import { DASH, count, fixed, interval, known, moment, rate, subject, where } from "./figures.js";
import { el, put } from "./tables.js";

const SHOWN_MAX = 30;

function signed(value) {
  if (!known(value)) return DASH;
  const shown = fixed(value, Math.abs(value) >= 10 ? 0 : 2);
  return Number(shown) > 0 ? `+${shown}` : shown;
}

const triple = (feature) => [feature.drop, feature.low, feature.high];

// A bar from the left, with its interval; or one from the middle, to the side that its sign says.
function bar(kind) {
  const node = el("span", kind, el("i"), el("b"));
  node.ariaHidden = "true";
  return node;
}

function fill(node, left, width) {
  node.style.left = `${100 * left}%`;
  node.style.width = `${100 * width}%`;
}

const within = (share) => Math.min(Math.max(share, 0), 1);

function level(node, [value, low, high], most) {
  const [body, whisker] = node.children;
  fill(body, 0, within(value / most));
  fill(whisker, within(low / most), within(high / most) - within(low / most));
}

function lean(node, value, most) {
  const share = known(value) ? within(Math.abs(value) / most) / 2 : 0;
  node.className = value < 0 ? "lean less" : "lean";
  fill(node.children[0], value < 0 ? 0.5 - share : 0.5, share);
}

function rows(body, n, make) {
  body.parentNode.hidden = n === 0;
  while (body.rows.length > n) body.deleteRow(-1);
  while (body.rows.length < n) body.append(make());
  return [...body.rows];
}

function now(told, body) {
  const features = [...told.now.features].sort((a, b) => b.drop - a.drop).slice(0, SHOWN_MAX);
  const most = Math.max(...features.map(({ high }) => high), 1e-9);
  const leaning = Math.max(...features.map((f) => Math.abs(f.leaning ?? 0)), 1e-9);
  rows(body, features.length, () => el("tr", "", head(), measured("level"), measured("lean"))).forEach((row, i) => {
    const feature = features[i];
    const name = row.cells[0];
    const [drop, adds] = [row.cells[1].firstChild, row.cells[2].firstChild];
    put(name, feature.feature);
    put(drop.children[0], rate(feature.drop));
    put(drop.children[1], interval(triple(feature)));
    level(drop.children[2], triple(feature), most);
    put(adds.children[0], signed(feature.leaning));
    lean(adds.children[1], feature.leaning, leaning);
  });
}

function head() {
  const node = el("th", "");
  node.scope = "row";
  return node;
}

const measured = (kind) => el("td", kind === "level" ? "" : "adds", kind === "level"
  ? el("span", "fall", el("b"), el("span", "quiet"), bar(kind)) : el("span", "", el("b"), bar(kind)));

function changed(told, body) {
  const by = (round) => Object.fromEntries(round.features.map((feature) => [feature.feature, feature]));
  const [then, later] = [by(told.drift), by(told.now)];
  const shown = told.changed.slice(0, SHOWN_MAX);
  rows(body, shown.length, () => el("tr", "", head(), ...[0, 1, 2, 3].map(() => el("td", "")))).forEach((row, i) => {
    const { feature, counts, moved, positives_moved } = shown[i];
    const [old, fresh] = [then[feature], later[feature]];
    const [name, drop, adds, all, positives] = row.cells;
    put(name, feature);
    put(drop, `${rate(old.drop)} → ${rate(fresh.drop)}`);
    drop.className = counts ? "clear" : "";
    put(adds, known(old.leaning) && known(fresh.leaning) ? `${signed(old.leaning)} → ${signed(fresh.leaning)}` : DASH);
    put(all, known(moved) ? rate(moved) : "");
    put(positives, known(positives_moved) ? rate(positives_moved) : "");
  });
}

const at = (round, axis) => (axis === "time" && round.time ? where(axis, Date.parse(round.time) / 1000)
  : `event ${count(round.position)}`);

const drift = (round, axis) => `drift of ${subject({ signal: round.cause, class_: round.class })}, `
  + at(round, axis);

// After how many events something was worked out, and when that was in the stream's own time.
const after = (round) =>
  `after ${count(round.position)} events${round.time ? ` (${moment(Date.parse(round.time) / 1000, true)})` : ""}`;

// What there is to say before the tables: of what they are made, or why there is nothing in them.
function notes(told, axis) {
  const { positives, others } = told.remembered;
  if (!told.now) return [
    `too few labelled events are known to tell: ${count(positives)} of ${told.class}, ${count(others)} others`, "",
  ];
  const n = told.now;
  const newer = told.newer_drift ? `, before the ${drift(told.newer_drift, axis)}` : "";
  const clock = moment(Date.now() / 1000 - told.age_seconds, false);
  const made = `worked out ${after(n)}, at ${clock}${newer}: PR-AUC ${rate(n.area)} on ${count(n.events)} recent labelled events, `
    + `${count(n.positives)} of ${told.class}; what it falls by without a feature, and what the feature adds to the log-odds`;
  const whole = n.unit ? made : `${made}: not told, this model cannot be taken apart`;
  if (!told.drift) return [whole, "no drift has been explained since this process began"];
  const last = told.newer_drift ?? told.last_drift;
  const later = last && last.position > told.drift.position ? `; a later ${drift(last, axis)}, is not explained: too soon after it` : "";
  const since = drift(told.drift, axis);
  return [whole, (told.changed.length ? `${since}: then → now; bold: clearly` : `${since}: nothing beyond chance`) + later];
}

export function carried(section, told, axis) {
  const part = (name) => section.querySelector(`[data-part=${name}]`);
  if (told.error) {
    put(part("note"), told.error);
    return;
  }
  const [made, since] = notes(told, axis);
  put(part("note"), made);
  put(part("since"), since);
  put(part("class"), `adds to ${told.class}`);
  put(part("moved"), `${told.class} moved`);
  if (told.now) now(told, part("now"));
  else rows(part("now"), 0);
  if (told.now && told.drift) changed(told, part("changed"));
  else rows(part("changed"), 0);
}
