"""A real Mosquitto with simulated devices at it, and the program `iiotctl` beside them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from iiot_ctl import cli
from iiot_sim import cli as sim
from iiot_sim.run import Run
from iiot_sim.scenario import load
from testbed.broker import Broker as Mosquitto
from testbed.ports import LOOPBACK, free_ports
from tests.simulator.world import FLEET_KEY

SOON_S = 20.0
PLANT = """
title = "one that can be set, one that is polled, one that sleeps"
[timing]
listen_s = 60
[[devices]]
name = "Ventilation"
interval_s = 2
sample_s = 1
[devices.actuators.speed]
name = "Speed"
kind = "number"
min = 0
max = 100
channel = "speed"
start = 40
[devices.channels.speed]
name = "Speed"
unit = "%"
[[devices]]
name = "Scale"
interval_s = 2
sample_s = 1
channels.weight = { name = "Weight", unit = "g", mode = "poll", signal = { shape = "walk", min = 1, max = 9 } }
channels.zero = { name = "Zero", signal = { shape = "walk", min = 1, max = 9 } }
[[devices]]
name = "Basin"
interval_s = 60
sample_s = 20
sleep_s = 3600
channels.level = { name = "Level", unit = "cm", signal = { shape = "walk", min = 1, max = 9 } }
"""


@dataclass
class Field:
    """What stands there, and how the program is called."""

    folder: Path
    mosquitto: Mosquitto
    run: Run
    capsys: pytest.CaptureFixture[str]

    def id_of(self, name: str) -> str:
        return next(one.device.profile.id for one in self.run.fleet.carried if one.device.profile.name == name)

    @property
    def way(self) -> list[str]:
        """Options that lead to this broker."""
        key = str(self.folder / "fleet.key")
        return ["--broker", f"{LOOPBACK}:{self.mosquitto.port}", "--fleet-key-file", key, "--listen", "0.5s"]

    async def ctl(self, *arguments: str) -> tuple[int, str]:
        """Call the program at this broker; gives its exit code and what it said."""
        return await self.bare(*arguments, *self.way)

    def reported(self, name: str, channel: str) -> object:
        device = next(one.device for one in self.run.fleet.carried if one.device.profile.name == name)
        return device.actuators.reported(channel)

    async def bare(self, *arguments: str) -> tuple[int, str]:
        """Call the program with nothing added."""
        self.capsys.readouterr()
        code = await asyncio.to_thread(cli.main, list(arguments))
        told = self.capsys.readouterr()
        assert FLEET_KEY.hex() not in told.out + told.err
        return code, told.out + told.err

    async def facts(self, *arguments: str) -> tuple[int, Any]:
        """Call the program for JSON."""
        code, text = await self.ctl(*arguments, "--json")
        return code, json.loads(text)


@asynccontextmanager
async def a_field(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Field]:
    """Give a field whose devices are all connected."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    for name in ("IIOTCTL_URL", "IIOTCTL_TOKEN", "IIOTCTL_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    mosquitto = Mosquitto(folder / "broker", free_ports(1)[0])
    await mosquitto.start()
    key = folder / "fleet.key"
    key.write_text(FLEET_KEY.hex())
    facts = ["--broker", f"{LOOPBACK}:{mosquitto.port}", "--fleet-key-file", str(key), "--forget", "--quiet"]
    scenario = folder / "plant.toml"
    scenario.write_text(PLANT)
    options = sim._parser().parse_args(["run", str(scenario), *facts])
    run = Run(load(str(scenario)), options)
    living = asyncio.create_task(run.live())
    try:
        async with asyncio.timeout(SOON_S):
            while not all(one.device.is_connected for one in run.fleet.carried):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        yield Field(folder, mosquitto, run, capsys)
    finally:
        run._keys.put_nowait("q")
        await living
        await mosquitto.stop()
