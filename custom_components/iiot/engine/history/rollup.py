"""Figures of periods: one bucket for each period in which there was a reading that counts."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from ..values import NS_PER_S, TimeFlag
from .keeping import Aggregate
from .quality import Standing
from .rows import Rows

LEFT_OUT: Final = TimeFlag.TRIAL
"""Rows with one of these flags count for nothing."""


EVER_NS: Final = (1 << 63) - 1


class Bucket(NamedTuple):
    """The figure of one period."""

    start_ns: int
    value: float
    size: int
    """Readings that it was made of."""


class Counted(NamedTuple):
    """Readings of a channel that count, in the order of their time."""

    times_ns: list[int]
    values: list[float]


def counted(parts: Iterable[Rows], channel: str, first_ns: int = 0, last_ns: int = EVER_NS) -> Counted:
    """Leave out what lies outside, what is no number, what is bad, and what was only a trial."""
    found: list[tuple[int, float]] = []
    for rows in parts:
        column = rows.columns.get(channel)
        if column is None:
            continue
        quality = column.quality or (Standing.GOOD,) * len(rows)
        found += [
            (time_ns, float(value))
            for time_ns, value, standing, flag in zip(
                rows.times_ns, column.values, quality, rows.origin.flags, strict=True
            )
            if isinstance(value, int | float)
            and standing <= Standing.UNCERTAIN
            and not flag & LEFT_OUT
            and first_ns <= time_ns <= last_ns
        ]
    found.sort(key=_time)
    return Counted([time_ns for time_ns, _ in found], [value for _, value in found])


def fold(readings: Counted, aggregate: Aggregate) -> list[Bucket]:
    """Make a bucket of each period that has a reading."""
    period_ns = aggregate.period_s * NS_PER_S
    figure = _figure(aggregate)
    found = []
    begin = 0
    times, values = readings
    while begin < len(times):
        start_ns = times[begin] // period_ns * period_ns
        end = begin + 1
        while end < len(times) and times[end] < start_ns + period_ns:
            end += 1
        found.append(Bucket(start_ns, figure(values[begin:end]), end - begin))
        begin = end
    return found


def merge(kept: Bucket, late: Bucket, aggregate: Aggregate) -> Bucket | None:
    """Add readings that came after those of a bucket were dropped; None where that cannot be known any more.

    `first` and `last` stay: whether the late ones lie outside of them is not known.
    """
    size = kept.size + late.size
    match aggregate.function:
        case "mean":
            value = (kept.value * kept.size + late.value * late.size) / size
        case "sum" | "count":
            value = kept.value + late.value
        case "min":
            value = min(kept.value, late.value)
        case "max":
            value = max(kept.value, late.value)
        case _:
            return None
    return Bucket(kept.start_ns, value, size)


def quantile(values: Sequence[float], percent: float) -> float:
    """Give the value below which `percent` of them lie, straight between its neighbours (type 7 of Hyndman and Fan)."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = math.floor(place)
    high = math.ceil(place)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _figure(aggregate: Aggregate) -> Callable[[Sequence[float]], float]:
    if aggregate.percent is not None:
        percent = aggregate.percent
        return lambda values: quantile(values, percent)
    return _FIGURES[aggregate.function]


_FIGURES: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "mean": lambda values: math.fsum(values) / len(values),
    "median": lambda values: quantile(values, 50),
    "min": min,
    "max": max,
    "sum": math.fsum,
    "count": lambda values: float(len(values)),
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}


def _time(reading: tuple[int, float]) -> int:
    return reading[0]
