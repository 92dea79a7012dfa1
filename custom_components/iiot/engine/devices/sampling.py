"""How often a device itself reads its channels, as people want it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from ..records import Bounds, Key

MIN_INTERVAL_S: Final = 0.1
MAX_INTERVAL_S: Final = 86_400.0
MOST: Final = 16
"""Channels with an interval of their own: each is a command, and a device has a bounded number that wait."""
COMMAND: Final = "set_interval"

type Interval = Annotated[float, Bounds(MIN_INTERVAL_S, MAX_INTERVAL_S)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How often a device reads its channels. What is left out stays as the device has it."""

    interval_s: Interval | None = None
    """Of all channels."""
    intervals: Mapping[Key, Interval] = field(default_factory=dict)
    """Channel → an interval of its own."""

    def flaw(self) -> tuple[str, str] | None:
        """What is wrong with it: the field, and why."""
        return ("intervals", f"must be at most {MOST} channels") if len(self.intervals) > MOST else None

    def orders(self) -> Iterator[dict[str, Any]]:
        """Arguments of the commands that say it to a device, in their order."""
        if self.interval_s is not None:
            yield {"s": self.interval_s}
        for key, interval_s in self.intervals.items():
            yield {"s": interval_s, "ch": key}
