"""Counting what was refused, and saying it seldom: one line per device and reason a minute."""

from collections import Counter
from typing import Final

from ..errors import ONCE, QUIET, Code
from ..values import NS_PER_S

SAY_EVERY_NS: Final = 60 * NS_PER_S


class Refusals:
    """Refused messages of one sender, by code."""

    __slots__ = ("_said", "counts")

    def __init__(self, counts: dict[str, int] | None = None) -> None:
        self.counts: Counter[str] = Counter(counts or {})
        self._said: dict[str, int] = {}

    def count(self, code: Code, steady_ns: int) -> bool:
        """Count one; True when it is time to say so, again if it is one that comes and goes."""
        name = code.value  # bare: counts are written as JSON, whose keys cannot be enumerations
        self.counts[name] += 1
        said = self._said.get(name)
        if said is not None and (code in ONCE or steady_ns - said < SAY_EVERY_NS):
            return False
        self._said[name] = steady_ns
        return True

    @property
    def total(self) -> int:
        """Refused messages but for those that a healthy site has: redeliveries, and calls of devices that wait."""
        return self.counts.total() - sum(self.counts[code] for code in QUIET)
