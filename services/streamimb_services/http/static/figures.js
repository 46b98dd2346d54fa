// Numbers and words as the page shows them.

export const DASH = "–";

export const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

// Never a negative zero.
export const fixed = (value, digits) => value.toFixed(digits).replace(/^-(?=[0.]*$)/, "");

export const rate = (value) => (known(value) ? fixed(value, 3) : DASH);

export function percent(value) {
  if (!known(value)) return DASH;
  const shown = 100 * value;
  if (shown === 0 || shown >= 10) return `${shown.toFixed(1)} %`;
  return `${shown.toFixed(Math.min(6, Math.max(1, 1 - Math.floor(Math.log10(shown)))))} %`;
}

export function count(value) {
  if (!known(value)) return DASH;
  return Number.isInteger(value) || Math.abs(value) >= 10 ? Math.round(value).toLocaleString("en") : value.toPrecision(2);
}

export function compact(value) {
  if (!known(value)) return DASH;
  for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= size) return `${parseFloat((value / size).toPrecision(3))} ${unit}`;
  }
  return `${parseFloat(value.toPrecision(3))}`;
}

const bare = (value) => fixed(value, 3).replace(/^(-?)0\./, "$1.");

export const interval = ([, low, high]) => (known(low) && known(high) ? `${bare(low)}${DASH}${bare(high)}` : "");

export function duration(seconds) {
  if (!known(seconds)) return DASH;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export function microseconds(value) {
  if (!known(value)) return DASH;
  for (const [size, unit] of [[1e6, "s"], [1e3, "ms"]]) {
    if (value >= size) return `${compact(value / size)} ${unit}`;
  }
  return `${parseFloat(value.toPrecision(2))} µs`;
}

const two = (value) => String(value).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// Event times are told in UTC, the clock's as the reader's clock tells them.
function parts(seconds, utc) {
  const date = new Date(1000 * (utc ? seconds : seconds - 60 * new Date(1000 * seconds).getTimezoneOffset()));
  return {
    year: date.getUTCFullYear(), month: MONTHS[date.getUTCMonth()], day: date.getUTCDate(),
    clock: `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`, second: two(date.getUTCSeconds()),
  };
}

export function moment(seconds, utc) {
  const at = parts(seconds, utc);
  return utc ? `${at.day} ${at.month} ${at.year} ${at.clock}` : `${at.clock}:${at.second}`;
}

// A tick of a time axis, whose ticks are so many seconds apart.
export function tick(seconds, step, utc) {
  const at = parts(seconds, utc);
  if (step >= 86400 * 27) return at.month === "Jan" ? String(at.year) : at.month;
  if (step >= 86400) return `${at.day} ${at.month}`;
  return step >= 60 ? at.clock : `${at.clock}:${at.second}`;
}

export const where = (axis, value) => (axis === "position" ? `event ${count(value)}` : moment(value, axis === "time"));

// Of which events figures of quality tell: labels come later than shares.
export function covered(now) {
  const { position, events, until, waiting } = now.measured ?? {};
  if (!known(position)) return "";
  if (!events) return `no labelled event yet; ${count(waiting)} wait for a label`;
  const to = !known(until) ? "" : ` up to ${where(known(now.time) ? "time" : "position", until)}`;
  const then = `measured after ${count(position)} events, when ${count(waiting)} waited`;
  return `of the last ${count(events)} labelled events${to}; ${then}`;
}

const ACTIONS = {
  tell: "told only", trial: "new learner on trial", replace: "better learner to stay", reset: "learner forgot all",
  replaced: "new learner took over", dropped: "new learner dropped", adjust: "weights renewed at once",
};
const HELPED = { yes: "it helped", no: "it did not help", unclear: "unclear whether it helped" };

export function done(mark) {
  const told = ACTIONS[mark.action] ?? mark.action;
  return mark.helped in HELPED ? `${told}; ${HELPED[mark.helped]}` : told;
}

const SIGNALS = { missing: "missing values", feature: "values", score: "scores", operator: "a person" };

export const subject = ({ signal, class_ }) =>
  (SIGNALS[signal] ?? signal.replaceAll("_", " ")) + (class_ === null ? "" : ` of ${class_}`);

// What the process is doing, and how that looks.
export function state(now) {
  if (now.ended) return ["ended", "held"];
  if (now.alive === false) return ["stalled", "bad"];
  if (now.ready === false) return [now.lacks?.includes("not draining") ? "stopping"
    : now.lacks?.length ? `not ready: not yet ${now.lacks.join(", ")}` : "not ready", "bad"];
  if (now.role === "standby") return ["standing by", "held"];
  if (!now.position) return ["waiting for events", "held"];
  return now.frozen ? ["learning frozen", "held"] : ["learning", "good"];
}
