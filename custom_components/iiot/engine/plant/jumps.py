"""A common jump of most devices right after a start: the hub's clock was set meanwhile.

Only messages that prove to be fresh are compared: a delay that all share, since a broker kept their messages, looks
alike (ADR 0008).
"""

from statistics import median
from typing import Final

from ..devices.anchor import BootClock
from ..values import NS_PER_S, Now

WATCH_NS: Final = 120 * NS_PER_S
"""How long after a start proofs are compared."""
LEAST_DEVICES: Final = 3
LEAST_NS: Final = 2 * NS_PER_S
"""Smaller jumps are delay, or are mended by the next undelayed message."""


class Jumps:
    """First proof of each device after a start, until they agree or the time is over."""

    __slots__ = ("_first_ns", "_until_ns")

    def __init__(self) -> None:
        self._first_ns: dict[str, int] = {}
        self._until_ns: int | None = None

    def watch(self, now: Now) -> None:
        """Begin: the hub starts."""
        self._first_ns.clear()
        self._until_ns = now.steady_ns + WATCH_NS

    @property
    def is_watching(self) -> bool:
        """Whether first messages still matter."""
        return self._until_ns is not None

    def note(self, device_id: str, clock: BootClock, up_ns: int, now: Now) -> None:
        """Compare a device's message, made just now, with where its boot stood before the start."""
        if clock.anchor_ns is None or clock.is_ours or device_id in self._first_ns:
            return
        self._first_ns[device_id] = now.wall_ns - up_ns - clock.anchor_ns

    def common(self, devices: int, now: Now) -> int | None:
        """Jump that most of `devices` share, once; None: there is none (yet)."""
        if self._until_ns is None:
            return None
        if now.steady_ns > self._until_ns:
            self._until_ns = None
            return None
        if len(self._first_ns) < max(LEAST_DEVICES, devices // 2 + 1):
            return None
        middle = int(median(self._first_ns.values()))
        self._until_ns = None
        agreeing = sum(abs(jump - middle) < LEAST_NS for jump in self._first_ns.values())
        return middle if middle > LEAST_NS and 2 * agreeing > devices else None
