"""Fewer points that look the same: for a screen that is narrower than what was measured."""

from collections.abc import Sequence
from typing import Final, NamedTuple

FEWEST: Final = 3
"""Points that a line is thinned to at least."""


class Point(NamedTuple):
    """One point of a line."""

    time_ns: int
    value: float


def extremes(points: Sequence[Point], most: int) -> list[Point]:
    """Keep the lowest and the highest of each of `most` / 2 equal spans of time: no spike is lost."""
    if len(points) <= most:
        return list(points)
    spans = max(1, most // 2)
    first_ns, length = points[0].time_ns, points[-1].time_ns - points[0].time_ns + 1
    found: list[Point] = []
    begin = 0
    for span in range(1, spans + 1):
        end_ns = first_ns + length * span // spans
        end = begin
        while end < len(points) and points[end].time_ns < end_ns:
            end += 1
        if end > begin:
            part = points[begin:end]
            low, high = min(part, key=_value), max(part, key=_value)
            found += [low] if low is high else sorted((low, high))
        begin = end
    return found


def largest_triangles(points: Sequence[Point], most: int) -> list[Point]:
    """Keep first, last, and of each bucket between them the point that spans the largest triangle with its neighbours.

    Largest Triangle Three Buckets, Sveinn Steinarsson, University of Iceland, 2013.
    """
    if len(points) <= most or most < FEWEST:
        return list(points) if len(points) <= most else [points[0], points[-1]][:most]
    found = [points[0]]
    width = (len(points) - 2) / (most - 2)
    for bucket in range(most - 2):
        begin, end = int(bucket * width) + 1, int((bucket + 1) * width) + 1
        following = points[end : min(int((bucket + 2) * width) + 1, len(points))] or points[-1:]
        mean_ns = sum(point.time_ns for point in following) / len(following)
        mean = sum(point.value for point in following) / len(following)
        last = found[-1]
        found.append(max(points[begin:end], key=lambda point: _area(last, point, mean_ns, mean)))
    found.append(points[-1])
    return found


def _area(last: Point, point: Point, mean_ns: float, mean: float) -> float:
    """Twice the area of the triangle."""
    return abs(
        (last.time_ns - mean_ns) * (point.value - last.value) - (last.time_ns - point.time_ns) * (mean - last.value)
    )


def _value(point: Point) -> float:
    return point.value
