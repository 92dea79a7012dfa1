// Rows, and the data messages that carry them (protocol page: data).
// A row: { boot, index, s, ns, values, words }; `words` holds `q`, `e` or `wave` where they say something.

const NS_PER_MS = 1_000_000;
const ROWS_A_MESSAGE = 100;

/** A row time from milliseconds: of the Unix clock, or since the start of the boot where there is no clock. */
export function rowTime(ms) {
  return { s: Math.floor(ms / 1000), ns: (ms % 1000) * NS_PER_MS };
}

/** The members of a live message of one moment, whose row has the time of the message. */
export function momentBody(row) {
  const { q, e } = row.words;
  const r = Object.keys(row.values).length ? { r: row.values } : {}; // failures alone are a form of their own
  return { n: [row.boot, row.index], ...r, ...(q && { q }), ...(e && { e }) };
}

/** The members of a message of consecutive rows of one shape, each with its own time. */
export function rowsBody(rows) {
  const [first] = rows;
  const n = [first.boot, first.index];
  const { q, e, wave } = first.words;
  if (wave) return { n, wave: { ...wave, t0: [first.s, first.ns] } };
  const cols = columns(first);
  const table = rows.map(({ s, ns, values }) => [s, ns, ...cols.map((key) => values[key] ?? null)]);
  return { n, cols, rows: table, ...(q && { q }), ...(e && { e }) };
}

/** Of rows in their order, those from the first on that one message can carry. */
export function together(rows) {
  const [first] = rows;
  const isNext = (row, at) => row.boot === first.boot && row.index === first.index + at && shape(row) === shape(first);
  const end = first.words.wave ? 1 : rows.findIndex((row, at) => !isNext(row, at));
  return rows.slice(0, Math.min(end < 0 ? rows.length : end, ROWS_A_MESSAGE));
}

function columns({ values, words }) {
  return [...new Set([...Object.keys(values), ...Object.keys(words.e ?? {})])];
}

// `q` and `e` beside rows speak of every row of the message, so only rows of which the same is true go together.
function shape(row) {
  return row.words.wave ? row : JSON.stringify([columns(row), row.words]);
}
