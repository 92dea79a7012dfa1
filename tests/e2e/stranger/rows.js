// Rows that wait for their receipt: what is sent again, when, and what is given up (protocol page: Never lose a row).
// Times are milliseconds of the device's own `up`; nothing in here sleeps or sends.

import { together } from "./data.js";

const MESSAGES_OUT = 8; // messages of rows sent again that may be unanswered
const TIMES_ALONE = 8; // that a row is sent alone, under receipts that do not move, before it is given up
const HOLES_TOLD = 64; // in a heartbeat; the others follow when receipts have passed these
const LONGEST_PAUSE = 10; // times the first one: 600 s after 60 s
const NEVER = Infinity;

export class Rows {
  #kept; // { row, dueMs, alone }, oldest first
  #next = 1;
  #out = []; // messages sent again: { entries, sentMs }
  #drop; // [boot, from, to] each
  #answeredMs = 0; // when a receipt answered a row
  #receipts = 0;
  #trying = null; // { pauseMs, sentMs, nextMs, receipts } while nothing is answered and only the oldest row is tried

  /** `againMs`: after how long an unanswered row is sent again; `spreadMs`: how long after a reconnect at most. */
  constructor({ boot, kept = [], capacity = 10_000, againMs = 60_000, spreadMs = 30_000, random = Math.random }) {
    Object.assign(this, { boot, capacity, againMs, spreadMs, random });
    const inOrder = [...kept].sort((one, other) => one.boot - other.boot || one.index - other.index);
    this.#kept = inOrder.map(entryOf);
    this.#drop = holesIn(inOrder);
  }

  get count() {
    return this.#kept.length;
  }

  /** The oldest row kept, or the next index. */
  get held() {
    const oldest = this.#kept[0]?.row;
    return oldest ? [oldest.boot, oldest.index] : [this.boot, this.#next];
  }

  /** Holes above `held` that no receipt has passed yet. */
  get drop() {
    const [boot, index] = this.held;
    return this.#drop.filter((hole) => hole[0] > boot || (hole[0] === boot && hole[1] > index)).slice(0, HOLES_TOLD);
  }

  /** Numbers a new row and keeps it; tells which rows had to make room. */
  add(facts) {
    const row = { boot: this.boot, index: this.#next++, ...facts };
    this.#kept.push(entryOf(row));
    const squeezed = this.#kept.splice(0, Math.max(0, this.#kept.length - this.capacity));
    return { row, squeezed: squeezed.map((entry) => entry.row) };
  }

  /** These rows left for the first time. */
  sent(rows, nowMs) {
    for (const entry of this.#kept) if (rows.includes(entry.row)) entry.dueMs = nowMs + this.againMs;
  }

  /** Everything unanswered is due, at a random moment within the spread. */
  reconnected(nowMs, spreadMs = this.spreadMs) {
    const dueMs = nowMs + this.random() * spreadMs;
    for (const entry of this.#kept) entry.dueMs = dueMs;
    this.#out = [];
    this.#trying = null;
  }

  /** A receipt or a poll came, so somebody listens: the pauses are short again. */
  heard() {
    const trying = this.#trying;
    if (!trying) return;
    trying.pauseMs = this.againMs;
    trying.nextMs = Math.min(trying.nextMs, trying.sentMs + this.againMs);
  }

  /** Frees what a receipt answers, and tells it. */
  answer({ upto, more = [] }, nowMs) {
    const marks = new Map([...more, upto]);
    const isAnswered = ({ row }) => row.index <= (marks.get(row.boot) ?? 0);
    const freed = this.#kept.filter(isAnswered);
    this.#kept = this.#kept.filter((entry) => !isAnswered(entry));
    this.#drop = this.#drop.filter(([boot, , to]) => to > (marks.get(boot) ?? 0));
    this.#receipts += 1;
    this.heard();
    if (freed.length) {
      this.#answeredMs = nowMs;
      this.#trying = null;
    }
    return freed.map((entry) => entry.row);
  }

  /** What is to be done now: `again`, rows of one message or null; `given`, rows that were given up. */
  due(nowMs) {
    const unanswered = this.#out.filter(({ entries }) => entries.some((entry) => this.#kept.includes(entry)));
    const overdue = unanswered.filter(({ sentMs }) => nowMs - sentMs >= this.againMs);
    this.#out = unanswered.filter((message) => !overdue.includes(message));
    if (overdue.some(({ sentMs }) => this.#answeredMs < sentMs)) {
      this.#trying ??= { pauseMs: this.againMs, sentMs: nowMs, nextMs: nowMs, receipts: this.#receipts };
    }
    if (this.#trying) return this.#try(nowMs);
    const first = this.#out.length < MESSAGES_OUT && this.#kept.find(({ dueMs }) => dueMs <= nowMs);
    return { again: first ? this.#message(first, nowMs) : null, given: [] };
  }

  #message(first, nowMs) {
    const dueOnes = this.#kept.slice(this.#kept.indexOf(first)).filter(({ dueMs }) => dueMs <= nowMs);
    const rows = together(dueOnes.map((entry) => entry.row));
    const entries = dueOnes.slice(0, rows.length);
    for (const entry of entries) entry.dueMs = nowMs + this.againMs;
    this.#out.push({ entries, sentMs: nowMs });
    return rows;
  }

  /** Nothing is answered: the oldest row alone, after pauses that grow; not for ever under receipts that pass it by. */
  #try(nowMs) {
    const [oldest] = this.#kept;
    if (!oldest || nowMs < this.#trying.nextMs) return { again: null, given: [] };
    if (this.#trying.receipts < this.#receipts) oldest.alone += 1;
    if (oldest.alone >= TIMES_ALONE) return { again: null, given: [this.#kept.shift().row] };
    const { pauseMs } = this.#trying;
    this.#trying = {
      pauseMs: Math.min(2 * pauseMs, LONGEST_PAUSE * this.againMs),
      sentMs: nowMs,
      nextMs: nowMs + pauseMs * (0.8 + 0.4 * this.random()),
      receipts: this.#receipts,
    };
    return { again: [oldest.row], given: [] };
  }
}

/** Rows missing between those left: [boot, from, to]. Receipts free a boot from its start, so these are lost. */
function holesIn(rows) {
  return rows.flatMap(({ boot, index }, at) => {
    const last = rows[at - 1];
    return last?.boot === boot && index > last.index + 1 ? [[boot, last.index + 1, index - 1]] : [];
  });
}

function entryOf(row) {
  return { row, dueMs: NEVER, alone: 0 };
}
