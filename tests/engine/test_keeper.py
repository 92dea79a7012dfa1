"""Figures are always those of all readings, however late these come, and nothing is kept longer than people want."""

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from iiot_engine.archive.keeper import Keeper
from iiot_engine.history import rollup
from iiot_engine.history.keeping import Aggregate, Keeping
from iiot_engine.history.rollup import Bucket, Counted
from iiot_engine.history.rows import Column, Origin, Rows
from iiot_engine.history.store import Taking
from iiot_engine.stores.sqlite_history import SqliteHistory
from iiot_engine.values import NS_PER_S

DAY_S = 86_400
START_S = 20_000 * DAY_S
EVER = (0, 1 << 62)
MEAN = Aggregate(function="mean", period_s=300)
FIGURES = (
    MEAN,
    Aggregate(function="median", period_s=300),
    Aggregate(function="max", period_s=3600),
    Aggregate(function="last", period_s=60),
)


class Shelf:
    """A store, its keeper, and every reading that went in."""

    def __init__(self, store: SqliteHistory, keeping: Keeping) -> None:
        self.store = store
        self.keeping = keeping
        self.keeper = Keeper(store, lambda _name, _channel: self.keeping)
        self.all: list[tuple[int, float]] = []

    def take(self, *readings: tuple[float, float]) -> None:
        """Readings come: seconds since the start, and value."""
        found = sorted((round((START_S + at) * NS_PER_S), value) for at, value in readings)
        self.all += found
        count = len(found)
        origin = Origin([1] * count, [0] * count, [1] * count, [0] * count, [0] * count)
        rows = Rows([time for time, _ in found], origin, {"t": Column([value for _, value in found], None)})
        self.store.take(Taking(self.store.position() + 1, [("press", rows)]))

    def figures(self, aggregate: Aggregate) -> list[Bucket]:
        return self.store.figures("press", "t", aggregate.name, *EVER)

    def expected(self, aggregate: Aggregate) -> list[Bucket]:
        """Figures of every reading that ever came."""
        whole = sorted(self.all)
        return rollup.fold(Counted([time for time, _ in whole], [value for _, value in whole]), aggregate)

    def pass_days(self, days: float) -> None:
        """So long after the start, what is old is dropped."""
        self.store.seal(1)
        for series in self.store.series():
            self.keeper.drop(series, round((START_S + days * DAY_S) * NS_PER_S))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with closing(SqliteHistory(tmp_path / "history.sqlite")) as store:
        yield Shelf(store, Keeping(aggregates=FIGURES))


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_all_readings_in_whatever_order_they_come(shelf: Shelf, seed: int) -> None:
    random.seed(seed)
    readings = [(at * 17.0, random.uniform(0, 100)) for at in range(800)]
    random.shuffle(readings)
    while readings:
        part, readings = readings[:70], readings[70:]
        shelf.take(*part)
        while shelf.keeper.fold(limit=2):
            pass
        if random.random() < 0.3:
            shelf.store.seal(1)
    for aggregate in FIGURES:
        assert shelf.figures(aggregate) == shelf.expected(aggregate)


def test_with_nothing_fresh_there_is_nothing_to_do(shelf: Shelf) -> None:
    assert not shelf.keeper.fold(100)
    shelf.take((0, 1.0))
    assert shelf.keeper.fold(limit=1)
    assert not shelf.keeper.fold(limit=1)


def test_a_figure_that_is_asked_for_later_is_made_of_what_there_is(shelf: Shelf) -> None:
    shelf.keeping = Keeping()
    shelf.take(*((at * 100.0, float(at)) for at in range(2_000)))
    shelf.keeper.fold(100)
    shelf.keeping = Keeping(aggregates=FIGURES)
    for _ in range(2):
        for series in shelf.store.series():
            shelf.keeper.catch_up(series)
    for aggregate in FIGURES:
        assert shelf.figures(aggregate) == shelf.expected(aggregate)
    assert shelf.store.series()[0].figures == {aggregate.name for aggregate in FIGURES}


def test_readings_go_and_their_figures_stay(shelf: Shelf) -> None:
    shelf.keeping = Keeping(raw_s=DAY_S, aggregates=(MEAN,))
    shelf.take(*((at * 600.0, float(at)) for at in range(500)))
    shelf.keeper.fold(100)
    shelf.keeper.catch_up(shelf.store.series()[0])
    shelf.pass_days(3.0)
    first = next(iter(shelf.store.read("press", "t", *EVER))).times_ns[0]
    assert first == (START_S + 2 * DAY_S) * NS_PER_S
    assert shelf.figures(MEAN) == shelf.expected(MEAN)


def test_late_readings_are_added_where_the_others_are_gone(shelf: Shelf) -> None:
    median = Aggregate(function="median", period_s=300)
    shelf.keeping = Keeping(raw_s=DAY_S, aggregates=(MEAN, median))
    shelf.take((10, 1.0), (20, 2.0), (3 * DAY_S, 5.0))
    shelf.keeper.fold(100)
    shelf.pass_days(3.0)
    shelf.take((15, 6.0), (700, 8.0), (3 * DAY_S + 1, 7.0))
    shelf.keeper.fold(100)
    assert shelf.figures(MEAN) == shelf.expected(MEAN)
    start = START_S * NS_PER_S
    assert shelf.figures(median) == [
        Bucket(start, 1.5, 2),
        Bucket(start + 600 * NS_PER_S, 8.0, 1),
        Bucket(start + 3 * DAY_S * NS_PER_S, 6.0, 2),
    ], "a median that cannot be known any more stays as it was"


def test_late_readings_that_all_lie_before_what_is_kept(shelf: Shelf) -> None:
    shelf.keeping = Keeping(raw_s=DAY_S, aggregates=(MEAN,))
    shelf.take((10, 1.0))
    shelf.keeper.fold(100)
    shelf.pass_days(3.0)
    shelf.take((12, 3.0))
    shelf.keeper.fold(100)
    assert shelf.figures(MEAN) == shelf.expected(MEAN)


def test_a_figure_made_later_begins_where_the_readings_do(shelf: Shelf) -> None:
    shelf.keeping = Keeping(raw_s=DAY_S)
    shelf.take((10, 1.0), (3 * DAY_S, 5.0))
    shelf.keeper.fold(100)
    shelf.pass_days(3.0)
    shelf.keeping = Keeping(aggregates=(MEAN,))
    shelf.keeper.catch_up(shelf.store.series()[0])
    assert shelf.figures(MEAN) == [Bucket((START_S + 3 * DAY_S) * NS_PER_S, 5.0, 1)]


def test_figures_go_when_they_are_older_than_people_want_or_not_wanted_any_more(shelf: Shelf) -> None:
    hour = Aggregate(function="max", period_s=3600)
    shelf.keeping = Keeping(aggregates=(Aggregate(function="mean", period_s=300, keep_s=DAY_S), hour))
    shelf.take((10, 1.0), (3 * DAY_S, 5.0))
    shelf.keeper.fold(100)
    shelf.keeper.catch_up(shelf.store.series()[0])
    shelf.pass_days(3.5)
    assert [bucket.value for bucket in shelf.figures(MEAN)] == [5.0]
    assert [bucket.value for bucket in shelf.figures(hour)] == [1.0, 5.0]
    shelf.keeping = Keeping()
    shelf.pass_days(3.5)
    assert shelf.figures(hour) == shelf.figures(MEAN) == []
    shelf.keeping = Keeping(aggregates=(hour,))
    shelf.keeper.catch_up(shelf.store.series()[0])
    assert shelf.figures(hour) == shelf.expected(hour), "wanted again, it is made again"


def test_texts_have_no_figures(shelf: Shelf) -> None:
    origin = Origin([1], [0], [1], [0], [0])
    shelf.store.take(Taking(1, [("press", Rows([START_S * NS_PER_S], origin, {"note": Column(["x"], None)}))]))
    shelf.keeper.fold(100)
    shelf.keeper.catch_up(shelf.store.series()[0])
    assert shelf.store.figures("press", "note", MEAN.name, *EVER) == []
