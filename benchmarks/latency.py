"""From publish to entity state: through the hub, beside Home Assistant's own MQTT sensors.

2,000 entities, each with at most one message in two seconds, and no throttle: each message has to become a state, or
the run fails. The sender notes when a message leaves, a witness inside Home Assistant when its state is written; both
read CLOCK_MONOTONIC, which all processes of a machine share.
"""

import asyncio
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from tempfile import mkdtemp
from typing import Any, Final, NamedTuple

from iiot_engine.values import NS_PER_MS, NS_PER_S, Leaf
from iiot_engine.wire.topics import topic_of
from testbed.errors import TestbedError

from . import cpu, machine
from .figure import Figure
from .ground import Ground
from .peers import OURS, SENSORS, channel_topic, for_latency
from .progress import say
from .publisher import Publisher, packet

LEAD_S: Final = 2.0
"""Time to make the messages of a lap before the first is due."""
LIMIT_S: Final = 60.0
AGAIN_S: Final = 3.0
DIGITS: Final = 2
DEFAULT_INTERVAL_S: Final = 1.0
PEER: Final = "Home Assistant's MQTT sensors, value template"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much is measured."""

    devices: int = 200
    channels: int = 10
    """Each message carries one of them, in turn."""
    rates: tuple[float, ...] = (100.0, 1_000.0)
    """Messages a second of the whole fleet."""
    lap_s: float = 20.0
    rounds: int = 3
    quiet_s: float = 6.0
    """More than the recorder's commit interval, so that no lap begins with the work of another."""


SHORT: Final = Plan(devices=4, channels=5, rates=(10.0,), lap_s=2.0, rounds=1, quiet_s=1.0)


class Sent(NamedTuple):
    """One message, and the state that it has to become."""

    packet: bytes
    entity: str
    """Entity id without `sensor.<lane>_`."""
    value: float


class Lap(NamedTuple):
    """One lane in one round, in ms."""

    middle: float
    p99: float
    shown: float
    """Share of the messages that became a state."""


type Laps = dict[str, list[Lap]]
"""By lane."""


async def measure(plan: Plan) -> list[Figure]:
    """Measure everything and return the figures; raises TestbedError when a message became no state."""
    folder = Path(mkdtemp(prefix="iiot-bench-"))
    about = machine.describe() | {
        "devices": plan.devices,
        "entities": plan.devices * plan.channels,
        "lap_s": plan.lap_s,
        "rounds": plan.rounds,
    }
    say(f"starting a broker, Home Assistant and {plan.devices} devices; logs are in {folder} until all has passed")
    async with Ground(folder, plan.devices, channels=plan.channels, settings=for_latency) as ground:
        await ground.join()
        run = _Run(ground, plan)
        await ground.set_state_interval(0)
        await run.settle()
        at_once = {rate: await run.rounds((OURS, SENSORS), rate) for rate in plan.rates}
        await ground.set_state_interval(DEFAULT_INTERVAL_S)
        await run.settle()
        throttled = {rate: await run.rounds((OURS,), rate, throttled=True) for rate in plan.rates}
        await ground.set_state_interval(0)
        ground.must_be_clean()
        ground.broker.nodelay = True
        await ground.broker.restart()
        await run.settle()
        nodelay = {rate: await run.rounds((OURS, SENSORS), rate) for rate in plan.rates}
        ground.must_be_clean()
    shutil.rmtree(folder)
    about["load_after"] = machine.load()
    return [
        *_compared("latency", at_once, about),
        *_throttled("latency.default_interval", throttled, about),
        *_compared("latency.tcp_nodelay", nodelay, about),
    ]


class _Run:
    def __init__(self, ground: Ground, plan: Plan) -> None:
        self._ground: Final = ground
        self._plan: Final = plan

    async def settle(self) -> None:
        """Give every entity a state: the first one of all costs more than those that follow.

        What comes while the hub starts anew is lost, so it is sent until all have one.
        """
        ground, plan = self._ground, self._plan
        for lane in (OURS, SENSORS):
            self._send_first(lane)
            await ground.until(lane, again=partial(self._send_first, lane), every_s=AGAIN_S)
        await cpu.until_quiet(ground.pid, cpu.QUIET_SHARE, plan.quiet_s, LIMIT_S)

    def _send_first(self, lane: str) -> None:
        made = self._make(lane, self._plan.devices * self._plan.channels, time.time_ns(), max(self._plan.rates))
        with Publisher(self._ground.broker_port) as publisher:
            publisher.send([one.packet for one in made], time.time_ns(), max(self._plan.rates))

    async def rounds(self, lanes: tuple[str, ...], rate: float, *, throttled: bool = False) -> Laps:
        """Run all rounds, each beginning with another lane; when `throttled`, messages may be overtaken."""
        laps: Laps = {lane: [] for lane in lanes}
        for number in range(self._plan.rounds):
            await self._ground.login()
            for lane in lanes if number % 2 == 0 else reversed(lanes):
                lap = await self._lap(lane, rate, throttled=throttled)
                laps[lane].append(lap)
                say(
                    f"{rate:,.0f} a second, round {number + 1} of {self._plan.rounds}, {lane}:"
                    f" median {lap.middle:.2f} ms, 99 % within {lap.p99:.2f} ms"
                )
        return laps

    async def _lap(self, lane: str, rate: float, *, throttled: bool) -> Lap:
        ground, plan = self._ground, self._plan
        start_ns = time.time_ns() + int(LEAD_S * NS_PER_S)
        made = await asyncio.to_thread(self._make, lane, int(rate * plan.lap_s), start_ns, rate)
        await ground.watch(lane)
        with Publisher(ground.broker_port) as publisher:
            packets = [one.packet for one in made]
            left = await asyncio.to_thread(publisher.send_one_by_one, packets, start_ns, rate)
        await cpu.until_quiet(ground.pid, cpu.QUIET_SHARE, plan.quiet_s, LIMIT_S)
        states = _by_value((await ground.witness("seen"))["seen"], lane)
        took = [
            (states[one.entity, one.value] - left_ns) / NS_PER_MS
            for one, left_ns in zip(made, left, strict=True)
            if (one.entity, one.value) in states
        ]
        if len(took) < len(made) and not throttled:
            message = f"{lane}: {len(made) - len(took)} of {len(made)} messages became no state"
            raise TestbedError(message)
        p99 = quantiles(took, n=100, method="inclusive")[-1]
        return Lap(middle=median(took), p99=p99, shown=len(took) / len(made))

    def _make(self, lane: str, count: int, start_ns: int, rate: float) -> list[Sent]:
        ground = self._ground
        devices = list(ground.fleet.devices.values()) if lane == OURS else ground.doubles
        found = []
        for number in range(count):
            device = devices[number % len(devices)]
            at_ns = start_ns + int(number * NS_PER_S / rate)
            if lane == OURS:
                message, topic = ground.fleet.turn(device, at_ns), topic_of(OURS, device.id, Leaf.DATA)
            else:
                message, topic = device.plain(at_ns), channel_topic(device, device.channel)
            entity = f"{device.id.rpartition('-')[2]}_{device.channel}"
            found.append(Sent(packet(topic, message), entity, device.value))
        return found


def _by_value(seen: list[tuple[str, str, int]], lane: str) -> dict[tuple[str, float], int]:
    """Time of each state by entity and value; within a lap no device says the same twice."""
    found = {}
    for entity_id, state, at_ns in seen:
        with suppress(ValueError):  # the health of a device, which is watched along with its readings
            found[entity_id.removeprefix(f"sensor.{lane}_"), round(float(state), DIGITS)] = at_ns
    return found


def _compared(prefix: str, laps_by_rate: dict[float, Laps], run: dict[str, Any]) -> list[Figure]:
    found = []
    for rate, laps in laps_by_rate.items():
        for name in ("p50", "p99"):
            at = 0 if name == "p50" else 1
            ours, theirs = ([lap[at] for lap in laps[lane]] for lane in (OURS, SENSORS))
            ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
            found.append(
                Figure(
                    name=f"{prefix}.{name}_ms_{rate:.0f}",
                    value=round(median(ours), 2),
                    unit="ms",
                    peer=PEER,
                    peer_value=round(median(theirs), 2),
                    ratio=round(median(ours) / median(theirs), 2),
                    low=round(min(ratios), 2),
                    high=round(max(ratios), 2),
                    run=run,
                )
            )
    return found


def _throttled(prefix: str, laps_by_rate: dict[float, Laps], run: dict[str, Any]) -> list[Figure]:
    found = []
    for rate, laps in laps_by_rate.items():
        found.append(_alone(f"{prefix}.p99_ms_{rate:.0f}", "ms", [lap.p99 for lap in laps[OURS]], run))
        found.append(_alone(f"{prefix}.states_{rate:.0f}", "states/message", [lap.shown for lap in laps[OURS]], run))
    return found


def _alone(name: str, unit: str, values: list[float], run: dict[str, Any]) -> Figure:
    low, high = round(min(values), 2), round(max(values), 2)
    return Figure(name=name, value=round(median(values), 2), unit=unit, low=low, high=high, run=run)
