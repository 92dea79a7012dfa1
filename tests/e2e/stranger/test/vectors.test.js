// The golden vectors that every implementation shares: ../../../vectors.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { canonical, deriveKey, isSigned, rotateKey, seal, split } from "../envelope.js";
import { Incoming } from "../incoming.js";

const read = (name) => JSON.parse(readFileSync(new URL(`../../../vectors/${name}.json`, import.meta.url)));
const hex = (text) => Buffer.from(text, "hex");

const keys = read("keys");
const KEY = deriveKey(hex(keys.derive[0].fleet_key), "press-07");
const NONCE = "8899aabbccddeeff";

test("keys follow from the fleet key, and from each other", () => {
  for (const one of keys.derive) assert.equal(deriveKey(hex(one.fleet_key), one.id, one.kid).toString("hex"), one.key);
  for (const one of keys.rekey) {
    assert.equal(rotateKey(hex(one.key), hex(one.salt), one.id, one.kid).toString("hex"), one.next);
  }
});

test("the MAC is made over the bytes as they are sent", () => {
  for (const one of keys.macs) {
    const message = Buffer.from(`{"hmac":"${one.hmac}","payload":${one.payload}}`);
    assert.ok(isSigned(hex(one.key), split(message)), one.payload);
  }
});

test("canonical text is the same", () => {
  for (const one of keys.canonical) assert.equal(canonical(one.value), one.text);
});

test("what a good device signs is verified here", () => {
  for (const one of read("good")) assert.ok(isSigned(KEY, split(Buffer.from(one.message))), one.name);
});

test("the hub's messages are signed here to the byte", () => {
  for (const one of read("down_good")) assert.equal(seal(KEY, one.payload).toString(), one.message, one.name);
});

test("the hub's messages are accepted, each by a device that has obeyed nothing", () => {
  for (const one of read("down_good")) {
    const verdict = device().check(arriving(one));
    assert.deepEqual(verdict.payload, one.payload, one.name);
  }
});

test("bad messages are dropped at the check that they fail", () => {
  for (const one of read("down_bad")) {
    const incoming = device();
    for (const hseq of [150, 200]) assert.ok(incoming.check(arriving(poll(hseq))).payload);
    assert.equal(incoming.check(arriving(one)).dropped, one.check, one.name);
    assert.equal(incoming.highest, 200);
  }
});

test("what the hub refuses for its MAC has a bad MAC here", () => {
  const forged = read("bad").filter((one) => ["bad_mac", "unknown_key"].includes(one.code) && split(bytesOf(one)));
  const ours = forged.filter((one) => isSigned(KEY, split(bytesOf(one))));
  assert.ok(forged.length > 3);
  assert.deepEqual(ours.map(({ name }) => name), []);
});

function device() {
  return new Incoming({ id: "press-07", key: KEY, nonce: NONCE });
}

function arriving({ topic, message }) {
  return { leaf: topic.split("/").at(-1), bytes: Buffer.from(message) };
}

function bytesOf(one) {
  return one.message_hex ? hex(one.message_hex) : Buffer.from(one.message);
}

function poll(hseq) {
  const header = { v: 1, type: "poll", id: "press-07", kid: 1, ts: 1, ts_ns: 0, nonce: NONCE, hseq };
  const payload = { ...header, pid: "0a1b2c3d", ch: [] };
  return { topic: "iiot/press-07/poll", message: seal(KEY, payload) };
}
