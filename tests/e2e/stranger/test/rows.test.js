// Never lose a row: the rules of the protocol page, against a clock that only the test moves.

import assert from "node:assert/strict";
import { test } from "node:test";

import { rowsBody } from "../data.js";
import { Rows } from "../rows.js";

const S = 1_000;
const ROW = { s: 1, ns: 0, values: { a: 1 }, words: {} };
const WAVE = { s: 1, ns: 0, values: {}, words: { wave: { ch: "a", dt_ns: 1, v: [1] } } };
const rows = (more = {}) => new Rows({ boot: 3, random: () => 0.5, ...more });

function sent(memory, count, nowMs = 0, facts = ROW) {
  for (let at = 0; at < count; at += 1) memory.sent([memory.add(facts).row], nowMs);
}

function drained(memory, nowMs) {
  const messages = [];
  for (let { again } = memory.due(nowMs); again; { again } = memory.due(nowMs)) {
    messages.push(again.map(({ index }) => index));
  }
  return messages;
}

test("a row is kept until it is answered, and held says which is the oldest", () => {
  const memory = rows();
  assert.deepEqual(memory.held, [3, 1]);
  sent(memory, 3);
  memory.answer({ upto: [3, 2] }, S);
  assert.deepEqual(memory.held, [3, 3]);
  memory.answer({ upto: [3, 3] }, S);
  assert.deepEqual(memory.held, [3, 4]);
});

test("rows of an earlier boot are answered by more", () => {
  const memory = rows({ kept: [{ boot: 2, index: 9, ...ROW }, { boot: 1, index: 4, ...ROW }] });
  assert.deepEqual(memory.held, [1, 4]);
  memory.answer({ upto: [3, 0], more: [[1, 4]] }, S);
  assert.deepEqual(memory.held, [2, 9]);
});

test("unanswered rows are sent again after 60 s, together as far as they are consecutive and alike", () => {
  const memory = rows();
  sent(memory, 2);
  sent(memory, 1, 0, WAVE);
  sent(memory, 2);
  assert.deepEqual(drained(memory, 59 * S), []);
  assert.deepEqual(drained(memory, 60 * S), [[1, 2], [3], [4, 5]]);
});

test("after a reconnect everything is sent again, at a random moment within 30 s", () => {
  const memory = rows({ kept: [{ boot: 2, index: 1, ...ROW }] });
  sent(memory, 1);
  memory.reconnected(0);
  assert.deepEqual(drained(memory, 14 * S), []);
  assert.deepEqual(drained(memory, 15 * S), [[1], [1]]);
});

test("at most eight messages of rows sent again are unanswered", () => {
  const memory = rows();
  sent(memory, 20, 0, WAVE);
  assert.equal(drained(memory, 60 * S).length, 8);
  assert.equal(drained(memory, 61 * S).length, 0);
  memory.answer({ upto: [3, 2] }, 61 * S);
  assert.deepEqual(drained(memory, 61 * S), [[9], [10]]);
});

function attempts(memory, fromS, toS, before = () => {}) {
  const found = [];
  for (let now = fromS; now <= toS; now += 10) {
    before(now);
    for (const indices of drained(memory, now * S)) found.push([now, ...indices]);
  }
  return found;
}

test("while nothing is answered only the oldest is tried, less and less often", () => {
  const memory = rows();
  sent(memory, 2, 0, WAVE);
  const tried = attempts(memory, 0, 2_000);
  assert.deepEqual(tried.slice(0, 2), [[60, 1], [60, 2]]);
  assert.deepEqual(tried.slice(2), [120, 180, 300, 540, 1020, 1620].map((now) => [now, 1]));
});

test("a poll makes the pauses short again, and an answer ends them", () => {
  const memory = rows();
  sent(memory, 3, 0, WAVE);
  attempts(memory, 0, 600);
  memory.heard();
  assert.deepEqual(attempts(memory, 610, 720), [[610, 1], [670, 1]]);
  memory.answer({ upto: [3, 1] }, 721 * S);
  assert.deepEqual(attempts(memory, 730, 740), [[730, 2], [730, 3]]);
});

test("a row that receipts pass by is given up after it was sent alone eight times", () => {
  const memory = rows();
  sent(memory, 3, 0, WAVE);
  attempts(memory, 0, 110);
  const tries = [];
  let given = [];
  for (let now = 120; !given.length && now <= 900; now += 10) {
    memory.answer({ upto: [3, 0] }, now * S);
    const due = memory.due(now * S);
    if (due.again) tries.push(due.again[0].index);
    given = due.given;
  }
  assert.deepEqual(tries, Array(8).fill(1));
  assert.deepEqual(given.map(({ index }) => index), [1]);
  assert.deepEqual(memory.held, [3, 2]);
});

test("what a restart finds missing between its rows is named until a receipt has passed it", () => {
  const memory = rows({ kept: [3, 4, 7, 9].map((index) => ({ boot: 2, index, ...ROW })) });
  assert.deepEqual([memory.held, memory.drop], [[2, 3], [[2, 5, 6], [2, 8, 8]]]);
  memory.answer({ upto: [3, 0], more: [[2, 7]] }, S);
  assert.deepEqual([memory.held, memory.drop], [[2, 9], []], "what lies below held goes without saying");
});

test("a full memory lets the oldest go", () => {
  const memory = rows({ capacity: 2 });
  sent(memory, 2);
  const { squeezed } = memory.add(ROW);
  assert.deepEqual(squeezed.map(({ index }) => index), [1]);
  assert.deepEqual(memory.held, [3, 2]);
});

test("a failed read keeps its column, without a value", () => {
  const failed = { boot: 3, index: 1, s: 1, ns: 0, values: { a: 1 }, words: { e: { b: "COMM" } } };
  assert.deepEqual(rowsBody([failed]), { n: [3, 1], cols: ["a", "b"], rows: [[1, 0, 1, null]], e: { b: "COMM" } });
});
