"""History in SQLite: a tail of rows as they came, and the chunks that they are sealed into.

What a call takes in is durable together with the place in the journal up to which it was read: after a crash the
journal is read on from there, and no row is there twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Final

from ..history import chunk, tail
from ..history.rows import Rows, join
from ..history.store import KeptDossier, Piece, Taking
from .history_figures import HistoryFigures
from .history_file import DAY_NS

SEAL_ROWS: Final = 2_048
"""Rows of a device in the tail that become a chunk."""


class SqliteHistory(HistoryFigures):
    """`HistoryStore` over one SQLite file."""

    def position(self) -> int:
        """See `HistoryStore`."""
        with self._told("cannot be read"):
            return int(self._db.execute("SELECT position FROM readers WHERE name = 'journal'").fetchone()[0])

    def dossiers(self) -> dict[str, KeptDossier]:
        """See `HistoryStore`."""
        with self._told("cannot be read"):
            rows = self._db.execute("SELECT device_id, state, manifest FROM dossiers")
            return {device_id: KeptDossier(*kept) for device_id, *kept in rows}

    def take(self, taking: Taking) -> None:
        """See `HistoryStore`."""
        with self._told("cannot be written"), self._transaction():
            bodies = []
            for name, rows in taking.rows:
                device = self._device(name)
                for channel in rows.columns:
                    self._channel(device, channel)
                bodies.append((device, rows.times_ns[0], rows.times_ns[-1], len(rows), tail.write(rows)))
            self._db.executemany("INSERT INTO tail VALUES (NULL, ?, ?, ?, ?, ?)", bodies)
            self._db.executemany(_KEEP_DOSSIER, taking.dossiers)
            self._db.executemany("UPDATE dossiers SET manifest = ?2 WHERE device_id = ?1", taking.manifests)
            self._db.executemany(
                "INSERT INTO spoiled VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(reason, *row) for row, reason in taking.spoiled],
            )
            self._db.execute("UPDATE readers SET position = ? WHERE name = 'journal'", (taking.position,))
        for device, _, _, count, _ in bodies:
            self._waiting[device] = self._waiting.get(device, 0) + count

    def times(self, name: str, channel: str, first_ns: int, last_ns: int) -> list[int]:
        """See `HistoryStore`."""
        return [
            time_ns
            for piece in self.read(name, channel, first_ns, last_ns)
            for at, time_ns in enumerate(piece.times_ns)
            if first_ns <= time_ns <= last_ns and piece.column.says(at)
        ]

    def read(self, name: str, channel: str, first_ns: int, last_ns: int) -> Iterator[Piece]:
        """See `HistoryStore`."""
        device = self._devices.get(name, 0)
        series = self._series.get((device, channel))
        with self._told("cannot be read"):
            found = self._db.execute(_COLUMNS, (series, device, first_ns, last_ns)).fetchall()
            found += self._db.execute(_TAIL, (device, first_ns, last_ns)).fetchall()
            for _, count, head, body in sorted(found, key=itemgetter(0)):
                if head is not None:
                    yield Piece(chunk.open_times(head, count), chunk.open_column(body, count))
                elif (column := (rows := tail.read(body)).columns.get(channel)) is not None:
                    yield Piece(rows.times_ns, column)

    def rows(self, name: str, channels: Sequence[str], first_ns: int, last_ns: int) -> Iterator[Rows]:
        """See `HistoryStore`."""
        device = self._devices.get(name, 0)
        series = {self._series.get((device, channel)): channel for channel in channels}
        with self._told("cannot be read"):
            for at, head, count in self._db.execute(_CHUNKS, (device, first_ns, last_ns)).fetchall():
                found = self._db.execute("SELECT series, body FROM columns WHERE chunk = ?", (at,)).fetchall()
                columns = {series[one]: chunk.open_column(body, count) for one, body in found if one in series}
                yield Rows(*chunk.open_head(head, count), columns)
            for *_, body in self._db.execute(_TAIL, (device, first_ns, last_ns)).fetchall():
                rows = tail.read(body)
                yield replace(rows, columns={key: rows.columns[key] for key in channels if key in rows.columns})

    # --- room ------------------------------------------------------------------------------

    def seal(self, least: int = SEAL_ROWS) -> int:
        """Make chunks of every device's tail that has at least so many rows; gives how many rows that were.

        Rows that no figure was made of yet stay.
        """
        due = [device for device, count in self._waiting.items() if count >= least]
        sealed = 0
        for device in due:
            with self._told("cannot be sealed"):
                sealed += self._seal(device)
        return sealed

    def drop_raw(self, name: str, channel: str, before_ns: int) -> None:
        """See `HistoryStore`."""
        device = self._devices.get(name, 0)
        series = self._series.get((device, channel))
        with self._told("cannot be trimmed"), self._transaction():
            old = "SELECT id FROM chunks WHERE device = ? AND last_ns < ?"
            self._db.execute(f"DELETE FROM columns WHERE series = ? AND chunk IN ({old})", (series, device, before_ns))  # noqa: S608 - a constant
            self._db.execute("UPDATE series SET raw_from_ns = max(raw_from_ns, ?) WHERE id = ?", (before_ns, series))
            self._db.execute(
                "DELETE FROM chunks WHERE device = ? AND last_ns < ?"
                " AND NOT EXISTS (SELECT * FROM columns WHERE chunk = chunks.id)",
                (device, before_ns),
            )

    def _seal(self, device: int) -> int:
        found = self._db.execute(_SEALABLE, (device,)).fetchall()
        if not found:
            return 0
        rows = join([tail.read(body) for _, body in found]).sorted()
        with self._transaction():
            for part in _by_day(rows):
                self._insert_chunk(device, part)
            self._db.executemany("DELETE FROM tail WHERE id = ?", [(at,) for at, _ in found])
        self._waiting[device] -= len(rows)
        return len(rows)

    def _insert_chunk(self, device: int, rows: Rows) -> None:
        sealed = chunk.seal(rows)
        at = self._db.execute(
            "INSERT INTO chunks VALUES (NULL, ?, ?, ?, ?, ?)",
            (device, sealed.first_ns, sealed.last_ns, sealed.rows, sealed.head),
        ).lastrowid
        columns = [(self._channel(device, key), body) for key, body in sealed.columns.items()]
        self._db.executemany("INSERT INTO columns VALUES (?, ?, ?)", [(at, *column) for column in columns])


_KEEP_DOSSIER: Final = (
    "INSERT INTO dossiers (device_id, state) VALUES (?, ?) ON CONFLICT DO UPDATE SET state = excluded.state"
)
_COLUMNS: Final = (
    "SELECT first_ns, rows, head, body FROM chunks JOIN columns ON chunk = id AND series = ?"
    " WHERE device = ? AND last_ns >= ? AND first_ns <= ?"
)
_CHUNKS: Final = (
    "SELECT id, head, rows FROM chunks WHERE device = ? AND last_ns >= ? AND first_ns <= ? ORDER BY first_ns"
)
_SEALABLE: Final = (
    "SELECT id, body FROM tail WHERE device = ?"
    " AND id <= (SELECT position FROM readers WHERE name = 'figures') ORDER BY first_ns"
)
_TAIL: Final = (
    "SELECT first_ns, rows, NULL, body FROM tail WHERE device = ? AND last_ns >= ? AND first_ns <= ? ORDER BY first_ns"
)


def _by_day(rows: Rows) -> Iterator[Rows]:
    """Cut rows where a day begins."""
    days = [time_ns // DAY_NS for time_ns in rows.times_ns]
    begins = [at for at in range(len(days)) if not at or days[at] != days[at - 1]]
    for first, last in zip(begins, [*begins[1:], len(days)], strict=True):
        yield rows if last - first == len(days) else rows.pick(range(first, last))
