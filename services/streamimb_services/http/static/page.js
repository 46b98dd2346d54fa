// The page: what comes from the stream goes into numbers, tables and charts, unless it is paused.
import { Charts } from "./charts.js";
import { Features } from "./features.js";
import { covered, moment, state, where } from "./figures.js";
import { Series } from "./series.js";
import { follow, remember } from "./stream.js";
import { balance, facts, happened, put, quality, rejects } from "./tables.js";

const $ = (id) => document.getElementById(id);
const MARKS_MAX = 300;
const WINDOWS = {
  clock: [["5 min", 300], ["1 h", 3600], ["6 h", 21600], ["all", 0]],
  events: [["last 20 k events", 20000], ["100 k", 100000], ["all", 0]],
};

let about = null;
let series = null;
let charts = null;
let now = null;
let marks = [];
let span = null;
let zoom = null;
let chosen = null;
let paused = null;
let pointed = null;
let connected = false;
let lostAt = null;
const features = new Features($("carried"), { about: () => about, held: () => paused !== null });

function began(told) {
  const again = JSON.stringify([told.columns, told.axis]) === JSON.stringify([about?.columns, about?.axis]);
  about = told;
  series = new Series(about, told.rows);
  marks = told.marks;
  now = told.now;
  features.began();
  zoom = again ? zoom : null;
  if (!again) {
    windows();
    classes();
    chart();
  }
  document.title = `${about.title}: ${about.positive}`;
  put($("title"), `${about.title}: ${about.positive}`);
  put($("carried-title"), `What carries ${about.positive} now`);
  $("main").setAttribute("aria-busy", "false");
}

function went(told) {
  now = told.now;
  series.add(told.rows);
  for (const mark of told.marks) {
    const i = marks.findIndex(({ number }) => number === mark.number);
    if (i >= 0) marks[i] = mark;
    else {
      marks.push(mark);
      if (mark.kind === "drift") features.drifted();
    }
  }
  if (now.carried || now.ended && !features.ended) features.over(now.carried ?? {});
  marks = marks.slice(-MARKS_MAX);
}

function chart() {
  charts?.remove();
  charts = new Charts($("charts"), about, chosen, {
    zoomed: (min, max) => { zoom = [min, max]; draw(); },
    reset: () => { zoom = null; draw(); },
    hovered: (x) => { pointed = x; say(); },
  });
}

// Of more than two classes a person chooses whose share, training and threshold are drawn; the rarest one's at first.
function classes() {
  const many = about.classes.length > 2;
  $("of").hidden = !many;
  chosen = many && about.classes.includes(now.minority) ? now.minority : about.positive;
  $("class").replaceChildren(...about.classes.map((name) => new Option(name, name, false, name === chosen)));
}

$("class").addEventListener("change", () => {
  chosen = $("class").value;
  chart();
  draw();
});

function windows() {
  const set = $("windows");
  set.querySelectorAll("label").forEach((label) => label.remove());
  const offered = about.by_events ? WINDOWS.events : WINDOWS.clock;
  span = about.by_events ? 0 : 3600;
  for (const [name, value] of offered) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: "window", value, checked: value === span });
    input.addEventListener("change", () => { span = value; zoom = null; draw(); });
    label.append(input, name);
    set.append(label);
  }
}

// Everything, unless it is paused; the charts alone where the reader only looks elsewhere in what is there.
function show() {
  say();
  features.draw();
  if (paused || !now) return;
  facts($("facts"), now, about);
  quality($("quality"), now, about);
  put($("covered"), covered(now));
  balance($("balance"), now, about);
  happened($("happened"), marks, about.axis);
  rejects($("rejects"), now);
  draw();
}

function draw() {
  if (!series?.length) return;
  const seen = paused ?? { last: series.last };
  const [min, max] = zoom ?? [Math.min(series.since(span, about.by_events), seen.last), seen.last];
  $("whole").disabled = zoom === null;
  charts.draw(series, marks, min, max);
}

function say() {
  const [word, kind] = connected || now?.ended ? state(now) : ["no connection", "bad"];
  put($("state"), now || lostAt ? word : "connecting");
  $("state").dataset.state = kind;
  const told = paused ? `paused at ${moment(paused.wall, false)}`
    : pointed !== null ? `at ${where(about.axis, pointed)}`
    : !connected && lostAt && !now?.ended ? `${lostAt.why} since ${moment(lostAt.wall, false)}; trying again` : "";
  put($("note"), told);
}

$("pause").addEventListener("click", () => {
  paused = paused || !series?.length ? null : { last: series.last, wall: Date.now() / 1000 };
  $("pause").setAttribute("aria-pressed", String(paused !== null));
  put($("pause"), paused ? "Resume" : "Pause");
  show();
});
$("features").addEventListener("click", () => {
  const seen = features.toggle();
  $("features").setAttribute("aria-pressed", String(seen));
  $("main").dataset.view = seen ? "features" : "charts";
});
$("whole").addEventListener("click", () => { zoom = null; draw(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  if (about) {
    chart();
    draw();
  }
});

follow({
  told(event, data) {
    connected = true;
    lostAt = null;
    if (event === "history") began(data);
    else went(data);
    show();
  },
  lost(why) {
    lostAt ??= { why, wall: Date.now() / 1000 };
    connected = false;
    say();
  },
  locked: (status) => new Promise((resume) => {
    put($("state"), status === 403 ? "no token is configured" : "a token is needed");
    $("lock").hidden = false;
    $("token").focus();
    $("lock").addEventListener("submit", (event) => {
      event.preventDefault();
      remember($("token").value);
      $("token").value = "";
      $("lock").hidden = true;
      resume();
    }, { once: true });
  }),
});
