// What outlives a power cut: the boot number, and the rows that nobody has answered yet.

import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export class Memory {
  #rows;
  #record;

  /** `startAbove`: the boot number of the provisioning text; `record`: keep a list of every row ever made. */
  constructor(folder, id, { startAbove = 0, record = false } = {}) {
    mkdirSync(folder, { recursive: true });
    this.#rows = join(folder, `${id}.rows`);
    this.boot = raise(join(folder, `${id}.boot`), startAbove);
    this.kept = left(this.#rows);
    replace(this.#rows, this.kept.map(keepLine).join(""));
    if (record) {
      this.#record = join(folder, "produced", `${id}.jsonl`);
      mkdirSync(dirname(this.#record), { recursive: true });
    }
  }

  keep(row, unixMs) {
    append(this.#rows, keepLine(row));
    if (!this.#record) return;
    const { boot, index, s, ns, values, words } = row;
    const facts = { boot, index, s, ns, values, unix_ns: unixMs * 1e6, ...words };
    append(this.#record, `${JSON.stringify(facts)}\n`);
  }

  free(rows) {
    append(this.#rows, rows.map(({ boot, index }) => `${JSON.stringify({ free: [boot, index] })}\n`).join(""));
  }
}

/** The number of this start: on the disk before the first message. */
function raise(file, startAbove) {
  const last = existsSync(file) ? Number(readFileSync(file, "utf8")) : startAbove;
  replace(file, `${last + 1}\n`);
  return last + 1;
}

function left(file) {
  const rows = new Map();
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  for (const line of text.split("\n")) {
    const { keep, free } = parsed(line);
    if (keep) rows.set(`${keep[0]},${keep[1]}`, keep[2]);
    if (free) rows.delete(`${free[0]},${free[1]}`);
  }
  return [...rows.values()];
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return {}; // the power went in the middle of the last line
  }
}

function keepLine(row) {
  return `${JSON.stringify({ keep: [row.boot, row.index, row] })}\n`;
}

function append(file, text) {
  if (text) appendFileSync(file, text, { flush: true });
}

function replace(file, text) {
  writeFileSync(`${file}.new`, text, { flush: true });
  renameSync(`${file}.new`, file);
}
