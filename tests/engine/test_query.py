"""What is asked of history, and the same answer whatever it was kept as."""

import math
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from iiot_engine.archive.keeper import Keeper
from iiot_engine.history import query, rollup
from iiot_engine.history.keeping import Aggregate, Function, Keeping
from iiot_engine.history.query import Reading
from iiot_engine.history.rollup import Counted
from iiot_engine.history.rows import Column, Origin, Rows
from iiot_engine.history.store import Taking
from iiot_engine.stores.sqlite_history import SqliteHistory
from iiot_engine.values import NS_PER_S

DAY_S = 86_400
START_NS = 20_000 * DAY_S * NS_PER_S
EVER = (0, 1 << 62)
FUNCTIONS: tuple[Function, ...] = ("mean", "sum", "count", "min", "max", "first", "last", "median")


class Shelf:
    """A store with readings of one channel."""

    def __init__(self, store: SqliteHistory, keeping: Keeping) -> None:
        self.store = store
        self.keeping = keeping
        self.keeper = Keeper(store, lambda _name, _channel: keeping)
        self.all: list[tuple[int, float]] = []

    def take(self, *readings: tuple[float, float | None], quality: list[int] | None = None) -> None:
        """Readings come: seconds since the start, and value."""
        count = len(readings)
        times = [START_NS + round(at * NS_PER_S) for at, _ in readings]
        self.all += [(time_ns, value) for time_ns, (_, value) in zip(times, readings, strict=True) if value is not None]
        origin = Origin([1] * count, [0] * count, [1] * count, [0] * count, [0] * count)
        rows = Rows(times, origin, {"t": Column([value for _, value in readings], quality)})
        self.store.take(Taking(self.store.position() + 1, [("press", rows)]))

    def settle(self, *, raw_s: float | None = None) -> None:
        """Make figures, seal, and drop what is older than so many seconds after the start."""
        while self.keeper.fold(100):
            pass
        self.store.seal(1)
        if raw_s is not None:
            self.store.drop_raw("press", "t", START_NS + round(raw_s * NS_PER_S))

    def expected(self, wanted: Aggregate) -> list[rollup.Bucket]:
        whole = sorted(self.all)
        return rollup.fold(Counted([time for time, _ in whole], [value for _, value in whole]), wanted)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteHistory]:
    with closing(SqliteHistory(tmp_path / "history.sqlite")) as found:
        yield found


def figures(*periods: int) -> Keeping:
    return Keeping(aggregates=tuple(Aggregate(function=one, period_s=at) for at in periods for one in FUNCTIONS))


def test_readings_come_in_the_order_of_their_time_however_they_are_kept(store: SqliteHistory) -> None:
    shelf = Shelf(store, Keeping())
    random.seed(5)
    order = list(range(100))
    random.shuffle(order)
    for begin in range(0, 100, 10):
        shelf.take(*sorted((float(at), float(at)) for at in order[begin : begin + 10]))
        if begin == 60:
            shelf.settle()
    found = list(query.readings(store, "press", "t", START_NS + 5 * NS_PER_S, START_NS + 90 * NS_PER_S))
    assert [reading.value for reading in found] == [float(at) for at in range(5, 91)]
    assert [reading.time_ns for reading in found] == sorted(reading.time_ns for reading in found)


def test_a_gap_is_no_reading_and_a_failed_read_is_one(store: SqliteHistory) -> None:
    shelf = Shelf(store, Keeping())
    shelf.take((0, 1.0), (1, None), (2, None), (3, 2.0), quality=[0, 0, 3, 1])
    shelf.take((10, 4.0))
    found = list(query.readings(store, "press", "t", *EVER))
    assert [(reading.value, reading.standing) for reading in found] == [(1.0, 0), (None, 3), (2.0, 1), (4.0, 0)]
    assert found[0] == Reading(START_NS, 1.0, 0)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_steps_are_those_of_all_readings(store: SqliteHistory, function: Function) -> None:
    shelf = Shelf(store, figures(300))
    shelf.take(*((at * 47.0, math.sin(at / 9) * 50) for at in range(3_000)))
    shelf.settle()
    wanted = Aggregate(function=function, period_s=3600)
    assert query.steps(store, "press", "t", *EVER, wanted, shelf.keeping) == shelf.expected(wanted)


@pytest.mark.parametrize("function", FUNCTIONS[:-1])
def test_steps_before_what_is_kept_follow_from_shorter_figures(store: SqliteHistory, function: Function) -> None:
    shelf = Shelf(store, figures(60, 300))
    shelf.take(*((at * 47.0, math.sin(at / 9) * 50) for at in range(5_000)))
    shelf.settle(raw_s=DAY_S + 1_000)
    wanted = Aggregate(function=function, period_s=3600)
    found = query.steps(store, "press", "t", *EVER, wanted, shelf.keeping)
    expected = shelf.expected(wanted)
    assert [(one.start_ns, one.size) for one in found] == [(one.start_ns, one.size) for one in expected]
    assert [one.value for one in found] == pytest.approx([one.value for one in expected])


def test_a_median_follows_from_none_but_its_own(store: SqliteHistory) -> None:
    shelf = Shelf(store, figures(300))
    shelf.take(*((at * 60.0, float(at)) for at in range(3 * 1_440)))
    shelf.settle(raw_s=2 * DAY_S)
    hours = query.steps(store, "press", "t", *EVER, Aggregate(function="median", period_s=3600), shelf.keeping)
    assert hours[0].start_ns == START_NS + 2 * DAY_S * NS_PER_S
    early = START_NS + 7_199 * NS_PER_S
    hour = Aggregate(function="mean", period_s=3600)
    assert len(query.steps(store, "press", "t", START_NS, early, hour, shelf.keeping)) == 2
    own = Aggregate(function="median", period_s=300)
    assert query.steps(store, "press", "t", *EVER, own, shelf.keeping) == shelf.expected(own)


def test_only_whole_steps_of_the_span_are_given(store: SqliteHistory) -> None:
    shelf = Shelf(store, figures(60))
    shelf.take(*((at * 1.0, float(at)) for at in range(600)))
    shelf.settle(raw_s=0)
    first, last = START_NS + 30 * NS_PER_S, START_NS + 130 * NS_PER_S
    found = query.steps(store, "press", "t", first, last, Aggregate(function="count", period_s=60), shelf.keeping)
    assert [(one.start_ns - START_NS) // NS_PER_S for one in found] == [60, 120]
    assert [one.value for one in found] == [60, 60]


# --- lines ------------------------------------------------------------------------------------


def test_a_short_span_is_drawn_from_its_readings(store: SqliteHistory) -> None:
    shelf = Shelf(store, figures(60))
    shelf.take(*((at * 1.0, 99.0 if at == 321 else math.sin(at / 40)) for at in range(1_000)))
    found = query.line(store, "press", "t", START_NS, START_NS + 1_000 * NS_PER_S, 100, shelf.keeping)
    assert found.made_of == "raw"
    assert len(found.points) <= 100
    assert max(point.value for point in found.points) == 99.0


def test_a_long_span_is_drawn_from_lowest_and_highest_of_periods(store: SqliteHistory) -> None:
    shelf = Shelf(store, figures(60, 300))
    shelf.take(*((at * 30.0, 99.0 if at == 3_210 else math.sin(at / 40)) for at in range(10_000)))
    shelf.settle()
    found = query.line(store, "press", "t", START_NS, START_NS + 300_000 * NS_PER_S, 100, shelf.keeping)
    assert found.made_of == "min/300 max/300"
    assert len(found.points) <= 100
    assert max(point.value for point in found.points) == 99.0


def test_a_line_without_figures_is_drawn_from_readings_all_the_same(store: SqliteHistory) -> None:
    shelf = Shelf(store, figures(60))
    shelf.take(*((at * 60.0, None if at % 7 == 0 else float(at)) for at in range(1_000)))
    found = query.line(store, "press", "t", START_NS, START_NS + 60_000 * NS_PER_S, 10, shelf.keeping)
    assert found.made_of == "raw"
    assert found.points[-1].value == 999.0
