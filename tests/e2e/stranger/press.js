// The machine that is measured: a press. Its readings follow from a counter, so that a run can be understood.

import { createHash } from "node:crypto";

import { canonical } from "./envelope.js";

const CHANNELS = [
  { key: "temperature", name: "Öltemperatur", unit: "°C", class: "temperature", state_class: "measurement" },
  { key: "pressure", name: "Druck", kind: "float", unit: "bar", class: "pressure", min: 0, max: 16 },
  { key: "strokes", name: "Hübe", kind: "int", state_class: "total_increasing" },
  { key: "door", name: "Schutztür", kind: "bool", class: "door" },
  { key: "mode", name: "Betriebsart", kind: "enum", class: "enum", options: ["idle", "run", "fault"] },
  { key: "resistance", name: "Isolation", kind: "float" },
  { key: "vibration", name: "Schwingung", kind: "float", unit: "mm/s", diagnostic: true },
  { key: "level", name: "Ölstand", kind: "float", unit: "%", mode: "poll" },
];

// How JavaScript prints them: 1e+21, 4.7e-7, 0.30000000000000004, 20, 123456789.125, 0.
const RESISTANCES = [1e21, 4.7e-7, 0.1 + 0.2, 20.0, 123_456_789.125, -0];
const SCALARS = CHANNELS.map(({ key }) => key).filter((key) => key !== "vibration");
const WAVE_SAMPLES = 64;
const WAVE_DT_NS = 625_000;
const SCALE = 0.001;

/** The manifest, with a digest over all of it. */
export function manifest(commands) {
  const described = { channels: CHANNELS, commands };
  const digest = createHash("sha256").update(canonical(described)).digest("hex").slice(0, 16);
  return { digest, ...described };
}

/** The reading of a count: `values`, and in `words` what is to be said about them. */
export function reading(count) {
  const values = {
    temperature: 20 + (count % 5) * 0.25,
    pressure: Math.round(600 + 50 * Math.sin(count / 7)) / 100,
    strokes: count,
    door: count % 2 === 0,
    mode: count % 4 === 0 ? "idle" : "run",
    resistance: RESISTANCES[count % RESISTANCES.length],
  };
  return { values, words: {} };
}

/** A reading of which one value is in doubt. */
export function doubtful(count) {
  return { ...reading(count), words: { q: { pressure: "uncertain" } } };
}

/** A reading of which one value is missing, and one is none: `null` stands for what JSON cannot say. */
export function partial(count) {
  const { pressure: _, ...values } = reading(count).values;
  return { values: { ...values, resistance: null }, words: { e: { pressure: "COMM" }, q: { resistance: "bad" } } };
}

/** Sensors that do not answer at all. */
export function failure() {
  return { values: {}, words: { e: { pressure: "COMM", temperature: "VALUE" } } };
}

/** What is read when somebody asks for these keys, or for everything; what it cannot read stands in `e`. */
export function readingOf(count, keys = SCALARS) {
  const all = { ...reading(count).values, level: 80 - (count % 40) };
  const values = Object.fromEntries(keys.filter((key) => key in all).map((key) => [key, all[key]]));
  const e = Object.fromEntries(keys.filter((key) => !(key in all)).map((key) => [key, "VALUE"]));
  return { values, words: Object.keys(e).length ? { e } : {} };
}

/** Vibration, as numbers or as 16-bit numbers in base64. */
export function wave(count) {
  const samples = Array.from({ length: WAVE_SAMPLES }, (_, at) => Math.round(1000 * Math.sin((at + count) / 5)));
  const common = { ch: "vibration", dt_ns: WAVE_DT_NS };
  if (count % 2) return { values: {}, words: { wave: { ...common, v: samples.map((raw) => raw * SCALE) } } };
  const bytes = Buffer.from(new ArrayBuffer(2 * WAVE_SAMPLES));
  samples.forEach((raw, at) => bytes.writeInt16LE(raw, 2 * at));
  return { values: {}, words: { wave: { ...common, i16: bytes.toString("base64"), scale: SCALE, offset: 0 } } };
}
