// What the device says and what it obeys (protocol page: The smallest device, heartbeat, Sleep, Down).

import { randomBytes } from "node:crypto";

import { momentBody, rowTime, rowsBody, together } from "./data.js";
import { seal } from "./envelope.js";
import { Incoming } from "./incoming.js";
import { Link } from "./link.js";
import { doubtful, failure, manifest, partial, reading, readingOf, wave } from "./press.js";
import { Rows } from "./rows.js";

const TICK_MS = 50;
const HINT_MS = 5_000; // at most one heartbeat in this time tells of a restart that was missed, or of rows given up
const LISTEN_MS = 5_000; // after waking
const LISTEN_MORE_MS = 2_000; // for each message from the hub
const LISTEN_AT_MOST_MS = 30_000;
const SLEEP_WITHIN_MS = 5_000;

const wait = Symbol("the row waits for company");
const TURNS = [reading, doubtful, partial, wait, wait, together, reading, wave, reading, failure];

export class Conversation {
  #seq = 0;
  #count = 0;
  #state = { state: "awake" };
  #batch = [];
  #beatMs = Infinity;
  #readMs = 0;
  #hintMs = -HINT_MS;
  #listenMs = 0; // until when a sleeper listens
  #wokeMs = 0;
  #receipts = 0;
  #naps = { times: 0, forS: 0 };
  #timer = null;

  /**
   * `url`, `options`: where the broker is, as MQTT.js takes them; `about`: name, model, firmware and place;
   * `interval`, `everyS`: seconds between heartbeats and readings; `hurry`: how many times sooner rows are sent again.
   */
  constructor({ id, key, kid, prefix, url, options, clock, memory, about, interval, everyS, hurry, say }) {
    Object.assign(this, { id, key, kid, clock, memory, about, interval, everyS, say });
    const nonce = randomBytes(8).toString("hex");
    const { boot, kept } = memory;
    this.incoming = new Incoming({ id, key, nonce });
    this.rows = new Rows({ boot, kept, againMs: 60_000 / hurry, spreadMs: 30_000 / hurry });
    this.manifest = manifest(clock.tq === 2 ? ["describe"] : ["describe", "set_time"]);
    const keepalive = Math.min(3600, Math.max(15, Math.ceil(3 * Math.max(interval, everyS))));
    const will = () => this.#sealed("status", { state: "offline", session: this.link.session });
    this.link = new Link({ url, options, id, prefix, keepalive, will });
    this.link.on("open", () => this.#opened());
    this.link.on("lost", (pause, reason) => say(`no connection (${reason}), again in ${pause.toFixed(1)} s`));
    this.link.on("message", (message) => this.#heard(message));
  }

  start() {
    this.link.connect();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Says farewell and ends. */
  async leave() {
    clearInterval(this.#timer);
    this.#send("status", { state: "offline", session: this.link.session });
    await this.link.end();
  }

  /** Sleeps for so many seconds, as often as told; between, it listens. The first receipt lets it go. */
  async sleep(forS, times = 1) {
    this.#naps = { times: times - 1, forS };
    this.#moment(reading(++this.#count), { bye: true });
    this.#state = { state: "asleep", for_s: forS };
    this.#heartbeat();
    const answered = this.#receipts + 1;
    const deadlineMs = this.clock.upMs + SLEEP_WITHIN_MS;
    while (this.#receipts < answered && this.clock.upMs < deadlineMs) await pause(TICK_MS);
    await this.link.end();
    this.say(`asleep for ${forS} s`);
    setTimeout(() => this.link.connect(), forS * 1000);
  }

  // --- the machine -----------------------------------------------------------------------

  #tick() {
    const { upMs } = this.clock;
    if (this.#state.state === "asleep") return;
    const { times, forS } = this.#naps;
    if (times > 0 && this.link.isOpen && upMs >= this.#listenMs) return void this.sleep(forS, times);
    if (upMs >= this.#readMs) {
      this.#readMs = upMs + this.everyS * 1000;
      this.#measure();
    }
    if (!this.link.isOpen) return;
    if (upMs >= this.#beatMs) this.#heartbeat();
    this.#sendAgain(upMs);
  }

  /** In turn: single moments, three moments in one message, a wave, sensors that fail. */
  #measure() {
    const count = ++this.#count;
    const act = TURNS[count % TURNS.length];
    if (act === wait || act === together) this.#batch.push(this.#keep(reading(count), this.clock.now()));
    if (act === wait) return;
    this.#flush();
    if (act === wave) this.#live(wave(Math.floor(count / TURNS.length)), rowsBody);
    else if (act !== together) this.#moment(act(count));
  }

  /** Rows that waited for company go out as live rows. */
  #flush() {
    while (this.#batch.length) {
      const rows = together(this.#batch);
      this.#batch.splice(0, rows.length);
      if (!this.link.isOpen) continue; // they are sent when the connection stands
      this.#send("data", rowsBody(rows));
      this.rows.sent(rows, this.clock.upMs);
    }
  }

  #moment(facts, extra = {}) {
    this.#flush();
    return this.#live(facts, ([row]) => ({ ...momentBody(row), ...extra }));
  }

  #live(facts, body) {
    const now = this.clock.now();
    const row = this.#keep(facts, now);
    if (this.link.isOpen) {
      this.#send("data", body([row]), now);
      this.rows.sent([row], now.up);
    }
    return row;
  }

  #keep(facts, now) {
    const { row, squeezed } = this.rows.add({ ...rowTime(now.rowMs), ...facts });
    this.memory.keep(row, Date.now());
    this.#gone(squeezed);
    return row;
  }

  #sendAgain(upMs) {
    const { again, given } = this.rows.due(upMs);
    this.#gone(given);
    if (again) this.#send("data", { late: true, ...rowsBody(again) }, this.clock.now(), { qos: 1 });
  }

  /** Rows went unanswered: the hub has to know, else its receipts cannot pass them. */
  #gone(rows) {
    if (!rows.length) return;
    this.memory.free(rows);
    this.#hint();
  }

  // --- speaking --------------------------------------------------------------------------

  #opened() {
    const { upMs } = this.clock;
    const isWaking = this.#state.state === "asleep";
    this.#state = { state: "awake" };
    this.#wokeMs = upMs;
    this.#listenMs = upMs + LISTEN_MS;
    this.rows.reconnected(upMs, isWaking ? LISTEN_MS / 2 : undefined);
    this.say(`connected, session ${this.link.session}`);
    this.#heartbeat();
    this.#send("status", { state: "online", session: this.link.session });
  }

  #heartbeat() {
    this.#beatMs = this.clock.upMs + this.interval * 1000;
    const { drop, held, count } = this.rows;
    this.#send("heartbeat", {
      ...this.about,
      nonce: this.incoming.nonce,
      session: this.link.session,
      interval: this.interval,
      ...this.#state,
      manifest: this.manifest.digest,
      hseq: this.incoming.highest,
      held,
      buffered: count,
      caps: ["confirm", "poll"],
      ...(drop.length && { drop }),
    });
  }

  #hint() {
    const { upMs } = this.clock;
    if (upMs - this.#hintMs >= HINT_MS) {
      this.#hintMs = upMs;
      this.#heartbeat();
    } else {
      this.#beatMs = Math.min(this.#beatMs, this.#hintMs + HINT_MS);
    }
  }

  #send(leaf, body, now = this.clock.now(), options) {
    this.link.publish(leaf, this.#sealed(leaf, body, now), options);
  }

  #sealed(type, body, { up, tq, ts, ts_ns } = this.clock.now()) {
    const { id, kid, memory } = this;
    return seal(this.key, { v: 1, type, id, kid, boot: memory.boot, seq: ++this.#seq, up, tq, ts, ts_ns, ...body });
  }

  // --- obeying ---------------------------------------------------------------------------

  #heard({ leaf, bytes, retain }) {
    const { upMs } = this.clock;
    const { payload, repeat, stale, dropped } = this.incoming.check({ leaf, bytes, retain, nowMs: upMs });
    if (dropped) this.say(`dropped a ${leaf}: ${dropped}`);
    if (stale) this.#hint();
    if (repeat) this.#send("ack", { ...repeat, hseq: this.incoming.highest });
    if (!payload) return;
    this.#listenMs = Math.min(Math.max(this.#listenMs, upMs) + LISTEN_MORE_MS, this.#wokeMs + LISTEN_AT_MOST_MS);
    this.#act[leaf](payload);
  }

  #act = {
    poll: ({ pid, ch }) => {
      this.rows.heard(this.clock.upMs);
      if (ch?.length === 0) return this.#heartbeat();
      this.#moment(readingOf(this.#count, ch), { poll: pid });
    },
    stored: (receipt) => {
      this.#receipts += 1;
      this.memory.free(this.rows.answer(receipt, this.clock.upMs));
    },
    command: ({ cid, cmd, args, until }) => {
      const answer = { cid, ...this.#obey(cmd, args, until) };
      this.incoming.answered(cid, answer, this.clock.upMs);
      this.#send("ack", { ...answer, hseq: this.incoming.highest });
      this.say(`${cmd}: ${answer.status} ${answer.reason ?? ""}`);
    },
  };

  #obey(cmd, args, until) {
    if (this.clock.upMs > until) return { status: "expired" };
    if (cmd === "describe") {
      this.#send("manifest", this.manifest);
      return { status: "done" };
    }
    return cmd === "set_time" ? this.clock.set(args) : { status: "rejected", reason: "unsupported" };
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
