"""A fleet of 1,000 with four readings each: how long it takes to join, to come back, and what memory it needs.

Two Home Assistants, one after the other: in the first the devices join a hub, in the second they announce themselves to
Home Assistant's own MQTT integration, by device discovery. Before any of it both are started twice without devices, so
that the second start tells what a start costs by itself.
"""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, NamedTuple

import orjson

from iiot_engine.values import Leaf
from iiot_engine.wire.topics import topic_of
from testbed.errors import TestbedError

from . import cpu, fleet_in_engine, machine
from .figure import Figure
from .ground import Ground
from .memory import pss_kib
from .peers import OURS, SENSORS, discovery, for_fleet
from .progress import say
from .publisher import Publisher, packet

LIMIT_S: Final = 900.0
RATE: Final = 200.0
"""Messages a second while the fleet joins: a site that is switched on."""
PEER: Final = "Home Assistant's MQTT device discovery"
BARE: Final = "Home Assistant without devices"
MIB: Final = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much is measured."""

    devices: int = 1_000
    channels: int = 4
    quiet_s: float = 15.0
    engine_devices: int = 10_000
    engine_few: int = 200
    engine_messages: int = 100_000
    engine_rounds: int = 3


SHORT: Final = Plan(
    devices=5, channels=2, quiet_s=2.0, engine_devices=50, engine_few=5, engine_messages=500, engine_rounds=1
)


class Took(NamedTuple):
    """What something took."""

    seconds: float
    """Until it was done."""
    cpu_s: float
    """Of Home Assistant, until it was quiet again."""


class Lane(NamedTuple):
    """One way to have the fleet in Home Assistant."""

    bare_start: Took
    bare_kib: int
    join: Took
    kib: int
    restart: Took


async def measure(plan: Plan) -> list[Figure]:
    """Measure everything and return the figures; raises TestbedError when a device did not come."""
    run = machine.describe() | {"devices": plan.devices, "channels": plan.channels}
    lanes = {}
    for lane, join in ((OURS, _join_hub), (SENSORS, _announce)):
        folder = Path(mkdtemp(prefix="iiot-bench-"))
        say(f"{lane}: starting a broker and Home Assistant; logs are in {folder} until all has passed")
        async with Ground(folder, plan.devices, channels=plan.channels, settings=for_fleet) as ground:
            lanes[lane] = await _measure_lane(ground, plan, lane, join)
            ground.must_be_clean()
        shutil.rmtree(folder)
    run["load_after"] = machine.load()
    engine = await asyncio.to_thread(
        fleet_in_engine.measure, plan.engine_devices, plan.engine_few, plan.engine_messages, plan.engine_rounds, run
    )
    return _figures(lanes[OURS], lanes[SENSORS], plan.devices, run) + engine


async def _measure_lane(ground: Ground, plan: Plan, lane: str, join: Callable[[Ground], Awaitable[None]]) -> Lane:
    await _until_quiet(ground, plan)
    bare_start = await _restart(ground, plan, lane, fleet=False)
    bare_kib = pss_kib(ground.pid)
    before, begin = cpu.used_s(ground.pid), time.monotonic()
    await join(ground)
    await ground.until(lane)
    seconds = time.monotonic() - begin
    await _until_quiet(ground, plan)
    joined = Took(seconds, cpu.used_s(ground.pid) - before)
    say(f"{lane}: {plan.devices} devices joined in {joined.seconds:.0f} s and {joined.cpu_s:.0f} CPU s")
    kib = pss_kib(ground.pid)
    restart = await _restart(ground, plan, lane, fleet=True)
    say(f"{lane}: all back {restart.seconds:.0f} s after a start, without devices {bare_start.seconds:.0f} s")
    return Lane(bare_start, bare_kib, joined, kib, restart)


async def _join_hub(ground: Ground) -> None:
    """Every device calls, and again when it takes long; when all have entities, each sends a reading."""
    await ground.join()
    await _send(ground, ground.fleet.signed(ground.count, time.time_ns(), RATE))


async def _announce(ground: Ground) -> None:
    """Every device announces its sensors, and when all are there sends a reading. Both are retained."""
    announced = [
        packet(f"homeassistant/device/{device.id}/config", orjson.dumps(discovery(device)), retain=True)
        for device in ground.doubles
    ]
    await _send(ground, announced)
    await ground.until(SENSORS, values=False)
    now_ns = time.time_ns()
    readings = [
        packet(topic_of(SENSORS, device.id, Leaf.DATA), device.plain_all(now_ns), retain=True)
        for device in ground.doubles
    ]
    await _send(ground, readings)


async def _send(ground: Ground, packets: list[bytes]) -> None:
    with Publisher(ground.broker_port) as publisher:
        await asyncio.to_thread(publisher.send, packets, time.time_ns(), RATE)


async def _restart(ground: Ground, plan: Plan, lane: str, *, fleet: bool) -> Took:
    """Stop in order, and start until Home Assistant runs and, with a `fleet`, every reading has its value again."""
    await ground.hass.stop()
    begin = time.monotonic()
    await ground.hass.start()
    await ground.login()
    if fleet:
        await ground.until(lane)
    seconds = time.monotonic() - begin
    await _until_quiet(ground, plan)
    return Took(seconds, cpu.used_s(ground.pid))


async def _until_quiet(ground: Ground, plan: Plan) -> None:
    if not await cpu.until_quiet(ground.pid, cpu.QUIET_SHARE, plan.quiet_s, LIMIT_S):
        message = f"Home Assistant is not quiet after {LIMIT_S:.0f} s"
        raise TestbedError(message)


def _figures(ours: Lane, theirs: Lane, devices: int, run: dict[str, Any]) -> list[Figure]:
    def figure(name: str, unit: str, mine: float, other: float, peer: str) -> Figure:
        ratio = round(mine / other, 2)
        return Figure(
            name=f"fleet.{name}",
            value=round(mine, 2),
            unit=unit,
            peer=peer,
            peer_value=round(other, 2),
            ratio=ratio,
            run=run,
        )

    def of_each(total: float) -> float:
        return total / devices

    return [
        figure("join_s", "s", ours.join.seconds, theirs.join.seconds, PEER),
        figure("join_cpu_s", "CPU s/device", of_each(ours.join.cpu_s), of_each(theirs.join.cpu_s), PEER),
        figure("restart_s", "s", ours.restart.seconds, theirs.restart.seconds, PEER),
        figure("restart_cpu_s", "CPU s", ours.restart.cpu_s, theirs.restart.cpu_s, PEER),
        figure("restart_over_bare_s", "s", ours.restart.seconds, ours.bare_start.seconds, BARE),
        figure("memory_mib", "MiB", ours.kib / MIB, ours.bare_kib / MIB, BARE),
        figure(
            "memory_kib", "KiB/device", of_each(ours.kib - ours.bare_kib), of_each(theirs.kib - theirs.bare_kib), PEER
        ),
    ]
