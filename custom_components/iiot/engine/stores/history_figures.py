"""Figures of periods in SQLite: a row a day, and what they are still to be made of."""

from collections.abc import Sequence
from typing import Final

from ..history import figures as packed
from ..history import tail
from ..history.rollup import Bucket
from ..history.store import Figures, Fresh, Series
from .history_file import DAY_NS, HistoryFile

_FRESH: Final = (
    "SELECT tail.id, name, body FROM tail JOIN devices ON devices.id = device"
    " WHERE tail.id > (SELECT position FROM readers WHERE name = 'figures') ORDER BY tail.id LIMIT ?"
)
_EXTENT: Final = (
    "SELECT min(first_ns), max(last_ns) FROM (SELECT first_ns, last_ns FROM chunks WHERE device = ?"
    " UNION ALL SELECT first_ns, last_ns FROM tail WHERE device = ?)"
)
_FIGURES: Final = "SELECT body FROM figures WHERE series = ? AND figure = ? AND day BETWEEN ? AND ? ORDER BY day"


class HistoryFigures(HistoryFile):
    """The part of `HistoryStore` that has to do with figures."""

    def series(self) -> list[Series]:
        """See `HistoryStore`."""
        made: dict[int, set[str]] = {}
        names = {device: name for name, device in self._devices.items()}
        with self._told("cannot be read"):
            for one, figure in self._db.execute("SELECT series, figure FROM made"):
                made.setdefault(one, set()).add(figure)
            rows = self._db.execute("SELECT id, device, channel, raw_from_ns FROM series").fetchall()
        return [
            Series(names[device], channel, frozenset(made.get(at, ())), raw_from_ns)
            for at, device, channel, raw_from_ns in rows
        ]

    def extent(self, name: str) -> tuple[int, int] | None:
        """See `HistoryStore`."""
        device = self._devices.get(name, 0)
        with self._told("cannot be read"):
            first, last = self._db.execute(_EXTENT, (device, device)).fetchone()
        return None if first is None else (first, last)

    def raw_from(self, name: str, channel: str) -> int:
        """See `HistoryStore`."""
        series = self._series.get((self._devices.get(name, 0), channel))
        with self._told("cannot be read"):
            found = self._db.execute("SELECT raw_from_ns FROM series WHERE id = ?", (series,)).fetchone()
        return 0 if found is None else int(found[0])

    def fresh(self, limit: int) -> list[Fresh]:
        """See `HistoryStore`."""
        with self._told("cannot be read"):
            found = self._db.execute(_FRESH, (limit,)).fetchall()
            return [Fresh(at, name, tail.read(body)) for at, name, body in found]

    def put_figures(self, figures: Sequence[Figures], upto: int | None = None) -> None:
        """See `HistoryStore`."""
        with self._told("cannot be written"), self._transaction():
            for name, channel, figure, buckets in figures:
                self._put(self._channel(self._device(name), channel), figure, buckets)
            if upto is not None:
                self._db.execute("UPDATE readers SET position = ? WHERE name = 'figures'", (upto,))

    def figures(self, name: str, channel: str, figure: str, first_ns: int, last_ns: int) -> list[Bucket]:
        """See `HistoryStore`."""
        series = self._series.get((self._devices.get(name, 0), channel))
        with self._told("cannot be read"):
            days = self._db.execute(_FIGURES, (series, figure, first_ns // DAY_NS, last_ns // DAY_NS)).fetchall()
            found = [bucket for (body,) in days for bucket in packed.unseal(body)]
        return [bucket for bucket in found if first_ns <= bucket.start_ns <= last_ns]

    def note_figure(self, name: str, channel: str, figure: str) -> None:
        """See `HistoryStore`."""
        with self._told("cannot be written"), self._transaction():
            series = self._channel(self._device(name), channel)
            self._db.execute("INSERT OR IGNORE INTO made VALUES (?, ?)", (series, figure))

    def forget_figure(self, name: str, channel: str, figure: str) -> None:
        """See `HistoryStore`."""
        with self._told("cannot be trimmed"), self._transaction():
            for table in ("figures", "made"):
                query = f"DELETE FROM {table} WHERE series = ? AND figure = ?"  # noqa: S608 - a constant
                self._db.execute(query, (self._series.get((self._devices.get(name, 0), channel)), figure))

    def drop_figures(self, name: str, channel: str, figure: str, before_ns: int) -> None:
        """See `HistoryStore`."""
        series = self._series.get((self._devices.get(name, 0), channel))
        with self._told("cannot be trimmed"):
            query = "DELETE FROM figures WHERE series = ? AND figure = ? AND day < ?"
            self._db.execute(query, (series, figure, before_ns // DAY_NS))

    def _put(self, series: int, figure: str, buckets: Sequence[Bucket]) -> None:
        days: dict[int, dict[int, Bucket]] = {}
        for bucket in buckets:
            days.setdefault(bucket.start_ns // DAY_NS, {})[bucket.start_ns] = bucket
        for day, fresh in days.items():
            kept = self._db.execute(_FIGURES, (series, figure, day, day)).fetchone()
            whole = {} if kept is None else {bucket.start_ns: bucket for bucket in packed.unseal(kept[0])}
            body = packed.seal(sorted((whole | fresh).values()))
            self._db.execute("INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?)", (series, figure, day, body))
