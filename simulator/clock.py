"""Time as a device knows it: how long it has been up, and perhaps what o'clock it is."""

from __future__ import annotations

from typing import NamedTuple

from iiot_engine.values import NS_PER_MS, NS_PER_S, ClockQuality

from .profile import ClockKind, Deviation


class Moment(NamedTuple):
    """One look at the clocks outside, handed to the device core with everything that happens."""

    up_ms: int
    """Since the device's start, sleep included."""
    wall_ns: int
    """True time, Unix nanoseconds; a device sees it only through its own clock."""


class DeviceClock:
    """The clock of one device in one boot."""

    def __init__(self, kind: ClockKind, deviation: Deviation) -> None:
        self.kind = kind
        self._deviation = deviation
        self._base_ns: int | None = None
        """Unix time of the start of boot, once the hub has told it."""

    @property
    def quality(self) -> ClockQuality:
        """`tq` of what is sent now."""
        if self.kind == ClockKind.NTP:
            return ClockQuality.NTP_OR_GPS
        return ClockQuality.NONE if self._base_ns is None else ClockQuality.HUB

    def unix_ns(self, moment: Moment) -> int:
        """Unix time; 0 while the device has none."""
        if self.kind == ClockKind.NTP:
            return moment.wall_ns + self._deviation.ahead_ns(moment.up_ms)
        return 0 if self._base_ns is None else self._base_ns + moment.up_ms * NS_PER_MS

    def stamp(self, moment: Moment) -> tuple[int, int]:
        """Time for a reading, [s, ns]: Unix time, or time since boot without a clock."""
        unix_ns = self.unix_ns(moment)
        return divmod(unix_ns or moment.up_ms * NS_PER_MS, NS_PER_S)

    def set(self, unix_ns: int, moment: Moment) -> None:
        """Take over the hub's time."""
        self._base_ns = unix_ns - moment.up_ms * NS_PER_MS
