"""The keeper: makes the figures that people want of what the archivist took in, and drops what they do not want."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from ..history import rollup
from ..history.keeping import Aggregate, Keeping
from ..history.rollup import Bucket, Counted
from ..history.rows import Rows
from ..history.store import Figures, Fresh, HistoryStore, Series
from ..values import NS_PER_S

DAY_NS: Final = 86_400 * NS_PER_S

type KeepingOf = Callable[[str, str], Keeping]
"""What people decided about a channel, by the name of its device and its key."""


class Keeper:
    """Works through what is fresh, bucket by bucket; nothing is read again that no fresh row touches."""

    def __init__(self, store: HistoryStore, keeping_of: KeepingOf) -> None:
        self._store: Final = store
        self._keeping_of: Final = keeping_of

    def fold(self, limit: int) -> bool:
        """Make figures of the oldest fresh rows; gives whether there are more. Raises `StoreError`."""
        fresh = self._store.fresh(limit)
        if fresh:
            figures = [found for touched in _touched(fresh) for found in self._refold(*touched)]
            self._store.put_figures(figures, fresh[-1].place)
        return len(fresh) == limit

    def catch_up(self, series: Series) -> None:
        """Make figures that people have asked for since rows came, of all rows that there are. Raises `StoreError`."""
        name, channel, made, raw_from_ns = series
        wanted = [one for one in self._keeping_of(name, channel).aggregates if one.name not in made]
        extent = self._store.extent(name) if wanted else None
        if extent is None:
            return
        first_ns, last_ns = max(extent[0], raw_from_ns), extent[1]
        for day in range(first_ns // DAY_NS, last_ns // DAY_NS + 1):
            readings = self._counted(name, channel, max(day * DAY_NS, raw_from_ns), (day + 1) * DAY_NS - 1)
            self._store.put_figures(
                [Figures(name, channel, one.name, rollup.fold(readings, one)) for one in wanted if readings.values]
            )
        for one in wanted:
            self._store.note_figure(name, channel, one.name)

    def drop(self, series: Series, now_ns: int) -> None:
        """Drop what people do not want any more. Raises `StoreError`."""
        name, channel, made, _ = series
        keeping = self._keeping_of(name, channel)
        if keeping.raw_s is not None:
            self._store.drop_raw(name, channel, now_ns - round(keeping.raw_s * NS_PER_S))
        wanted = {aggregate.name: aggregate.keep_s for aggregate in keeping.aggregates}
        for figure in made - wanted.keys():
            self._store.forget_figure(name, channel, figure)
        for figure, keep_s in wanted.items():
            if keep_s is not None:
                self._store.drop_figures(name, channel, figure, now_ns - round(keep_s * NS_PER_S))

    def _refold(self, name: str, channel: str, fresh: Counted) -> Iterator[Figures]:
        """Make the buckets anew that fresh readings fall into; where the others are dropped, add to what was made."""
        raw_from_ns = self._store.raw_from(name, channel)
        for aggregate in self._keeping_of(name, channel).aggregates:
            period_ns = aggregate.period_s * NS_PER_S
            starts = sorted({time_ns // period_ns * period_ns for time_ns in fresh.times_ns})
            whole = [start_ns for start_ns in starts if start_ns >= raw_from_ns]
            buckets: list[Bucket] = []
            for first_ns, end_ns in _runs(whole, period_ns):
                buckets += rollup.fold(self._counted(name, channel, first_ns, end_ns - 1), aggregate)
            if len(whole) < len(starts):
                buckets += self._merged(name, channel, fresh, aggregate, raw_from_ns)
            yield Figures(name, channel, aggregate.name, buckets)

    def _merged(
        self, name: str, channel: str, fresh: Counted, aggregate: Aggregate, raw_from_ns: int
    ) -> Iterator[Bucket]:
        late = [bucket for bucket in rollup.fold(fresh, aggregate) if bucket.start_ns < raw_from_ns]
        kept = self._store.figures(name, channel, aggregate.name, late[0].start_ns, late[-1].start_ns)
        before = {bucket.start_ns: bucket for bucket in kept}
        for bucket in late:
            there = before.get(bucket.start_ns)
            merged = bucket if there is None else rollup.merge(there, bucket, aggregate)
            if merged is not None:
                yield merged

    def _counted(self, name: str, channel: str, first_ns: int, last_ns: int) -> Counted:
        return rollup.counted(self._store.rows(name, [channel], first_ns, last_ns), channel, first_ns, last_ns)


def _touched(fresh: Iterable[Fresh]) -> Iterator[tuple[str, str, Counted]]:
    """Device, channel and readings of fresh rows that count."""
    found: dict[tuple[str, str], list[Rows]] = {}
    for _, name, rows in fresh:
        for channel in rows.columns:
            found.setdefault((name, channel), []).append(rows)
    for (name, channel), parts in found.items():
        yield name, channel, rollup.counted(parts, channel)


def _runs(starts: Sequence[int], period_ns: int) -> Iterator[tuple[int, int]]:
    """Join neighbours: beginning and end of each run."""
    begin = 0
    for at, start_ns in enumerate(starts):
        if at + 1 == len(starts) or starts[at + 1] != start_ns + period_ns:
            yield starts[begin], start_ns + period_ns
            begin = at + 1
