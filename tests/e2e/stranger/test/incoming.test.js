// What the protocol page asks of a device that listens, beyond the golden vectors.

import assert from "node:assert/strict";
import { test } from "node:test";

import { seal } from "../envelope.js";
import { Incoming } from "../incoming.js";

const KEY = Buffer.alloc(32, 7);
const NONCE = "8899aabbccddeeff";

function arriving(leaf, members) {
  const payload = { v: 1, type: leaf, id: "press", kid: 1, ts: 1, ts_ns: 0, nonce: NONCE, ...members };
  return { leaf, bytes: seal(KEY, payload) };
}

const device = () => new Incoming({ id: "press", key: KEY, nonce: NONCE });
const poll = (hseq, more) => arriving("poll", { hseq, pid: "0a1b2c3d", ch: [], ...more });
const DESCRIBE = { cid: "A", cmd: "describe", args: {}, until: 1, exp: 1 };
const describe = (hseq, more) => arriving("command", { hseq, ...DESCRIBE, ...more });

test("a number counts once, in any order, within 64 of the highest", () => {
  const incoming = device();
  for (const hseq of [200, 136, 137, 199]) assert.ok(incoming.check(poll(hseq)).payload, `${hseq}`);
  for (const hseq of [200, 136, 135, 1]) assert.equal(incoming.check(poll(hseq)).dropped, "hseq", `${hseq}`);
  assert.equal(incoming.highest, 200);
});

test("what fails a check moves nothing", () => {
  const incoming = device();
  assert.equal(incoming.check(poll(300, { pid: "no" })).dropped, "rules");
  assert.equal(incoming.check({ ...poll(300), retain: true }).dropped, "retained");
  assert.equal(incoming.highest, 0);
  assert.deepEqual(incoming.counts, { rules: 1, retained: 1 });
});

test("a message for an earlier start asks for a heartbeat", () => {
  assert.ok(device().check(poll(1, { nonce: "0000000000000000" })).stale);
});

test("a command that comes again gets its answer again, whatever its number and nonce, at most once a second", () => {
  const incoming = device();
  assert.ok(incoming.check(describe(5)).payload);
  incoming.answered("A", { cid: "A", status: "done" }, 0);
  const again = (nowMs) => incoming.check({ ...describe(6, { nonce: "0000000000000000" }), nowMs });
  assert.equal(again(500).dropped, "repeated");
  assert.deepEqual(again(1000).repeat, { cid: "A", status: "done" });
  assert.equal(again(1999).dropped, "repeated");
  assert.equal(incoming.highest, 5);
});
