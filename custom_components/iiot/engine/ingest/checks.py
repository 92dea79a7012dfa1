"""Gates that people set for one channel, behind those of its manifest: pure, a reading and what was before it go in.

They judge what is shown. The journal keeps every reading as it came.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, NamedTuple

from ..devices.manifest import Channel
from ..records import Bounds
from ..values import NS_PER_S, Quality, Scalar

MAX_STUCK_S: Final = 30 * 86_400.0
MAX_INTERVAL_S: Final = 86_400.0


class Reason(StrEnum):
    """Why a value is not good, beyond what the device itself says of it."""

    RANGE = "range"
    SLEW = "slew"
    STUCK = "stuck"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checks:
    """The gates of one channel. None: there is none of the kind."""

    low: float | None = None
    """Below it a value is bad."""
    high: float | None = None
    slew_per_s: Annotated[float | None, Bounds(low=1e-9)] = None
    """A value that moves faster is uncertain: it may be a spike, or a machine that stops at once."""
    stuck_s: Annotated[float | None, Bounds(1, MAX_STUCK_S)] = None
    """A value whose readings have not changed for so long is uncertain."""
    deadband: Annotated[float, Bounds(low=0)] = 0.0
    """A change that is smaller is not shown; in the unit of the channel."""
    deadband_percent: Annotated[float, Bounds(0, 100)] = 0.0
    """The same, as a share of the range: the one set here, or else the manifest's."""
    interval_s: Annotated[float, Bounds(0, MAX_INTERVAL_S)] = 0.0
    """Shortest time between two states; 0: as the site has it."""

    def flaw(self) -> tuple[str, str] | None:
        """What is wrong with it: the field, and why."""
        if self.low is not None and self.high is not None and self.low >= self.high:
            return "high", "must be above the lowest value"
        return None


class Trace(NamedTuple):
    """The newest reading that was in range."""

    value: Scalar
    time_ns: int
    since_ns: int
    """Since when readings have had this value."""


class Verdict(NamedTuple):
    """What the gates say of a reading."""

    value: Scalar | None
    quality: Quality
    reason: Reason | None
    trace: Trace | None
    """To be handed in with the next reading."""


def judge(checks: Checks, before: Trace | None, value: Scalar | None, quality: Quality, time_ns: int) -> Verdict:
    """Judge one reading."""
    if value is None:
        return Verdict(None, quality, None, before)
    if is_outside(checks, value):
        return Verdict(None, Quality.BAD, Reason.RANGE, before)
    since_ns = before.since_ns if before is not None and before.value == value else time_ns
    trace = Trace(value, time_ns, since_ns)
    reason = None
    if before is not None and _is_too_fast(checks, before, value, time_ns):
        reason = Reason.SLEW
    elif checks.stuck_s is not None and time_ns - since_ns >= checks.stuck_s * NS_PER_S:
        reason = Reason.STUCK
    return Verdict(value, quality if reason is None else max(quality, Quality.UNCERTAIN), reason, trace)


def is_outside(checks: Checks, value: Scalar) -> bool:
    """Whether a value is out of its range."""
    number = _number(value)
    if number is None:
        return False
    return (checks.low is not None and number < checks.low) or (checks.high is not None and number > checks.high)


def span_of(checks: Checks, channel: Channel | None) -> float:
    """Width of a channel's range: the one that people set, or else the manifest's; 0: it has none."""
    low = channel.minimum if checks.low is None and channel is not None else checks.low
    high = channel.maximum if checks.high is None and channel is not None else checks.high
    return max(0.0, high - low) if low is not None and high is not None else 0.0


def band_of(checks: Checks, channel: Channel | None) -> float:
    """Give the smallest change that is shown, in the unit of the channel; 0: every one."""
    return max(checks.deadband, checks.deadband_percent / 100 * span_of(checks, channel))


def is_within(band: float, shown: Scalar | None, value: Scalar | None) -> bool:
    """Whether a value differs too little from what is shown to be shown itself."""
    before, number = _number(shown), _number(value)
    return before is not None and number is not None and abs(number - before) < band


def _is_too_fast(checks: Checks, before: Trace, value: Scalar, time_ns: int) -> bool:
    took_s = (time_ns - before.time_ns) / NS_PER_S
    last, number = _number(before.value), _number(value)
    if checks.slew_per_s is None or took_s <= 0 or last is None or number is None:
        return False
    return abs(number - last) > checks.slew_per_s * took_s


def _number(value: Scalar | None) -> float | None:
    """Give the value of a channel of numbers; True and False are none."""
    return value if isinstance(value, float | int) and not isinstance(value, bool) else None
