"""What is asked of history: readings as they are, figures of steps, or a line thin enough for a screen."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple

from ..values import NS_PER_S
from . import rollup, thinning
from .keeping import Aggregate, Keeping
from .quality import Standing
from .rollup import Bucket
from .store import HistoryStore
from .thinning import Point

POINTS_A_TIER: Final = 4
"""A line is drawn from figures when these give at least so many points for each that is drawn."""
_FROM_PARTS: Final = frozenset({"mean", "sum", "count", "min", "max", "first", "last"})
"""Figures of a longer period that follow from those of shorter ones."""


class Reading(NamedTuple):
    """One reading."""

    time_ns: int
    value: Any
    """None: there is none."""
    standing: int
    """`Standing`."""


class Line(NamedTuple):
    """Points to be drawn."""

    points: list[Point]
    made_of: str
    """`raw`, or the name of the figure."""


def readings(store: HistoryStore, name: str, channel: str, first_ns: int, last_ns: int) -> Iterator[Reading]:
    """Every reading of a span, both ends included, in the order of time; raises `StoreError`."""
    waiting: list[Reading] = []
    for times_ns, column in store.read(name, channel, first_ns, last_ns):
        if waiting and times_ns[0] > waiting[-1].time_ns:
            yield from waiting  # nothing that comes now lies before
            waiting = []
        quality = column.quality or (Standing.GOOD,) * len(times_ns)
        fresh = [
            Reading(time_ns, value, int(standing))
            for time_ns, value, standing in zip(times_ns, column.values, quality, strict=True)
            if first_ns <= time_ns <= last_ns and (value is not None or standing)
        ]
        waiting = sorted([*waiting, *fresh], key=attrgetter("time_ns")) if waiting else fresh
    yield from waiting


def steps(
    store: HistoryStore, name: str, channel: str, first_ns: int, last_ns: int, wanted: Aggregate, keeping: Keeping
) -> list[Bucket]:
    """Give a figure of each step that begins in a span and has readings; raises `StoreError`.

    It is made of the readings while these are kept, and before that of the longest figure that it follows from.
    """
    period_ns = wanted.period_s * NS_PER_S
    first_ns = -(-first_ns // period_ns) * period_ns
    end_ns = (last_ns // period_ns + 1) * period_ns
    raw_from_ns = -(-store.raw_from(name, channel) // period_ns) * period_ns
    found: list[Bucket] = []
    source = _source_of(wanted, keeping)
    if source is not None and first_ns < raw_from_ns:
        kept = store.figures(name, channel, source.name, first_ns, min(end_ns, raw_from_ns) - 1)
        steps_of = groupby(kept, lambda bucket: bucket.start_ns // period_ns * period_ns)
        found = [_whole(start_ns, list(parts), wanted) for start_ns, parts in steps_of]
    begin_ns = max(first_ns, raw_from_ns)
    if begin_ns < end_ns:
        raw = store.rows(name, [channel], begin_ns, end_ns - 1)
        found += rollup.fold(rollup.counted(raw, channel, begin_ns, end_ns - 1), wanted)
    return found


def line(
    store: HistoryStore, name: str, channel: str, first_ns: int, last_ns: int, most: int, keeping: Keeping
) -> Line:
    """Give at most `most` points that show what a span looks like, its extremes among them; raises `StoreError`."""
    for low, high in _tiers(keeping):
        if last_ns - first_ns >= POINTS_A_TIER * most * low.period_s * NS_PER_S:
            ends = [store.figures(name, channel, figure.name, first_ns, last_ns) for figure in (low, high)]
            points = sorted(Point(bucket.start_ns, bucket.value) for end in ends for bucket in end)
            if points:
                return Line(thinning.extremes(points, most), f"{low.name} {high.name}")
    numbers = [
        Point(reading.time_ns, float(reading.value))
        for reading in readings(store, name, channel, first_ns, last_ns)
        if isinstance(reading.value, int | float) and reading.standing <= Standing.UNCERTAIN
    ]
    return Line(thinning.extremes(numbers, most), "raw")


def _tiers(keeping: Keeping) -> list[tuple[Aggregate, Aggregate]]:
    """Lowest and highest of each period that has both, the longest period first."""
    figures = {(one.function, one.period_s): one for one in keeping.aggregates}
    periods = sorted({period_s for _, period_s in figures}, reverse=True)
    return [
        (figures["min", one], figures["max", one]) for one in periods if {("min", one), ("max", one)} <= figures.keys()
    ]


def _source_of(wanted: Aggregate, keeping: Keeping) -> Aggregate | None:
    """Give the figure of the longest period that the wanted one follows from; None: there is none."""
    alike = [
        one
        for one in keeping.aggregates
        if (one.function, one.percent) == (wanted.function, wanted.percent)
        and (one.period_s == wanted.period_s or (one.function in _FROM_PARTS and not wanted.period_s % one.period_s))
    ]
    return max(alike, key=attrgetter("period_s"), default=None)


def _whole(start_ns: int, parts: Sequence[Bucket], wanted: Aggregate) -> Bucket:
    size = sum(bucket.size for bucket in parts)
    values = [bucket.value for bucket in parts]
    match wanted.function:
        case "mean":
            value = sum(bucket.value * bucket.size for bucket in parts) / size
        case "sum" | "count":
            value = sum(values)
        case "min":
            value = min(values)
        case "max":
            value = max(values)
        case "first":
            value = values[0]
        case _:
            value = values[-1]
    return Bucket(start_ns, value, size)
