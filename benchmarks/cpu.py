"""CPU time of a process, and when it is quiet."""

import asyncio
import os
import time
from collections import deque
from pathlib import Path
from typing import Final

TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
SAMPLE_S: Final = 0.25
QUIET_SHARE: Final = 0.03
"""Quiet is: not more than this share of one core above the idle share."""


def used_s(pid: int) -> float:
    """CPU seconds, user and system, of all threads of a process so far."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    fields = text.rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S  # utime and stime: members 14 and 15 of the whole line


async def idle_share(pid: int, over_s: float) -> float:
    """Share of one core that the process uses while nobody asks anything of it."""
    cpu, at = used_s(pid), time.monotonic()
    await asyncio.sleep(over_s)
    return (used_s(pid) - cpu) / (time.monotonic() - at)


async def until_quiet(pid: int, idle: float, span_s: float, limit_s: float) -> bool:
    """Wait until the process has been quiet for `span_s`; False when it was not within `limit_s`."""
    end = time.monotonic() + limit_s
    samples: deque[tuple[float, float]] = deque()
    while (now := time.monotonic()) < end:
        samples.append((now, used_s(pid)))
        while now - samples[0][0] > span_s + SAMPLE_S:
            samples.popleft()
        first_at, first_cpu = samples[0]
        if now - first_at >= span_s and samples[-1][1] - first_cpu <= (idle + QUIET_SHARE) * (now - first_at):
            return True
        await asyncio.sleep(SAMPLE_S)
    return False
