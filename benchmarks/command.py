"""From an action to the device's signed answer, over Mosquitto at QoS 2; a fleet slept, woken and polled.

A witness inside Home Assistant calls the action for each device by itself and notes how long it took, so what is
measured is all of it: target, journal, signature, broker, device, broker, check. The devices are one process beside
Home Assistant, and answer at once. Both kinds of connection are measured one after the other, each with Mosquitto as it
comes and with its `set_tcp_nodelay true`.
"""

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from tempfile import mkdtemp
from typing import Any, Final

from testbed.errors import TestbedError

from . import cpu, machine, polling
from .device import CHANNEL
from .figure import Figure
from .ground import Ground
from .peers import for_fleet
from .progress import say

LIMIT_S: Final = 300.0
LOOK_S: Final = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much is measured."""

    devices: int = 100
    """Asked at once."""
    alone: int = 200
    """Commands one after the other."""
    rounds: int = 20
    """Of all devices at once."""
    fleet: int = 1_000
    """Slept and woken."""
    poll_s: float = 10.0
    """Interval at which each device of it is polled."""
    polls: int = 6
    """Intervals that are watched."""
    quiet_s: float = 5.0


SHORT: Final = Plan(devices=3, alone=3, rounds=2, fleet=4, poll_s=2.0, polls=2, quiet_s=1.0)


async def measure(plan: Plan) -> list[Figure]:
    """Measure everything and return the figures; raises TestbedError when a command was not done."""
    about = machine.describe() | {"devices": plan.devices, "rounds": plan.rounds, "fleet": plan.fleet}
    found: list[Figure] = []
    for own in (False, True):
        folder = Path(mkdtemp(prefix="iiot-bench-"))
        connection = "a connection of its own" if own else "Home Assistant's connection"
        say(f"{connection}: starting a broker, Home Assistant and {plan.devices} devices; logs are in {folder}")
        async with Ground(folder, plan.devices, own=own, settings=for_fleet) as ground:
            run = await _Run.begin(ground, plan)
            prefix = "command.own." if own else "command."
            found += await _commands(run, prefix, about)
            ground.must_be_clean()  # before the hub has reason to say that its broker is away
            ground.broker.nodelay = True
            await ground.broker.restart()
            await run.until_back()
            found += await _commands(run, f"{prefix}tcp_nodelay.", about)
        shutil.rmtree(folder)
    folder = Path(mkdtemp(prefix="iiot-bench-"))
    say(f"a fleet of {plan.fleet}; logs are in {folder}")
    async with Ground(folder, plan.fleet, own=True, settings=for_fleet) as ground:
        run = await _Run.begin(ground, plan)
        found += await _sleep_and_wake(run, about)
        await run.poll_every(plan.poll_s)
        polled = await polling.watch(ground.fleet, plan.poll_s, plan.polls)
        found += polled.figures(plan.fleet, about)
        ground.must_be_clean()
    shutil.rmtree(folder)
    about["load_after"] = machine.load()
    return found


class _Run:
    def __init__(self, ground: Ground, plan: Plan, device_ids: list[str]) -> None:
        self.ground: Final = ground
        self.plan: Final = plan
        self.device_ids: Final = device_ids
        """Of Home Assistant's registry."""

    @classmethod
    async def begin(cls, ground: Ground, plan: Plan) -> _Run:
        """Let all devices join, and wait until none of it is left to do."""
        await ground.join()
        async with await ground.api.websocket() as socket:
            devices = await socket.call("config/device_registry/list")
        ours = [one["id"] for one in devices if one["config_subentry_id"] and one["model"] == "benchmark"]
        if len(ours) != ground.count:
            message = f"{len(ours)} of {ground.count} devices are in the registry"
            raise TestbedError(message)
        await cpu.until_quiet(ground.pid, cpu.QUIET_SHARE, plan.quiet_s, LIMIT_S)
        return cls(ground, plan, ours)

    async def ask(self, device_ids: list[str]) -> list[float]:
        """Ask devices, all at once; gives ms of each."""
        reply = await self.ground.witness("ask", device_ids=device_ids)
        wrong = {str(outcome) for _, *outcome in reply["took"] if outcome != ["done"]}
        if wrong:
            message = f"commands were not done: {', '.join(wrong)}"
            raise TestbedError(message)
        return [took_ms for took_ms, *_ in reply["took"]]

    async def until_back(self) -> None:
        """Wait until everybody has found the broker again."""
        end = time.monotonic() + LIMIT_S
        while True:
            reply = await self.ground.witness("ask", device_ids=self.device_ids)
            if all(outcome == ["done"] for _, *outcome in reply["took"]):
                return
            if time.monotonic() > end:
                raise TestbedError("the devices do not obey after the broker came back")
            self.ground.fleet.call()
            await asyncio.sleep(1.0)

    async def call_all(self, name: str, fields: dict[str, Any]) -> dict[str, int]:
        """Call an action once for all devices; gives how many came to each outcome."""
        path = f"/api/services/iiot/{name}?return_response"
        reply = await self.ground.api.post(path, {"device_id": self.device_ids, **fields})
        outcomes = [found["status"] for found in reply["service_response"]["devices"].values()]
        return {outcome: outcomes.count(outcome) for outcome in set(outcomes)}

    async def poll_every(self, interval_s: float) -> None:
        """Let every device be asked for its reading on a schedule."""
        policy = {"polling": {"interval_s": interval_s, "channels": [CHANNEL]}}
        reply = await self.ground.api.post(
            "/api/services/iiot/set_policy?return_response", {"device_id": self.device_ids, "policy": policy}
        )
        told = reply["service_response"]["devices"].values()
        if wrong := [found["reason"] for found in told if found.get("reason")]:
            message = f"the polling was refused: {wrong[0]}"
            raise TestbedError(message)

    async def until(self, command: str, step: str, is_there: Callable[[int], bool]) -> int:
        """Wait until so many commands came to a step; gives when the last one did, in ns."""
        end = time.monotonic() + LIMIT_S
        while True:
            told = await self.ground.witness("steps")
            count = told["steps"].get(command, {}).get(step, 0)
            if is_there(count):
                return int(told["last_ns"])
            if time.monotonic() > end:
                message = f"{command}: {count} are {step} after {LIMIT_S:.0f} s: {told['steps']}"
                raise TestbedError(message)
            await asyncio.sleep(LOOK_S)


async def _commands(run: _Run, prefix: str, about: dict[str, Any]) -> list[Figure]:
    plan = run.plan
    await run.ask(run.device_ids)  # reserves down numbers, and warms up
    alone = []
    for number in range(plan.alone):
        alone += await run.ask([run.device_ids[number % len(run.device_ids)]])
    at_once = []
    for _ in range(plan.rounds):
        at_once += await run.ask(run.device_ids)
        await asyncio.sleep(1.0)
    say(f"alone: median {median(alone):.1f} ms; {plan.devices} at once: median {median(at_once):.1f} ms")
    found = []
    for count, took in ((1, alone), (plan.devices, at_once)):
        p99 = quantiles(took, n=100, method="inclusive")[-1]
        found.append(_figure(f"{prefix}p50_ms_{count}", median(took), "ms", about))
        found.append(_figure(f"{prefix}p99_ms_{count}", p99, "ms", about))
    return found


async def _sleep_and_wake(run: _Run, about: dict[str, Any]) -> list[Figure]:
    fleet, everybody = run.ground.fleet, len(run.device_ids)
    begin = time.monotonic()
    outcomes = await run.call_all("sleep", {"duration": 3600, "lifetime": 300})
    slept_s = time.monotonic() - begin
    if outcomes != {"done": everybody}:
        message = f"sleep: {outcomes}"
        raise TestbedError(message)
    say(f"{everybody} devices sleep after {slept_s:.1f} s")
    await cpu.until_quiet(run.ground.pid, cpu.QUIET_SHARE, run.plan.quiet_s, LIMIT_S)
    begin = time.monotonic()
    outcomes = await run.call_all("awake", {"lifetime": 300})
    asked_s = time.monotonic() - begin
    if outcomes != {"requested": everybody}:
        message = f"awake: {outcomes}"
        raise TestbedError(message)
    begin_ns = time.monotonic_ns()
    await asyncio.to_thread(fleet.wake)
    last_ns = await run.until("awake", "done", lambda count: count >= everybody)
    woke_s = (last_ns - begin_ns) / 1e9
    say(f"the call took {asked_s:.1f} s; {woke_s:.1f} s after they came back all are told to stay awake")
    return [
        _figure(f"command.sleep_{everybody}_s", slept_s, "s", about),
        _figure(f"command.awake_{everybody}_asked_s", asked_s, "s", about),
        _figure(f"command.awake_{everybody}_s", woke_s, "s", about),
    ]


def _figure(name: str, value: float, unit: str, about: dict[str, Any]) -> Figure:
    return Figure(name=name, value=round(value, 2), unit=unit, run=about)
