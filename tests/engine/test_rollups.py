"""Figures of periods, and lines with fewer points."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiot_engine.errors import RecordError
from iiot_engine.history import rollup, thinning
from iiot_engine.history.keeping import Aggregate, Keeping
from iiot_engine.history.quality import Standing
from iiot_engine.history.rollup import Bucket, Counted
from iiot_engine.history.rows import Column, Origin, Rows
from iiot_engine.history.thinning import Point
from iiot_engine.records import read, write
from iiot_engine.values import NS_PER_S, TimeFlag

START_NS = 1_795_190_400 * NS_PER_S
FINITE = st.floats(-1e6, 1e6)


def readings(*seconds_and_values: tuple[float, float]) -> Counted:
    return Counted(
        [START_NS + round(at * NS_PER_S) for at, _ in seconds_and_values], [value for _, value in seconds_and_values]
    )


# --- figures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "percent", "figure"),
    [
        ("mean", None, 4.25),
        ("median", None, 3.5),
        ("min", None, 1.0),
        ("max", None, 9.0),
        ("sum", None, 17.0),
        ("count", None, 4.0),
        ("first", None, 3.0),
        ("last", None, 4.0),
        ("percentile", 100, 9.0),
        ("percentile", 25, 2.5),
    ],
)
def test_each_figure_of_one_period(function: str, percent: float | None, figure: float) -> None:
    aggregate = read(
        Aggregate, {"function": function, "period_s": 60} | ({} if percent is None else {"percent": percent})
    )
    found = rollup.fold(readings((0, 3), (10, 1), (20, 9), (59.9, 4)), aggregate)
    assert found == [Bucket(START_NS, figure, 4)]


def test_a_period_without_a_reading_has_no_bucket() -> None:
    found = rollup.fold(readings((59, 1), (60, 2), (61, 4), (600, 8)), Aggregate(function="mean", period_s=60))
    assert found == [
        Bucket(START_NS, 1, 1),
        Bucket(START_NS + 60 * NS_PER_S, 3, 2),
        Bucket(START_NS + 600 * NS_PER_S, 8, 1),
    ]


def test_what_is_bad_no_number_or_only_a_trial_counts_for_nothing() -> None:
    column = Column(
        [1, 2.0, None, True, "x", 5.0, 6.0],
        [Standing.UNCERTAIN, Standing.BAD, Standing.GOOD, Standing.GOOD, Standing.GOOD, Standing.GOOD, Standing.GOOD],
    )
    flags = [0, 0, 0, 0, 0, TimeFlag.TRIAL, TimeFlag.LATE]
    rows = Rows([9, 8, 7, 6, 5, 4, 3], Origin([1] * 7, [0] * 7, [1] * 7, [0] * 7, flags), {"x": column})
    assert rollup.counted([rows], "x") == Counted([3, 6, 9], [6.0, 1.0, 1.0]), "on and off count as 1 and 0"
    assert rollup.counted([rows], "x", 4, 8) == Counted([6], [1.0])
    assert rollup.counted([rows], "y") == Counted([], [])


@given(st.lists(FINITE, min_size=1, max_size=60), st.lists(FINITE, min_size=1, max_size=60))
def test_readings_that_come_after_the_others_were_dropped_are_added(before: list[float], late: list[float]) -> None:
    for function in ("mean", "sum", "count", "min", "max"):
        aggregate = read(Aggregate, {"function": function, "period_s": 3600})
        (kept,) = rollup.fold(readings(*enumerate(before)), aggregate)
        (added,) = rollup.fold(readings(*enumerate(late)), aggregate)
        (whole,) = rollup.fold(readings(*enumerate([*before, *late])), aggregate)
        merged = rollup.merge(kept, added, aggregate)
        assert merged is not None
        assert merged.size == whole.size
        assert merged.value == pytest.approx(whole.value, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("function", ["median", "first", "last"])
def test_a_figure_that_needs_every_reading_is_not_guessed(function: str) -> None:
    aggregate = read(Aggregate, {"function": function, "period_s": 60})
    assert rollup.merge(Bucket(0, 1.0, 3), Bucket(0, 2.0, 1), aggregate) is None


@given(st.lists(FINITE, min_size=2, max_size=50))
def test_quantiles_are_those_of_the_standard_library(values: list[float]) -> None:
    quartiles = statistics.quantiles(values, n=4, method="inclusive")
    assert [rollup.quantile(values, percent) for percent in (25, 50, 75)] == pytest.approx(
        quartiles, rel=1e-9, abs=1e-6
    )


# --- what people decide -----------------------------------------------------------------------


def test_a_decision_is_read_and_written() -> None:
    raw = {
        "raw_s": 86_400,
        "aggregates": [
            {"function": "mean", "period_s": 300, "keep_s": 2_678_400},
            {"function": "percentile", "percent": 95, "period_s": 3600},
        ],
    }
    found = read(Keeping, raw)
    assert [one.name for one in found.aggregates] == ["mean/300", "percentile95/3600"]
    assert write(found) == raw


@pytest.mark.parametrize(
    "raw",
    [
        {"raw_s": 60},
        {"raw_s": 3600, "aggregates": [{"function": "mean", "period_s": 3600}]},
        {"aggregates": [{"function": "mean", "period_s": 300}, {"function": "mean", "period_s": 300}]},
        {"aggregates": [{"function": "mean", "period_s": 7}]},
        {"aggregates": [{"function": "mean", "period_s": 300, "keep_s": 60}]},
        {"aggregates": [{"function": "mean", "period_s": 300, "percent": 5}]},
        {"aggregates": [{"function": "percentile", "period_s": 300}]},
        {"aggregates": [{"function": "mode", "period_s": 300}]},
    ],
)
def test_a_decision_that_cannot_be_is_refused(raw: dict[str, object]) -> None:
    with pytest.raises(RecordError):
        read(Keeping, raw)


# --- fewer points -----------------------------------------------------------------------------

LINES = st.lists(FINITE, min_size=1, max_size=300).map(
    lambda values: [Point(at * NS_PER_S, value) for at, value in enumerate(values)]
)


@given(LINES, st.integers(2, 50))
def test_extremes_are_never_lost(line: list[Point], most: int) -> None:
    found = thinning.extremes(line, most)
    assert len(found) <= most
    assert found == sorted(found)
    assert set(found) <= set(line)
    for pick in (min, max):
        assert pick(point.value for point in found) == pick(point.value for point in line)


def test_a_span_without_a_point_leaves_a_gap() -> None:
    early = [Point(at, value) for at, value in enumerate((1.0, 2.0, 1.5, 1.7, 1.2))]
    late = [Point(1_000 + at, value) for at, value in enumerate((3.0, 2.2, 2.1, 0.5))]
    assert thinning.extremes(early + late, 8) == [early[0], early[1], late[0], late[3]]


@given(LINES, st.integers(0, 50))
def test_largest_triangles_keep_both_ends(line: list[Point], most: int) -> None:
    found = thinning.largest_triangles(line, most)
    assert len(found) <= max(most, 0)
    assert found == sorted(found)
    assert set(found) <= set(line)
    if most >= thinning.FEWEST or len(line) <= most:
        assert (found[0], found[-1]) == (line[0], line[-1])
    if len(line) > most >= thinning.FEWEST:
        assert len(found) == most


def test_largest_triangles_keep_the_spike() -> None:
    line = [Point(at, 9.0 if at == 57 else math.sin(at / 20)) for at in range(200)]
    assert line[57] in thinning.largest_triangles(line, 20)
