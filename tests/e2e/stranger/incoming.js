// What comes down, checked in the order of the protocol page: Checks downward.

import { MESSAGE_BYTES, isSigned, split } from "./envelope.js";

const WINDOW = 64; // numbers below the highest that may still come
const RING = 16; // answers remembered
const REPEAT_MS = 1_000;
const HIGHEST = 2 ** 32 - 1;
const NONCE = /^[0-9a-f]{16}$/;

/**
 * Decides about each message from the hub. The answer is one of
 *   { dropped: check }              nothing is to be done
 *   { dropped: "nonce", stale: true }   the hub has missed the restart: a heartbeat is due
 *   { repeat: answer }              a command answered before: send that answer again
 *   { payload }                     accepted: act on it
 */
export class Incoming {
  highest = 0;
  counts = {};
  #seen = new Set();
  #answers = new Map();

  constructor({ id, key, nonce }) {
    Object.assign(this, { id, key, nonce });
  }

  check({ leaf, bytes, retain = false, nowMs = 0 }) {
    const verdict = this.#judge(leaf, bytes, retain, nowMs);
    if (verdict.dropped) this.counts[verdict.dropped] = (this.counts[verdict.dropped] ?? 0) + 1;
    return verdict;
  }

  /** Remembers the latest answer to a command. */
  answered(cid, answer, nowMs = 0) {
    this.#answers.delete(cid);
    this.#answers.set(cid, { answer, sentMs: nowMs });
    if (this.#answers.size > RING) this.#answers.delete(this.#answers.keys().next().value);
  }

  #judge(leaf, bytes, retain, nowMs) {
    if (retain) return { dropped: "retained" };
    if (bytes.length > MESSAGE_BYTES) return { dropped: "size" };
    const envelope = split(bytes);
    if (envelope === null) return { dropped: "form" };
    if (!isSigned(this.key, envelope)) return { dropped: "mac" };
    const payload = parse(envelope.payload);
    if (payload === null || payload.v !== 1) return { dropped: "form" };
    if (payload.id !== this.id) return { dropped: "id" };
    if (payload.type !== leaf) return { dropped: "type" };
    const known = leaf === "command" && this.#answers.get(payload.cid);
    if (known) return this.#again(known, nowMs);
    if (!NONCE.test(payload.nonce)) return { dropped: "form" };
    if (payload.nonce !== this.nonce) return { dropped: "nonce", stale: true };
    if (!this.#isNew(payload.hseq)) return { dropped: "hseq" };
    if (!RULES[leaf]?.(payload)) return { dropped: "rules" };
    this.#take(payload.hseq);
    return { payload };
  }

  #again(known, nowMs) {
    if (nowMs - known.sentMs < REPEAT_MS) return { dropped: "repeated" };
    known.sentMs = nowMs;
    return { repeat: known.answer };
  }

  #isNew(hseq) {
    if (!isWhole(hseq) || hseq < 1) return false;
    return hseq > this.highest || (hseq >= this.highest - WINDOW && !this.#seen.has(hseq));
  }

  #take(hseq) {
    this.#seen.add(hseq);
    this.highest = Math.max(this.highest, hseq);
    for (const old of this.#seen) if (old < this.highest - WINDOW) this.#seen.delete(old);
  }
}

const RULES = {
  poll: ({ pid, ch }) => /^[0-9a-f]{8}$/.test(pid) && (ch === undefined || isListOf(ch, isText)),
  stored: ({ upto, more = [] }) => isMark(upto) && isListOf(more, isMark),
  command: ({ cid, cmd, args, until }) => isText(cid) && isText(cmd) && isObject(args) && Number.isSafeInteger(until),
};

const isWhole = (value) => Number.isInteger(value) && value >= 0 && value <= HIGHEST;
const isText = (value) => typeof value === "string";
const isListOf = (value, is) => Array.isArray(value) && value.every(is);
const isMark = (value) => isListOf(value, isWhole) && value.length === 2;
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function parse(bytes) {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
