"""How long history keeps a channel: its readings, and what is made of them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from ..records import Bounds

type Function = Literal["mean", "median", "min", "max", "sum", "count", "first", "last", "percentile"]

DAY_S = 86_400.0
LONGEST_PERIOD_S = DAY_S
LONGEST_S = 100 * 366 * DAY_S


@dataclass(frozen=True, kw_only=True, slots=True)
class Aggregate:
    """One figure for each period."""

    function: Function
    period_s: Annotated[int, Bounds(1, LONGEST_PERIOD_S)]
    """Periods begin where the Unix time is a multiple of it."""
    keep_s: Annotated[float | None, Bounds(60, LONGEST_S)] = None
    """None: for ever."""
    percent: Annotated[float | None, Bounds(0, 100)] = None
    """Of a percentile."""

    def flaw(self) -> tuple[str, str] | None:
        """What is wrong with it: the field, and why."""
        if (self.function == "percentile") != (self.percent is not None):
            return "percent", "must be there for a percentile, and for nothing else"
        if DAY_S % self.period_s:
            return "period_s", "must divide a day"
        if self.keep_s is not None and self.keep_s < self.period_s:
            return "keep_s", "must be at least one period"
        return None

    @property
    def name(self) -> str:
        """How it is called: `mean/300`, `percentile95/3600`."""
        percent = "" if self.percent is None else f"{self.percent:g}"
        return f"{self.function}{percent}/{self.period_s}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeping:
    """Of one channel."""

    raw_s: Annotated[float | None, Bounds(3_600, LONGEST_S)] = None
    """How long each reading is kept; None: for ever."""
    aggregates: tuple[Aggregate, ...] = ()

    def flaw(self) -> tuple[str, str] | None:
        """What is wrong with it: the field, and why."""
        names = [one.name for one in self.aggregates]
        if len(set(names)) < len(names):
            return "aggregates", "must not name the same figure twice"
        if self.raw_s is not None and any(one.period_s * 2 > self.raw_s for one in self.aggregates):
            return "raw_s", "must be at least two periods of every figure that is made of the readings"
        return None
