"""Messages per CPU second of Home Assistant: signed ones through the hub, beside its MQTT sensors and bare callbacks.

One process holds all of them, so each lane is measured under the same conditions. In each round every lane gets the
same readings at the same pace; CPU of the process counts from the first message until it is quiet again, so until the
recorder has written all, less what the process uses while idle. Every message has to arrive, or the run fails.
"""

import asyncio
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from typing import Any, Final

from testbed.errors import TestbedError

from . import cpu, machine
from .device import RESOLUTION, Device
from .figure import Figure
from .fleet import packets
from .ground import Ground
from .peers import BARE, MAC, OURS, SENSORS, for_ingest
from .progress import say
from .publisher import Publisher

LEAD_S: Final = 3.0
"""Time to make the messages of a round before the first is due."""
LIMIT_S: Final = 300.0
"""A lane that is not quiet so long after its last message has failed."""
SLOWEST: Final = 1_000.0
"""Messages a second that every lane takes, for an estimate of how long it takes."""
STATISTICS_EVERY_S: Final = 300.0
STATISTICS_AT_S: Final = 10.0
"""The recorder compiles statistics every five minutes, 10 s past the minute."""
COMMIT_S: Final = 10.0
"""Everything is on disk by then: the recorder commits every 5 s, the hub every second."""
PEERS: Final = {
    SENSORS: "Home Assistant's MQTT sensors, value template",
    BARE: "bare MQTT subscription, callback that counts",
    MAC: "bare MQTT subscription, callback with HMAC check and orjson",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much is measured."""

    devices: int = 200
    messages: int = 40_000
    """Of each lane and round of the burst."""
    rounds: int = 5
    """Of the burst."""
    burst: float = 20_000.0
    """Messages a second: faster than Home Assistant takes them, so that the broker always has one waiting."""
    paces: tuple[float, ...] = (5.0, 1.0)
    """Messages a second of each device, in the rounds with a steady pace."""
    pace_s: float = 15.0
    """How long such a round takes."""
    paced_rounds: int = 3
    quiet_s: float = 11.0
    """More than the recorder's commit interval of 5 s and the hub's receipts every 10 s."""
    idle_s: float = 20.0
    own: bool = False
    """The hub has a connection of its own to the broker."""


SHORT: Final = Plan(devices=3, messages=30, rounds=1, paces=(5.0,), pace_s=1.0, quiet_s=1.0, idle_s=1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lap:
    """One lane in one round."""

    per_cpu_s: float
    """Messages per CPU second."""
    writes: float
    """States that the recorder got, for each message."""


type Laps = dict[str, list[Lap]]


async def measure(plan: Plan) -> list[Figure]:
    """Measure everything and return the figures; raises TestbedError when a message was lost."""
    folder = Path(mkdtemp(prefix="iiot-bench-"))
    about = machine.describe()
    say(f"starting a broker, Home Assistant and {plan.devices} devices; logs are in {folder} until all has passed")
    async with Ground(folder, plan.devices, own=plan.own, settings=for_ingest) as ground:
        await ground.join()
        run = _Run(ground, plan)
        await run.settle()
        burst = await run.rounds((OURS, SENSORS, MAC, BARE), plan.rounds, plan.messages, plan.burst)
        paced = {}
        for pace in plan.paces:
            rate = pace * plan.devices
            paced[pace] = await run.rounds((OURS, SENSORS), plan.paced_rounds, int(rate * plan.pace_s), rate)
        ground.must_be_clean()
    shutil.rmtree(folder)
    about |= {
        "devices": plan.devices,
        "messages": plan.messages,
        "rounds": plan.rounds,
        "idle_share": round(run.idle, 4),
        "message_bytes": run.message_bytes,
    }
    about["load_after"] = machine.load()
    return _figures("ingest.own_" if plan.own else "ingest.", about, burst, paced)


class _Run:
    def __init__(self, ground: Ground, plan: Plan) -> None:
        self.idle = 0.0
        self.message_bytes: dict[str, int] = {}
        self._ground: Final = ground
        self._plan: Final = plan

    async def settle(self) -> None:
        """Give every entity a first state, then learn what the process uses while idle."""
        pid, plan = self._ground.pid, self._plan
        for lane in (OURS, SENSORS):
            await self._send(lane, plan.devices, plan.burst)
        await cpu.until_quiet(pid, cpu.QUIET_SHARE, plan.quiet_s, LIMIT_S)
        for lane in (OURS, SENSORS):
            shown = await self._ground.shown(lane)
            if dead := [number for number, state in shown.items() if state in ("unknown", "unavailable")]:
                message = f"{lane}: no state for {', '.join(dead[:10])}"
                raise TestbedError(message)
        self.idle = await cpu.idle_share(pid, plan.idle_s)
        say(f"all entities are live; idle, Home Assistant uses {self.idle:.1%} of a core")

    async def rounds(self, lanes: Sequence[str], rounds: int, count: int, rate: float) -> Laps:
        """Run all rounds, each beginning with another lane."""
        laps: Laps = {lane: [] for lane in lanes}
        for number in range(rounds):
            await self._ground.login()
            first = number % len(lanes)
            for lane in (*lanes[first:], *lanes[:first]):
                lap = await self._lap(lane, count, rate)
                laps[lane].append(lap)
                say(
                    f"{rate:,.0f} a second, round {number + 1} of {rounds}, {lane}:"
                    f" {lap.per_cpu_s:,.0f} messages per CPU second, {lap.writes:.2f} state writes a message"
                )
        return laps

    async def _lap(self, lane: str, count: int, rate: float) -> Lap:
        ground = self._ground
        await self._let_statistics_pass(LEAD_S + count / min(rate, SLOWEST) + self._plan.quiet_s)
        arrived, writes = await ground.arrived(lane), self._writes(lane)
        await cpu.until_quiet(ground.pid, self.idle, 1.0, LIMIT_S)
        cpu_s, at = await self._send(lane, count, rate)
        if not await cpu.until_quiet(ground.pid, self.idle, self._plan.quiet_s, LIMIT_S):
            message = f"{lane}: Home Assistant is not quiet {LIMIT_S:.0f} s after the last message"
            raise TestbedError(message)
        used = cpu.used_s(ground.pid) - cpu_s - self.idle * (time.monotonic() - at)
        await self._check_arrived(lane, arrived + count)
        await self._check_shown(lane)
        return Lap(per_cpu_s=count / max(used, cpu.TICK_S), writes=(self._writes(lane) - writes) / count)

    async def _send(self, lane: str, count: int, rate: float) -> tuple[float, float]:
        """Make the messages, send them; returns the CPU seconds and the time just before the first."""
        ground = self._ground
        start_ns = time.time_ns() + int(LEAD_S * 1e9)
        made = await asyncio.to_thread(self._make, lane, count, start_ns, rate)
        self.message_bytes[lane] = (
            len(made[0]) - len(f"{lane}/bench-0001/data") - 5
        )  # type, length, length of the topic
        with Publisher(ground.broker_port) as publisher:
            await asyncio.sleep(max(0.0, start_ns / 1e9 - time.time() - 0.1))
            begin = cpu.used_s(ground.pid), time.monotonic()
            await asyncio.to_thread(publisher.send, made, start_ns, rate)
        return begin

    def _make(self, lane: str, count: int, start_ns: int, rate: float) -> list[bytes]:
        if lane == OURS:
            return self._ground.fleet.signed(count, start_ns, rate)
        make = Device.plain if lane == SENSORS else Device.data
        return packets(self._ground.doubles, lane, make, count, start_ns, rate)

    def _writes(self, lane: str) -> int:
        return self._ground.state_writes(lane) if lane in (OURS, SENSORS) else 0

    async def _let_statistics_pass(self, lap_s: float) -> None:
        """Wait when the recorder's statistics would fall into the next lap: they read what other lanes have written."""
        left_s = (STATISTICS_AT_S - time.time()) % STATISTICS_EVERY_S
        if left_s < lap_s:
            say(f"waiting {left_s:.0f} s until the recorder's statistics are through")
            await asyncio.sleep(left_s + 1)
            await cpu.until_quiet(self._ground.pid, self.idle, min(5.0, self._plan.quiet_s), LIMIT_S)

    async def _check_arrived(self, lane: str, wanted: int) -> None:
        """No message was lost, and none came twice."""
        end = time.monotonic() + COMMIT_S
        while True:
            arrived = await self._ground.arrived(lane)
            if arrived == wanted:
                return
            if arrived > wanted or time.monotonic() > end:
                message = f"{lane}: {arrived - wanted:+} messages"
                raise TestbedError(message)
            await asyncio.sleep(0.5)

    async def _check_shown(self, lane: str) -> None:
        """The last value of every device has become its entity's state."""
        if lane not in (OURS, SENSORS):
            return
        senders = self._ground.fleet.devices.values() if lane == OURS else self._ground.doubles
        wanted = {device.id.rpartition("-")[2]: device.value for device in senders}
        end = time.monotonic() + COMMIT_S
        while wrong := await self._not_shown(lane, wanted):
            if time.monotonic() < end:
                await asyncio.sleep(0.2)
                continue
            message = f"{lane}: entities of {len(wrong)} devices do not show the last value ({', '.join(wrong[:10])})"
            raise TestbedError(message)

    async def _not_shown(self, lane: str, wanted: dict[str, float]) -> list[str]:
        shown = await self._ground.shown(lane)
        return [number for number, value in wanted.items() if abs(float(shown[number]) - value) > RESOLUTION / 2]


def _figures(prefix: str, run: dict[str, Any], burst: Laps, paced: dict[float, Laps]) -> list[Figure]:
    found = [
        _compared(f"{prefix}vs_mqtt_sensors", burst, SENSORS, run),
        _compared(f"{prefix}vs_bare_mac_callback", burst, MAC, run),
        _compared(f"{prefix}vs_bare_callback", burst, BARE, run),
        _writes(f"{prefix}state_writes", burst, run),
    ]
    for pace, laps in paced.items():
        name = f"{pace:g}_a_second"
        found.append(_compared(f"{prefix}{name}.vs_mqtt_sensors", laps, SENSORS, run))
        found.append(_writes(f"{prefix}{name}.state_writes", laps, run))
    return found


def _compared(name: str, laps: Laps, peer: str, run: dict[str, Any]) -> Figure:
    ours = [lap.per_cpu_s for lap in laps[OURS]]
    theirs = [lap.per_cpu_s for lap in laps[peer]]
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return Figure(
        name=name,
        value=round(median(ours)),
        unit="messages/CPU s",
        peer=PEERS[peer],
        peer_value=round(median(theirs)),
        ratio=round(median(ours) / median(theirs), 2),
        low=round(min(ratios), 2),
        high=round(max(ratios), 2),
        run=run,
    )


def _writes(name: str, laps: Laps, run: dict[str, Any]) -> Figure:
    ours = median(lap.writes for lap in laps[OURS])
    theirs = median(lap.writes for lap in laps[SENSORS])
    return Figure(
        name=name,
        value=round(ours, 3),
        unit="state writes/message",
        peer=PEERS[SENSORS],
        peer_value=round(theirs, 3),
        ratio=round(ours / theirs, 3),
        run=run,
    )
