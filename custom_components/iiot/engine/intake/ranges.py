"""Sets of whole numbers kept as disjoint ranges: rows that came, rows that are missing."""

from bisect import bisect_right
from collections.abc import Iterator

from ..values import whole


class Ranges:
    """Sorted, disjoint, non-adjacent ranges, both ends included."""

    __slots__ = ("_first", "_last")

    def __init__(self, ranges: list[list[int]] | None = None) -> None:
        self._first = [whole(first) for first, _ in ranges or ()]
        self._last = [whole(last) for _, last in ranges or ()]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._first, self._last, strict=True)

    def __len__(self) -> int:
        return len(self._first)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._first, number) - 1
        return at >= 0 and number <= self._last[at]

    def overlaps(self, first: int, last: int) -> bool:
        """Whether any of `first`…`last` is in here."""
        at = bisect_right(self._first, last) - 1
        return at >= 0 and self._last[at] >= first

    def missing(self, first: int, last: int) -> list[tuple[int, int]]:
        """Parts of `first`…`last` that are not in here."""
        found = []
        at = first
        for low, high in self:
            if high < at:
                continue
            if low > last:
                break
            if low > at:
                found.append((at, low - 1))
            at = high + 1
        if at <= last:
            found.append((at, last))
        return found

    def add(self, first: int, last: int) -> None:
        """Put `first`…`last` in, joining what touches."""
        low = bisect_right(self._last, first - 2)
        high = bisect_right(self._first, last + 1)
        if low < high:
            first = min(first, self._first[low])
            last = max(last, self._last[high - 1])
        self._first[low:high] = [first]
        self._last[low:high] = [last]

    def remove(self, first: int, last: int) -> None:
        """Take `first`…`last` out."""
        if not self.overlaps(first, last):
            return
        left: list[list[int]] = []
        for low, high in self:
            if high < first or low > last:
                left.append([low, high])
                continue
            if low < first:
                left.append([low, first - 1])
            if high > last:
                left.append([last + 1, high])
        self._first = [low for low, _ in left]
        self._last = [high for _, high in left]

    def state(self) -> list[list[int]]:
        """As JSON; the argument of the constructor."""
        return [[low, high] for low, high in self]
