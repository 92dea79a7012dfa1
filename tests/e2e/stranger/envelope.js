// The signed envelope: canonical JSON, the MAC over its bytes, and the keys (protocol page: Envelope, Keys).

import { createHash, createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

export const MESSAGE_BYTES = 65_535;

const KEY_BYTES = 32;
const MAC_TEXT = /^[A-Za-z0-9+/]{43}=$/;
const MAC_CHARACTERS = 44; // base64 of 32 bytes
const MAC_FIRST = Buffer.from('{"hmac":"');
const THEN_PAYLOAD = Buffer.from('","payload":');
const PAYLOAD_FIRST = Buffer.from('{"payload":');
const THEN_MAC = Buffer.from(',"hmac":"');
const MAC_END = Buffer.from('"}');

/** The key that a device with this id derives from the fleet key. */
export function deriveKey(fleetKey, id, kid = 1) {
  return Buffer.from(hkdfSync("sha256", fleetKey, "iiot/1", `${id}|${kid}`, KEY_BYTES));
}

/** The next key at a rotation. */
export function rotateKey(key, salt, id, kid) {
  return Buffer.from(hkdfSync("sha256", key, salt, `rekey|${id}|${kid}`, KEY_BYTES));
}

/** What people compare: `xxxx-xxxx-xxxx-xxxx`. */
export function fingerprint(key) {
  const digest = createHash("sha256").update("iiot/1 fingerprint").update(key).digest("hex");
  return digest.slice(0, 16).match(/.{4}/g).join("-");
}

/** The canonical text of a value: keys by code point, no white space, text raw. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort(byCodePoint);
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

/** The signed message, as bytes. */
export function seal(key, payload) {
  const text = canonical(payload);
  return Buffer.from(`{"hmac":"${mac(key, Buffer.from(text))}","payload":${text}}`);
}

/** MAC and payload bytes of a message, or null when it does not have the envelope's form. */
export function split(message) {
  const parts = startsWith(message, MAC_FIRST) ? macFirst(message) : payloadFirst(message);
  if (parts === null || !MAC_TEXT.test(parts.mac.toString("latin1"))) return null;
  const { payload } = parts;
  return payload.at(0) === 0x7b && payload.at(-1) === 0x7d ? parts : null; // braces
}

/** Whether the key made the MAC of these bytes; in constant time. */
export function isSigned(key, { mac: given, payload }) {
  return timingSafeEqual(Buffer.from(mac(key, payload)), given);
}

function mac(key, bytes) {
  return createHmac("sha256", key).update(bytes).digest("base64");
}

function macFirst(message) {
  const from = MAC_FIRST.length;
  const to = from + MAC_CHARACTERS;
  if (!startsWith(message.subarray(to), THEN_PAYLOAD) || message.at(-1) !== 0x7d) return null;
  return { mac: message.subarray(from, to), payload: message.subarray(to + THEN_PAYLOAD.length, -1) };
}

function payloadFirst(message) {
  const to = message.length - MAC_END.length;
  const from = to - MAC_CHARACTERS;
  const end = from - THEN_MAC.length;
  if (end < PAYLOAD_FIRST.length || !startsWith(message, PAYLOAD_FIRST)) return null;
  if (!startsWith(message.subarray(end), THEN_MAC) || !message.subarray(to).equals(MAC_END)) return null;
  return { mac: message.subarray(from, to), payload: message.subarray(PAYLOAD_FIRST.length, end) };
}

function startsWith(bytes, start) {
  return bytes.subarray(0, start.length).equals(start);
}

// JavaScript sorts by UTF-16 units, which differs beyond U+FFFF; UTF-8 keeps the order of code points.
function byCodePoint(one, other) {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
