"""A fleet that is polled: does each device get its question when the schedule says so?

Every device notes when a question arrived. What is told is how far the time between two questions to the same device
was off the interval that was asked for.
"""

import asyncio
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, quantiles
from typing import Any, Final

from iiot_engine.values import NS_PER_MS, NS_PER_S
from testbed.errors import TestbedError

from .figure import Figure
from .fleet import Fleet
from .progress import say

KEPT_MS: Final = 1_000.0
"""A question that is off by less has kept to its schedule: a tenth of ten seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Polled:
    """How the schedule was kept."""

    off_ms: list[float]
    """Of each question but a device's first: how far from the interval."""

    def figures(self, devices: int, run: dict[str, Any]) -> list[Figure]:
        """Give median, 99 % and the share that kept to the schedule."""
        kept = sum(off < KEPT_MS for off in self.off_ms) / len(self.off_ms)
        p99 = quantiles(self.off_ms, n=100, method="inclusive")[-1]
        told = (("off_p50_ms", median(self.off_ms), "ms"), ("off_p99_ms", p99, "ms"), ("kept", kept, "of all"))
        return [
            Figure(name=f"command.poll_{devices}_{name}", value=round(value, 3), unit=unit, run=run)
            for name, value, unit in told
        ]


async def watch(fleet: Fleet, interval_s: float, rounds: int) -> Polled:
    """Note what devices are asked for so many intervals, after one to settle; raises TestbedError when one is not."""
    await asyncio.sleep(interval_s)
    fleet.polled.clear()
    await asyncio.sleep(interval_s * (rounds + 0.5))
    times = {device_id: list(asked) for device_id, asked in fleet.polled.items()}
    left_out = [device_id for device_id in fleet.devices if len(times.get(device_id, ())) < 2]
    if left_out:
        message = f"{len(left_out)} devices were not polled twice in {rounds} intervals: {', '.join(left_out[:5])}"
        raise TestbedError(message)
    off_ms = [
        abs(later - earlier - interval_s * NS_PER_S) / NS_PER_MS
        for asked in times.values()
        for earlier, later in pairwise(asked)
    ]
    say(f"{len(off_ms)} questions, off by {median(off_ms):.0f} ms in the middle, {max(off_ms):.0f} ms at most")
    return Polled(off_ms=off_ms)
