"""Where a device's time since boot stands in the hub's time (protocol.md, Time).

For each boot the hub keeps *a*, the smallest (receive - up): the hub time at which the boot
began, too late by the fastest transport seen. Delay is judged against it, and so is the
device's own clock.
"""

from typing import Any, Final, NamedTuple

from ..values import NS_PER_S, Now, Settings, TimeFlag, maybe_whole, whole
from ..wire.frames import Header

RISE_PPM: Final = 200
"""How fast *a* may rise: the worst oscillator that a device may have."""
EXACT_SKEW_NS: Final = 2 * NS_PER_S
"""A device clock closer than this is taken as it is."""
MAX_RUNAHEAD_NS: Final = 300 * NS_PER_S
"""How far `up` may run ahead of the hub's clock between two messages of a boot."""
MAX_SKEW_NS: Final = 1 << 62
"""146 years: what is further off is off by this, so that every sum stays a signed 64-bit number."""
MAX_BOOTS: Final = 32
"""Boots of which a device may still keep rows."""


class Timing(NamedTuple):
    """How one message lies in time. Nothing has moved yet; `BootClock.take` moves it."""

    anchor_ns: int | None
    """*a* after this message; None when there is nothing to place it by."""
    skew_ns: int | None
    """Device clock minus hub clock; None without a device clock or anchor."""
    delay_ns: int | None
    """None: no proof at all of when it was made."""
    time_ns: int | None
    """When the message was made, hub time; None when it cannot be placed."""
    flags: int
    """`TimeFlag`: DELAYED, CORRECTED, UNCERTAIN_TIME."""
    proven: bool
    """The message itself proved that it is fresh."""


class BootClock:
    """The clock of one boot of one device."""

    __slots__ = ("anchor_ns", "at_ns", "first_ns", "heard_steady_ns", "high_seq", "is_ours", "skew_ns", "up_ns")

    def __init__(
        self,
        *,
        anchor_ns: int | None = None,
        at_ns: int = 0,
        skew_ns: int | None = None,
        first_ns: int = 0,
        high_seq: int = 0,
    ) -> None:
        self.anchor_ns = anchor_ns
        self.at_ns = at_ns
        """When `anchor_ns` was measured: it rises from there."""
        self.skew_ns = skew_ns
        """As measured last."""
        self.first_ns = first_ns
        """When the hub first heard of this boot."""
        self.high_seq = high_seq
        """Highest number accepted in this boot."""
        self.is_ours = True
        """Measured since the hub's start, hence in the time that its clock has been telling since."""
        self.up_ns = 0
        self.heard_steady_ns: int | None = None
        """`up` and steady time of the last undelayed message since the hub's start."""

    def runs_ahead(self, up_ns: int, steady_ns: int) -> bool:
        """Whether `up` passes faster than the hub's steady time, beyond what is credible.

        Compared with the last undelayed message since the hub's start only: after a delayed one the next is due to
        seem early, and what was heard before a start was measured by a clock that may have been set since.
        """
        heard = self.heard_steady_ns
        return heard is not None and (up_ns - self.up_ns) - (steady_ns - heard) > MAX_RUNAHEAD_NS

    def judge(self, header: Header, received_ns: int, settings: Settings, proof: bool) -> Timing:  # noqa: FBT001
        """Judge one message; `proof`: it names a down message sent under 10 s ago."""
        seen = received_ns - header.up_ns
        limit = settings.delay_limit_s * NS_PER_S
        held = self.anchor_ns
        if proof:
            anchor, delay = seen, 0
        elif held is not None:
            risen = held + (received_ns - self.at_ns) * RISE_PPM // 1_000_000
            anchor = min(seen, risen)
            delay = seen - anchor
        elif header.tq:
            delay = abs(received_ns - header.ts_ns)
            if settings.listen_only:
                delay = 0  # it cannot ask for a proof, so it takes the first message for fresh
            elif delay > limit:
                return Timing(None, None, delay, None, TimeFlag.DELAYED, proven=False)
            anchor = seen
        elif settings.listen_only:
            anchor, delay = seen, 0
        else:
            return Timing(None, None, None, None, TimeFlag.DELAYED, proven=False)
        flags = TimeFlag.DELAYED if delay > limit else 0
        if not header.tq:
            return Timing(anchor, None, delay, anchor + header.up_ns, flags, proof)
        skew = max(-MAX_SKEW_NS, min(MAX_SKEW_NS, header.ts_ns - header.up_ns - anchor))
        if abs(skew) <= EXACT_SKEW_NS:
            return Timing(anchor, skew, delay, header.ts_ns, flags, proof)
        if abs(skew) <= settings.skew_limit_s * NS_PER_S:
            flags |= TimeFlag.CORRECTED
            return Timing(anchor, skew, delay, header.ts_ns - skew, flags, proof)
        flags |= TimeFlag.UNCERTAIN_TIME
        return Timing(anchor, skew, delay, anchor + header.up_ns, flags, proof)

    def take(self, header: Header, now: Now, timing: Timing) -> None:
        """Keep what an accepted message taught."""
        received_ns = now.wall_ns
        is_later = header.up_ns >= self.up_ns or self.heard_steady_ns is None
        if not timing.flags & TimeFlag.DELAYED and (is_later or timing.proven):
            self.up_ns, self.heard_steady_ns = header.up_ns, now.steady_ns
        if not self.first_ns:
            self.first_ns = received_ns
        self.high_seq = max(self.high_seq, header.seq)
        if timing.skew_ns is not None:
            self.skew_ns = timing.skew_ns
        anchor = timing.anchor_ns
        if anchor is None:
            return
        if self.anchor_ns is None or timing.proven or anchor == received_ns - header.up_ns:
            self.anchor_ns, self.at_ns, self.is_ours = anchor, received_ns, True

    def shift(self, step_ns: int) -> None:
        """Follow a step of the hub's own clock: from now on it is measured in the time after it."""
        self.is_ours = True
        if self.anchor_ns is not None:
            self.anchor_ns += step_ns
            self.at_ns += step_ns
            if self.skew_ns is not None:
                self.skew_ns -= step_ns
        if self.first_ns:
            self.first_ns += step_ns

    def state(self) -> list[Any]:
        """What has to be durable; the argument of `restored`."""
        return [self.anchor_ns, self.at_ns, self.skew_ns, self.first_ns, self.high_seq]

    @classmethod
    def restored(cls, state: list[Any]) -> BootClock:
        """Build the clock that `state` described."""
        anchor, at, skew, first, high_seq = state
        found = cls(
            anchor_ns=maybe_whole(anchor),
            at_ns=whole(at),
            skew_ns=None if skew is None else whole(skew, -2 * MAX_SKEW_NS, 2 * MAX_SKEW_NS),
            first_ns=whole(first),
            high_seq=whole(high_seq),
        )
        found.is_ours = False
        return found
