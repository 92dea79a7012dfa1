// The time since the start, which every device has, and the time of day, which this one may have to be told.

import { performance } from "node:perf_hooks";

const TAKEN_WITHIN_MS = 10_000;
const STARTED_MS = performance.now();

export class Clock {
  #offsetMs = 0; // Unix time of the start, when the hub has told it

  /** `tq`: 2 for a clock of its own, 0 for none. */
  constructor(tq) {
    this.tq = tq;
  }

  /** Whole milliseconds since the start. */
  get upMs() {
    return Math.floor(performance.now() - STARTED_MS);
  }

  /** The moment as a message tells it. `rowMs` is the time of a row that is read now. */
  now() {
    const up = this.upMs;
    if (this.tq === 0) return { up, tq: 0, ts: 0, ts_ns: 0, rowMs: up };
    const unixMs = this.tq === 2 ? Date.now() : this.#offsetMs + up;
    return { up, tq: this.tq, ts: Math.floor(unixMs / 1000), ts_ns: (unixMs % 1000) * 1e6, rowMs: unixMs };
  }

  /** Obeys `set_time`; gives back the members of the answer. */
  set({ ts, ts_ns: ns, up }) {
    if (this.tq === 2) return { status: "rejected", reason: "has_clock" };
    const age = this.upMs - up;
    if (!(age >= 0 && age <= TAKEN_WITHIN_MS)) return { status: "rejected", reason: "too_late" };
    this.#offsetMs = ts * 1000 + Math.round(ns / 1e6 + age / 2) - up - age;
    this.tq = 1;
    return { status: "done" };
  }
}
