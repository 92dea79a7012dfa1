"""The intake in SQLite: one file, one writer, write-ahead log, full synchronisation.

A commit is durable when `commit` returns. The journal is bounded by age and size; space of
dropped rows is used again, so the file does not grow beyond its budget.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Final

from ..errors import StoreError
from ..ports import CLOSED_COMMANDS, Batch, Extent, JournalEntry, JournalRow, Kept, KeptCommand, Trimmed
from . import migrations

LAST_VALUES: Final = "last_values"
TRIM_STEP: Final = 5_000
"""Rows dropped in one transaction, so that no commit waits long."""

_SCHEMA: Final = """
CREATE TABLE frames (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  received_ns INTEGER NOT NULL,
  device_id TEXT NOT NULL,
  topic TEXT NOT NULL,
  kid INTEGER NOT NULL,
  boot INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  anchor_ns INTEGER,
  skew_ns INTEGER,
  message BLOB NOT NULL
);
CREATE TABLE devices (
  device_id TEXT PRIMARY KEY,
  state BLOB NOT NULL,
  manifest BLOB,
  last_values BLOB
) WITHOUT ROWID;
CREATE TABLE commands (
  cid TEXT PRIMARY KEY,
  device_id TEXT NOT NULL,
  open INTEGER NOT NULL,
  state BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX commands_of_device ON commands (device_id, cid);
CREATE TABLE readers (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO readers VALUES ('last_values', 0);
"""
MOST_COMMANDS: Final = 100_000
"""Closed commands kept of the whole site."""
_TRIM_COMMANDS: Final = """
DELETE FROM commands WHERE open = 0
AND cid <= (SELECT cid FROM commands WHERE open = 0 ORDER BY cid DESC LIMIT 1 OFFSET ?)
"""
_LOAD_COMMANDS: Final = """
SELECT cid, device_id, open, state FROM (
  SELECT *, row_number() OVER (PARTITION BY device_id, open ORDER BY cid DESC) AS age FROM commands
) WHERE open OR age <= ? ORDER BY cid
"""

AT_ONCE: Final = (256, 16, 1)
"""Rows of one statement, as many as there are.

Each statement lets go of the interpreter and has to win it back from the event loop: with one for each row the two
threads hand it to and fro ten thousand times a second.
"""

TROUBLE: Final = (sqlite3.Error, OSError, OverflowError, UnicodeError)
"""What a file that cannot be read or written ends in; a damaged one even in words that are no text."""
_MAYBE_BYTES: Final = (bytes, type(None))
_MAYBE_INT: Final = (int, type(None))
_KEPT: Final = (str, bytes, _MAYBE_BYTES, _MAYBE_BYTES)
_COMMAND: Final = (str, str, int, bytes)
_ENTRY: Final = (int, int, str, str, int, int, int, int, _MAYBE_INT, _MAYBE_INT, bytes)


def _sound(row: tuple[Any, ...], kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    """Give `row` back when each member is of its kind: SQLite itself keeps any value in any column."""
    if not all(isinstance(member, kind) for member, kind in zip(row, kinds, strict=True)):
        raise sqlite3.DatabaseError("a row is damaged")
    return row


def _rising(after: int, entries: list[JournalEntry]) -> list[JournalEntry]:
    """Give `entries` back when each lies behind the one before: whoever reads on from the last of them must end."""
    if any(place <= before for before, place in pairwise([after, *(entry.position for entry in entries)])):
        raise sqlite3.DatabaseError("rows are out of order")
    return entries


def entries_after(db: sqlite3.Connection, position: int, limit: int) -> list[JournalEntry]:
    """At most `limit` entries of a journal after `position`, in order; raises what `TROUBLE` names."""
    rows = db.execute(
        "SELECT position, received_ns, device_id, topic, kid, boot, seq, flags, anchor_ns, skew_ns, message"
        " FROM frames WHERE position > ? ORDER BY position LIMIT ?",
        (position, limit),
    )
    return _rising(position, [JournalEntry(row[0], JournalRow(*_sound(row, _ENTRY)[1:])) for row in rows])


def _statements(columns: str, conflict: str = "") -> dict[int, str]:
    """Text of an insert by how many rows it takes; `columns` begins with the table."""
    one = f"({', '.join('?' * (columns.count(',') + 1))})"
    return {
        rows: f"INSERT INTO {columns} VALUES {', '.join([one] * rows)}{conflict}"  # noqa: S608 - constants of this file
        for rows in AT_ONCE
    }


_INSERT_FRAMES: Final = _statements(
    "frames (received_ns, device_id, topic, kid, boot, seq, flags, anchor_ns, skew_ns, message)"
)
_UPSERT_STATES: Final = _statements(
    "devices (device_id, state)", " ON CONFLICT (device_id) DO UPDATE SET state = excluded.state"
)
_UPSERT_COMMANDS: Final = _statements(
    "commands (cid, device_id, open, state)",
    " ON CONFLICT (cid) DO UPDATE SET open = excluded.open, state = excluded.state",
)


class SqliteIntake:
    """`IntakeStore` over one SQLite file."""

    def __init__(self, path: Path) -> None:
        """Open or create the file, and bring an older one up to date; raises `StoreError`, `StoreVersionError`."""
        self._path: Final = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        except TROUBLE as err:
            raise self._failure("cannot be opened", err) from err

    def load(self) -> list[Kept]:
        """See `IntakeStore`."""
        try:
            rows = self._db.execute("SELECT device_id, state, manifest, last_values FROM devices").fetchall()
            commands = self._load_commands()
            return [Kept(*_sound(row, _KEPT))._replace(commands=tuple(commands.get(row[0], ()))) for row in rows]
        except TROUBLE as err:
            raise self._failure("cannot be read", err) from err

    def commit(self, batch: Batch) -> None:
        """See `IntakeStore`."""
        try:
            with self._transaction():
                self._insert(_INSERT_FRAMES, batch.rows)
                self._insert(_UPSERT_STATES, batch.states)
                self._insert(_UPSERT_COMMANDS, batch.commands)
                self._db.executemany("UPDATE devices SET manifest = ?2 WHERE device_id = ?1", batch.manifests)
                if batch.values is not None:
                    self._save_values(batch.values)
        except TROUBLE as err:
            raise self._failure("cannot be written", err) from err

    def cursor(self, reader: str) -> int:
        """See `IntakeStore`."""
        query = "SELECT position FROM readers WHERE name = ?"
        try:
            found = self._db.execute(query, (reader,)).fetchone()
            return 0 if found is None else int(_sound(found, (int,))[0])
        except TROUBLE as err:
            raise self._failure("cannot be read", err) from err

    def move_cursor(self, reader: str, position: int) -> None:
        """See `IntakeStore`."""
        try:
            self._db.execute(
                "INSERT INTO readers VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET position = excluded.position",
                (reader, position),
            )
        except TROUBLE as err:
            raise self._failure("cannot be written", err) from err

    def read_after(self, position: int, limit: int) -> list[JournalEntry]:
        """See `IntakeStore`."""
        try:
            return entries_after(self._db, position, limit)
        except TROUBLE as err:
            raise self._failure("cannot be read", err) from err

    def trim(self, *, before_ns: int, max_bytes: int) -> Trimmed:
        """See `IntakeStore`."""
        try:
            self._db.execute(_TRIM_COMMANDS, (MOST_COMMANDS,))
            first, last = self._ends()
            if first is None:
                return Trimmed(0, {}, more=False)
            step_end = min(first + TRIM_STEP - 1, last)
            if self.size_bytes() > max_bytes:
                return self._drop_upto(step_end, more=True)
            (taken,) = _sound(self._db.execute("SELECT min(position) FROM readers").fetchone(), (int,))
            old = self._db.execute(
                "SELECT max(position) FROM frames WHERE position <= ? AND received_ns < ?",
                (min(step_end, taken), before_ns),
            ).fetchone()[0]
            if old is None:
                return Trimmed(0, {}, more=False)
            return self._drop_upto(old, more=old == step_end)
        except TROUBLE as err:
            raise self._failure("cannot be trimmed", err) from err

    def size_bytes(self) -> int:
        """See `IntakeStore`."""
        try:
            pages, free, size = (
                self._db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        except TROUBLE as err:
            raise self._failure("cannot be measured", err) from err
        return int((pages - free) * size)

    def extent(self) -> Extent:
        """See `IntakeStore`."""
        try:
            first, last = self._ends()
            received = self._db.execute("SELECT received_ns FROM frames WHERE position = ?", (first,)).fetchone()
            readers = self._db.execute("SELECT name, position FROM readers").fetchall()
            cursors = dict(_sound(reader, (str, int)) for reader in readers)
        except TROUBLE as err:
            raise self._failure("cannot be measured", err) from err
        return Extent(self.size_bytes(), first, received and received[0], last, cursors)

    def close(self) -> None:
        """See `IntakeStore`."""
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def _load_commands(self) -> dict[str, list[KeptCommand]]:
        found: dict[str, list[KeptCommand]] = {}
        for row in self._db.execute(_LOAD_COMMANDS, (CLOSED_COMMANDS,)):
            cid, device_id, is_open, state = _sound(row, _COMMAND)
            found.setdefault(device_id, []).append(KeptCommand(cid, device_id, bool(is_open), state))
        return found

    def _prepare(self) -> None:
        execute = self._db.execute
        # A file of a newer release is left as it is, and so is what its log holds that was not moved into it yet.
        self._db.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
        (version,) = execute("PRAGMA user_version").fetchone()
        migrations.check_version(version, migrations.JOURNAL_VERSION, str(self._path))
        self._db.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, False)
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        execute("PRAGMA busy_timeout = 5000")
        self.is_new = version == 0
        if self.is_new:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {migrations.JOURNAL_VERSION}; COMMIT;")
        elif version < migrations.JOURNAL_VERSION:
            self._upgrade(version)

    def _upgrade(self, version: int) -> None:
        try:
            with self._transaction():
                migrations.upgrade_journal(self._db, version)
        except (ValueError, TypeError, KeyError, RecursionError) as err:
            raise self._failure("cannot be brought up to date", err) from err

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Everything or nothing; whatever goes wrong, the next one can begin."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def _insert(self, statements: dict[int, str], rows: Sequence[tuple[Any, ...]]) -> None:
        at = 0
        for many, statement in statements.items():
            while len(rows) - at >= many:
                self._db.execute(statement, list(chain.from_iterable(rows[at : at + many])))
                at += many

    def _save_values(self, values: list[tuple[str, bytes]]) -> None:
        self._db.executemany("UPDATE devices SET last_values = ?2 WHERE device_id = ?1", values)
        self._db.execute(
            "UPDATE readers SET position = coalesce((SELECT max(position) FROM frames), position) WHERE name = ?",
            (LAST_VALUES,),
        )

    def _ends(self) -> tuple[int | None, int]:
        first, last = self._db.execute("SELECT min(position), max(position) FROM frames").fetchone()
        return first, last or 0

    def _drop_upto(self, position: int, *, more: bool) -> Trimmed:
        behind = self._db.execute(
            "SELECT r.name, count(*) FROM readers r JOIN frames f"
            " ON f.position > r.position AND f.position <= ? GROUP BY r.name",
            (position,),
        ).fetchall()
        noisiest = self._noisiest(position) if behind else None
        with self._transaction():
            dropped = self._db.execute("DELETE FROM frames WHERE position <= ?", (position,)).rowcount
        return Trimmed(dropped, dict(behind), more=more and dropped > 0, noisiest=noisiest)

    def _noisiest(self, upto: int) -> str:
        """Device with the most bytes up to a position."""
        query = (
            "SELECT device_id FROM frames WHERE position <= ?"
            " GROUP BY device_id ORDER BY sum(length(message)) DESC, device_id"
        )
        return str(self._db.execute(query, (upto,)).fetchone()[0])

    def _failure(self, what: str, err: Exception) -> StoreError:
        return StoreError(f"the journal {what}: {err}", path=str(self._path))
