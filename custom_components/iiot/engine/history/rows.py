"""Rows of one device: moments with everything that is known of each, in columns."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, Final, NamedTuple

GOOD: Final = 0
"""`Standing.GOOD` as a bare number, as a column keeps it."""


class Origin(NamedTuple):
    """Where a row comes from; one list for each, as long as there are rows."""

    boots: list[int]
    indices: list[int]
    """Number of the row in its boot; 0: the device does not number its rows."""
    kids: list[int]
    """Key that signed it."""
    lags_ms: list[int]
    """How long after its own time it came; negative where its time lies ahead."""
    flags: list[int]
    """`TimeFlag` bits."""


class Column(NamedTuple):
    """Readings of one channel, one a row."""

    values: list[Any]
    """None: no value."""
    quality: list[int] | None
    """`Standing` of each; None: all of them are good."""

    def says(self, at: int) -> bool:
        """Whether row `at` says anything of the channel."""
        return self.values[at] is not None or (self.quality is not None and self.quality[at] != GOOD)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in the order of their time; rows of one time in the order in which they came."""

    times_ns: list[int]
    origin: Origin
    columns: dict[str, Column]
    """Channel key → its column."""

    def __len__(self) -> int:
        return len(self.times_ns)

    def sorted(self) -> Rows:
        """Give the same rows in the order of their time."""
        times = self.times_ns
        order = sorted(range(len(times)), key=times.__getitem__)
        return self.pick(order)

    def pick(self, order: Iterable[int]) -> Rows:
        """Give those rows, in that order."""
        places = list(order)
        return Rows(
            [self.times_ns[at] for at in places],
            Origin(*([member[at] for at in places] for member in self.origin)),
            {
                key: Column(
                    [column.values[at] for at in places],
                    None if column.quality is None else [column.quality[at] for at in places],
                )
                for key, column in self.columns.items()
            },
        )


def join(parts: list[Rows]) -> Rows:
    """Put rows of one device behind each other; a channel that a part lacks has no value there."""
    keys = dict.fromkeys(chain.from_iterable(part.columns for part in parts))
    return Rows(
        list(chain.from_iterable(part.times_ns for part in parts)),
        Origin(*map(list, map(chain.from_iterable, zip(*(part.origin for part in parts), strict=True)))),
        {key: _joined(key, parts) for key in keys},
    )


def _joined(key: str, parts: list[Rows]) -> Column:
    values: list[Any] = []
    quality: list[int] = []
    for part in parts:
        column = part.columns.get(key)
        values.extend(repeat(None, len(part)) if column is None else column.values)
        said = None if column is None else column.quality
        quality.extend(repeat(GOOD, len(part)) if said is None else said)
    return Column(values, quality if any(quality) else None)
