// A device for iiot/1, written from docs/reference/protocol.md alone. Usage: README.md.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import { Clock } from "./clock.js";
import { Conversation } from "./conversation.js";
import { deriveKey, fingerprint } from "./envelope.js";
import { Memory } from "./memory.js";

const { values: given } = parseArgs({
  options: {
    broker: { type: "string" }, // mqtt://[user:password@]host:1883, or mqtts://
    ca: { type: "string" }, // file with the certificate of the broker's authority
    id: { type: "string" },
    "fleet-key": { type: "string" }, // 64 hex digits
    key: { type: "string" }, // 64 hex digits, in place of the fleet key
    provisioning: { type: "string" }, // file with a provisioning text, in place of all of these
    prefix: { type: "string", default: "iiot" },
    name: { type: "string", default: "Presse Süd 東 🏭" },
    place: { type: "string", default: "Werkstatt" },
    state: { type: "string", default: "." }, // folder for what outlives a restart
    clock: { type: "string", default: "ntp" }, // none: the hub tells the time
    every: { type: "string", default: "5" }, // seconds between two readings
    interval: { type: "string", default: "30" }, // seconds between two heartbeats
    hurry: { type: "string", default: "1" }, // send again so many times sooner than the page says
    record: { type: "boolean", default: false }, // list every row ever made, below the state folder
  },
});

const identity = given.provisioning ? fromText(readFileSync(given.provisioning, "utf8")) : fromArguments();
const clock = new Clock(given.clock === "none" ? 0 : 2);
const memory = new Memory(given.state, identity.id, { startAbove: identity.boot, record: given.record });
const device = new Conversation({
  ...identity,
  clock,
  memory,
  about: { name: given.name, model: "Node", fw: "1.0.0", place: given.place },
  everyS: Number(given.every),
  interval: Number(given.interval),
  hurry: Number(given.hurry),
  say: (text) => console.log(`${(clock.upMs / 1000).toFixed(1).padStart(8)}  ${text}`),
});

console.log(`${identity.id}  key ${identity.kid}, fingerprint ${fingerprint(identity.key)}  boot ${memory.boot}`);
device.start();

const ORDERS = {
  lose: (count) => device.link.lose(Number(count)), // the next messages of readings get lost
  cut: () => device.link.cut(), // the cable is pulled
  sleep: (seconds, times = "1") => device.sleep(Number(seconds), Number(times)),
  leave: () => leave(),
};
createInterface({ input: process.stdin }).on("line", (line) => {
  const [order, ...words] = line.trim().split(/\s+/);
  ORDERS[order]?.(...words);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, leave);

async function leave() {
  await device.leave();
  process.exit(0);
}

function fromArguments() {
  const { broker, id, prefix } = given;
  const fleetKey = given["fleet-key"];
  if (!broker || !id || !(fleetKey || given.key)) stop("give --broker, --id and --fleet-key or --key; or --provisioning");
  const key = given.key ? keyFrom(given.key) : deriveKey(keyFrom(fleetKey), id);
  const options = given.ca ? { ca: readFileSync(given.ca) } : {};
  return { id, key, kid: 1, boot: 0, prefix, url: broker, options };
}

function fromText(text) {
  const { id, kid, key, boot, prefix, broker } = JSON.parse(text);
  const { host, port, tls, ca, user: username, password } = broker;
  const url = `${tls ? "mqtts" : "mqtt"}://${host}:${port}`;
  return { id, kid, key: keyFrom(key), boot, prefix, url, options: { ca, username, password } };
}

function keyFrom(digits) {
  const key = Buffer.from(digits.replace(/[\s-]/g, ""), "hex");
  return key.length === 32 ? key : stop("a key is 64 hex digits");
}

function stop(reason) {
  console.error(`error: ${reason}`);
  process.exit(2);
}
