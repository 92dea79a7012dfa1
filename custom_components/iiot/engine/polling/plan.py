"""What people decided about asking one device, and what follows from it for the channels that it has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from ..records import Bounds, Key
from ..values import NS_PER_S

MIN_INTERVAL_S: Final = 1.0
MAX_INTERVAL_S: Final = 86_400.0
MIN_TIMEOUT_S: Final = 0.5
MAX_TIMEOUT_S: Final = 60.0

type Interval = Annotated[float, Bounds(MIN_INTERVAL_S, MAX_INTERVAL_S)]
type Plan = dict[int, tuple[str, ...]]
"""Interval in nanoseconds → channels that are asked for so often."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Polling:
    """When a device is asked for its readings."""

    interval_s: Interval | None = None
    """Of `channels`; None: only those in `intervals` are asked for."""
    channels: tuple[Key, ...] = ()
    """Empty: those that wait to be asked, as the manifest says, or all when it says so of none."""
    intervals: Mapping[Key, Interval] = field(default_factory=dict)
    """Channel → an interval of its own."""
    timeout_s: Annotated[float, Bounds(MIN_TIMEOUT_S, MAX_TIMEOUT_S)] = 5.0
    """A channel that is not answered by then has failed."""


def plan_of(polling: Polling, channels: Mapping[str, bool]) -> Plan:
    """Group the channels of a device (key → whether it waits to be asked) by how often they are asked for."""
    found: dict[int, list[str]] = {}
    if polling.interval_s is not None:
        chosen = polling.channels or proposed(channels)
        interval_ns = round(polling.interval_s * NS_PER_S)
        found[interval_ns] = [key for key in chosen if key in channels and key not in polling.intervals]
    for key, interval_s in polling.intervals.items():
        if key in channels:
            found.setdefault(round(interval_s * NS_PER_S), []).append(key)
    return {interval_ns: tuple(dict.fromkeys(keys)) for interval_ns, keys in found.items() if keys}


def proposed(channels: Mapping[str, bool]) -> list[str]:
    """Those that wait to be asked, or all when none does."""
    return [key for key, waits in channels.items() if waits] or list(channels)
