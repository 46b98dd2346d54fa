// The panel of features in place of the charts: asked for now and then while it is seen, and soon after a drift.
import { carried } from "./carried.js";
import { ask } from "./stream.js";

const AGAIN_MS = 15000;
const SOON_MS = 4000;

export class Features {
  // about(): what is learned, null before that is known; held(): whether what is shown must stay.
  constructor(section, { about, held }) {
    this.section = section;
    this.calls = { about, held };
    this.turn = this.due = this.timer = 0;
    this.ended = false;
    this.last = null;
  }

  get seen() {
    return !this.section.hidden;
  }

  toggle() {
    this.section.hidden = this.seen;
    this.turn += 1;
    clearTimeout(this.timer);
    if (this.seen) this.ask(this.turn);
    return this.seen;
  }

  async ask(turn) {
    const told = await ask(`explain${location.search}`);
    if (turn !== this.turn || this.ended && told.error && this.last) return;
    this.told(told);
    this.later(told.newer_drift ? SOON_MS : AGAIN_MS);
  }

  told(told) {
    this.last = told;
    this.draw();
  }

  draw() {
    if (this.last && this.seen && !this.calls.held() && this.calls.about()) {
      carried(this.section, this.last, this.calls.about().axis);
    }
  }

  later(ms) {
    clearTimeout(this.timer);
    if (this.ended || !this.seen) return;
    const turn = this.turn;
    this.due = Date.now() + ms;
    this.timer = setTimeout(() => {
      if (this.calls.held() || document.hidden) this.later(AGAIN_MS);
      else this.ask(turn);
    }, ms);
  }

  // A drift was told: what is shown is of before it.
  drifted() {
    if (this.seen && this.due > Date.now() + SOON_MS) this.later(SOON_MS);
  }

  // Nothing comes any more; of: what carries the class at the end, by unit, where it was worked out.
  over(of) {
    this.ended = true;
    const unit = new URLSearchParams(location.search).get("unit") ?? Object.keys(of)[0];
    if (this.seen && of[unit]) this.told(of[unit]);
  }

  began() {
    this.ended = false;
    if (this.seen) this.later(SOON_MS);
  }
}
