// The past as the browser keeps it: a column an array, bounded, coarser the older it is.

export const ROWS_MAX = 3000;

export class Series {
  constructor(about, rows) {
    this.names = about.columns;
    this.axis = about.axis;
    this.order = about.by_events ? "position" : "wall";
    this.columns = Object.fromEntries(this.names.map((name) => [name, []]));
    this.add(rows);
  }

  get length() {
    return this.columns.position.length;
  }

  get x() {
    return this.columns[this.axis];
  }

  get last() {
    return this.x[this.length - 1];
  }

  // Rows that came before are passed over: a history and the next snapshot may tell the same.
  add(rows) {
    const order = this.columns[this.order];
    const at = this.names.indexOf(this.order);
    const axis = this.names.indexOf(this.axis);
    for (const row of rows) {
      if (row[axis] === null || (order.length && row[at] <= order[order.length - 1])) continue;
      this.names.forEach((name, i) => this.columns[name].push(row[i]));
    }
    if (this.length > ROWS_MAX) this.thin();
  }

  // Of the older half every second row goes.
  thin() {
    const half = Math.floor(this.length / 2);
    for (const name of this.names) {
      this.columns[name] = this.columns[name].filter((_, i) => i >= half || i % 2 === 0);
    }
  }

  // Where a window of so many seconds, or of so many events, begins.
  since(span, byEvents) {
    if (!span) return this.x[0];
    if (!byEvents) return Math.max(this.x[0], this.last - span);
    const positions = this.columns.position;
    const from = positions[positions.length - 1] - span;
    const first = positions.findIndex((position) => position >= from);
    return this.x[Math.max(first, 0)];
  }
}
