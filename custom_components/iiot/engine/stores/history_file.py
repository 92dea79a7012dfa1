"""The file of a site's history: its tables, and the numbers under which devices and channels stand in them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ..errors import StoreError
from ..history.damage import DamagedError
from ..values import NS_PER_S

DAY_NS: Final = 86_400 * NS_PER_S
"""A chunk lies within a day, lest rows that came late keep old ones from being dropped; so do figures that are kept
together."""

_SCHEMA: Final = """
CREATE TABLE devices (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  device INTEGER NOT NULL,
  channel TEXT NOT NULL,
  raw_from_ns INTEGER NOT NULL DEFAULT 0,
  UNIQUE (device, channel)
);
CREATE TABLE tail (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  device INTEGER NOT NULL,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX tail_of_device ON tail (device, last_ns);
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY,
  device INTEGER NOT NULL,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  head BLOB NOT NULL
);
CREATE INDEX chunks_of_device ON chunks (device, last_ns);
CREATE TABLE columns (
  chunk INTEGER NOT NULL,
  series INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (chunk, series)
) WITHOUT ROWID;
CREATE TABLE figures (
  series INTEGER NOT NULL,
  figure TEXT NOT NULL,
  day INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (series, figure, day)
) WITHOUT ROWID;
CREATE TABLE made (series INTEGER NOT NULL, figure TEXT NOT NULL, PRIMARY KEY (series, figure)) WITHOUT ROWID;
CREATE TABLE dossiers (device_id TEXT PRIMARY KEY, state BLOB NOT NULL, manifest BLOB) WITHOUT ROWID;
CREATE TABLE spoiled (
  id INTEGER PRIMARY KEY,
  reason TEXT NOT NULL,
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
CREATE TABLE readers (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO readers VALUES ('journal', 0), ('figures', 0);
"""
_VERSION: Final = 1
_TROUBLE: Final = (sqlite3.Error, OSError, OverflowError, UnicodeError, DamagedError)


class HistoryFile:
    """One SQLite file. One thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; raises `StoreError`."""
        self._path: Final = path
        with self._told("cannot be opened"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def size_bytes(self) -> int:
        """Bytes in use on disk."""
        with self._told("cannot be measured"):
            pages, free, size = (
                self._db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    def close(self) -> None:
        """Finish; idempotent."""
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        self._devices: dict[str, int] = dict(self._db.execute("SELECT name, id FROM devices"))
        named = self._db.execute("SELECT device, channel, id FROM series")
        self._series: dict[tuple[int, str], int] = {(device, key): at for device, key, at in named}
        self._waiting: dict[int, int] = dict(self._db.execute("SELECT device, sum(rows) FROM tail GROUP BY device"))
        """Device → its rows in the tail."""

    def _device(self, name: str) -> int:
        found = self._devices.get(name)
        if found is None:
            (found,) = self._db.execute("INSERT INTO devices (name) VALUES (?) RETURNING id", (name,)).fetchone()
            self._devices[name] = found
        return found

    def _channel(self, device: int, key: str) -> int:
        found = self._series.get((device, key))
        if found is None:
            query = "INSERT INTO series (device, channel) VALUES (?, ?) RETURNING id"
            (found,) = self._db.execute(query, (device, key)).fetchone()
            self._series[device, key] = found
        return found

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        known = dict(self._devices), dict(self._series)
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._devices, self._series = known
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except _TROUBLE as err:
            raise StoreError(f"the history {what}: {err}", path=str(self._path)) from err
