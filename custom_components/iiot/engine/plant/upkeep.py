"""What time itself does: devices fall silent, clocks step, messages become due."""

from statistics import median
from typing import Final

from ..effects import Effect
from ..values import NS_PER_S, ClockQuality, Connection, Now
from . import answers, commits, notices, orders, rotation
from .arrival import announce
from .site import Site

ROUND_NS: Final = NS_PER_S
"""Members are looked over once a second."""
STEP_NS: Final = NS_PER_S // 2
"""A difference between the hub's clocks above this is a step of the wall clock."""
STEP_DURABLE_NS: Final = NS_PER_S // 2
"""A step has to be durable soon: after a crash nothing tells of it any more."""
DOUBT_SKEW_NS: Final = 60 * NS_PER_S
DOUBT_DEVICES: Final = 3
"""The hub doubts its own clock when at least so many good clocks disagree by more."""
GATHER_NS: Final = 600 * NS_PER_S
"""For so long after a start too few good clocks do not mean that the doubt of before is over."""


class Upkeep:
    """The plant's sense of passing time."""

    __slots__ = ("_offset_ns", "_round_ns", "_since_ns")

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._round_ns = 0
        self._since_ns: int | None = None

    def tick(self, site: Site, now: Now, effects: list[Effect]) -> None:
        """Do what is due; call it several times a second."""
        self.follow_step(site, now)
        if now.steady_ns - self._round_ns >= ROUND_NS or not self._round_ns:
            self._round_ns = now.steady_ns
            _look_over(site, now, effects)
            _follow_jump(site, now)
            if self._since_ns is None:
                self._since_ns = now.steady_ns
            _doubt(site, effects, is_early=now.steady_ns - self._since_ns < GATHER_NS)
        commits.begin(site, now, effects)

    def follow_step(self, site: Site, now: Now) -> None:
        """Notice a step of the wall clock before anything is judged by it.

        What was measured before the hub's start is left alone: its clock may have been right then, and wrong since.
        """
        offset = now.wall_ns - now.steady_ns
        held, self._offset_ns = self._offset_ns, offset
        if held is not None and abs(offset - held) > STEP_NS:
            for member in site.members.values():
                member.device.liveness.shift(offset - held)
                for clock in member.device.clocks.values():
                    if clock.is_ours:
                        clock.shift(offset - held)
                site.touch(member, now.steady_ns, STEP_DURABLE_NS)


def _look_over(site: Site, now: Now, effects: list[Effect]) -> None:
    for member in site.members.values():
        announce(site, member, now, effects)
        rotation.expire(member, now, effects)
        orders.expire(site, member, now, effects)
        answers.send_due(site, member, now, effects)


def _follow_jump(site: Site, now: Now) -> None:
    """After a start: when most devices seem delayed alike, it is the hub's clock that moved."""
    step_ns = site.jumps.common(sum(member.bare is None for member in site.members.values()), now)
    if step_ns is not None:
        for member in site.members.values():
            for clock in member.device.clocks.values():
                if not clock.is_ours:
                    clock.shift(step_ns)


def _doubt(site: Site, effects: list[Effect], *, is_early: bool) -> None:
    """Compare the hub's clock with the good clocks of its devices."""
    skews = []
    for member in site.members.values():
        if member.clock_quality != ClockQuality.NTP_OR_GPS or member.connection is not Connection.LIVE:
            continue
        clock = member.device.clocks.get(member.device.window.boot)
        if clock is not None and clock.skew_ns is not None:
            skews.append(clock.skew_ns)
    middle = median(skews) if len(skews) >= DOUBT_DEVICES else 0
    site.doubts = abs(middle) > DOUBT_SKEW_NS
    seconds = round(middle / NS_PER_S)
    if len(skews) >= DOUBT_DEVICES or not is_early:
        notices.say(site, effects, notices.HUB_CLOCK, active=site.doubts, skew_s=seconds)
