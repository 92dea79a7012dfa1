"""Live, late, asleep or lost: one device's signs of life.

| state | sign of life | 1.5 intervals | 3 intervals | sleep announced | wake-up + margin | signed offline |
|---|---|---|---|---|---|---|
| live | live | late | lost | asleep | - | lost |
| late | live | - | lost | asleep | - | lost |
| asleep | live | - | - | asleep | lost | asleep |
| lost | live | - | - | asleep | - | lost |
"""

from typing import Any, Final

from ..values import NS_PER_S, Connection, Settings, maybe_whole, whole
from ..wire.heartbeat import MAX_INTERVAL_S

WAKE_MARGIN_S: Final = 60.0
WAKE_MARGIN_SHARE: Final = 0.1
"""A sleeper may come late by the larger of 60 s and a tenth of its sleep."""
DEFAULT_INTERVAL_S: Final = 60.0
"""Before the first heartbeat has named one."""


class Liveness:
    """State by deadlines: asking costs nothing, and nothing ticks."""

    __slots__ = ("heard_ns", "interval_s", "offline", "since_ns", "sleep_until_ns")

    def __init__(self) -> None:
        self.interval_s = DEFAULT_INTERVAL_S
        self.heard_ns = 0
        """Last sign of life; 0: never."""
        self.since_ns = 0
        """Where the deadlines count from: the last sign of life, or the hub's own start."""
        self.sleep_until_ns: int | None = None
        """Announced wake-up with its margin."""
        self.offline = False
        """The device, or its will, said goodbye."""

    def hear(self, now_ns: int, *, woke: bool = True) -> None:
        """Take a verified, undelayed message as a sign of life; a sleeper's last ones wake nobody."""
        self.heard_ns = self.since_ns = now_ns
        self.offline = False
        if woke:
            self.sleep_until_ns = None

    def sleep(self, now_ns: int, for_s: float) -> None:
        """The device announced that it sleeps so long from now."""
        margin = max(WAKE_MARGIN_S, WAKE_MARGIN_SHARE * for_s)
        self.sleep_until_ns = now_ns + int((for_s + margin) * NS_PER_S)

    def leave(self) -> None:
        """Note a signed *offline*; a sleeper's goes without saying."""
        if self.sleep_until_ns is None:
            self.offline = True

    def resume(self, now_ns: int) -> None:
        """The hub starts again: nothing could be heard meanwhile, so deadlines count from now."""
        if self.heard_ns and not self.offline:
            self.since_ns = now_ns
            if self.sleep_until_ns is not None:
                grace = now_ns + int(WAKE_MARGIN_S * NS_PER_S)
                self.sleep_until_ns = max(self.sleep_until_ns, grace)

    def state(self, now_ns: int, settings: Settings) -> Connection:
        """State at `now_ns`."""
        if not self.heard_ns or self.offline:
            return Connection.LOST
        if self.sleep_until_ns is not None:
            return Connection.ASLEEP if now_ns <= self.sleep_until_ns else Connection.LOST
        silent_s = (now_ns - self.since_ns) / NS_PER_S
        if silent_s <= settings.late_factor * self.interval_s:
            return Connection.LIVE
        if silent_s <= settings.lost_factor * self.interval_s:
            return Connection.LATE
        return Connection.LOST

    def shift(self, step_ns: int) -> None:
        """Follow a step of the hub's own clock."""
        if self.heard_ns:
            self.heard_ns += step_ns
            self.since_ns += step_ns
        if self.sleep_until_ns is not None:
            self.sleep_until_ns += step_ns

    def state_facts(self) -> list[Any]:
        """What has to be durable; the argument of `restored`."""
        return [self.interval_s, self.heard_ns, self.sleep_until_ns, self.offline]

    @classmethod
    def restored(cls, facts: list[Any]) -> Liveness:
        """Build what `state_facts` described."""
        found = cls()
        interval_s, heard, sleep_until, offline = facts
        found.interval_s = min(MAX_INTERVAL_S, float(interval_s))
        found.heard_ns, found.sleep_until_ns, found.offline = whole(heard), maybe_whole(sleep_until), bool(offline)
        found.since_ns = found.heard_ns
        return found
