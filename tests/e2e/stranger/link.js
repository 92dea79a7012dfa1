// One MQTT connection after the other: a session number and a will for each, and a pause between them that grows.

import { EventEmitter } from "node:events";
import { randomBytes } from "node:crypto";
import mqtt from "mqtt";

const LONGEST_S = 60;
const SESSION_S = 3600;
const QOS = { heartbeat: 0, data: 0, log: 0, manifest: 1, ack: 1, status: 1, poll: 0, stored: 1, command: 2 };
const DOWN = ["poll", "stored", "command"];

/** Emits `open`, `lost`, and `message` ({ leaf, bytes, retain }). */
export class Link extends EventEmitter {
  session = "";
  #client = null;
  #tries = 0;
  #timer = null;
  #toLose = 0;

  /** `will`: gives the signed last will of the session that begins. */
  constructor({ url, options, id, prefix, keepalive, will }) {
    super();
    Object.assign(this, { url, options, id, prefix, keepalive, will });
  }

  get isOpen() {
    return this.#client?.connected ?? false;
  }

  connect() {
    this.session = randomBytes(4).toString("hex");
    const client = mqtt.connect(this.url, {
      ...this.options,
      clientId: this.id,
      protocolVersion: 5,
      clean: false,
      properties: { sessionExpiryInterval: SESSION_S },
      keepalive: this.keepalive,
      reconnectPeriod: 0, // the pauses are ours
      queueQoSZero: false,
      will: { topic: this.#topic("status"), payload: this.will(), qos: QOS.status, retain: false },
    });
    this.#client = client;
    let reason = "it was closed";
    client.on("error", (error) => (reason = error.message || error.code)); // it is followed by `close`
    client.on("message", (topic, bytes, { retain }) => {
      this.emit("message", { leaf: topic.split("/").at(-1), bytes, retain });
    });
    client.on("connect", () => this.#subscribe(client));
    client.once("close", () => client === this.#client && this.#lost(reason));
  }

  publish(leaf, bytes, { qos = QOS[leaf] } = {}) {
    if (!this.isOpen) return;
    if (leaf === "data" && this.#toLose > 0) this.#toLose -= 1;
    else this.#client.publish(this.#topic(leaf), bytes, { qos, retain: false }, () => {});
  }

  /** Ends in order; what was published before goes out first. */
  async end() {
    clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = null;
    await client?.endAsync(!client.connected);
  }

  /** The air loses the next messages of readings. */
  lose(count) {
    this.#toLose = count;
  }

  /** The cable is pulled: no farewell, the broker publishes the will. */
  cut() {
    this.#client?.stream.destroy();
  }

  #subscribe(client) {
    const wanted = Object.fromEntries(DOWN.map((leaf) => [this.#topic(leaf), { qos: QOS[leaf], rap: true }]));
    client.subscribe(wanted, (error) => {
      if (error) return client.stream.destroy();
      this.#tries = 0;
      this.emit("open");
    });
  }

  #lost(reason) {
    const pause = Math.min(2 ** this.#tries++, LONGEST_S) * (0.5 + Math.random());
    this.emit("lost", pause, reason);
    this.#timer = setTimeout(() => this.connect(), pause * 1000);
  }

  #topic(leaf) {
    return `${this.prefix}/${this.id}/${leaf}`;
  }
}
