"""Where the messages go: a broker, one Home Assistant with the hub and its peers, and the fleet that has joined it."""

import asyncio
import json
import sqlite3
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from iiot_engine.values import Leaf
from iiot_engine.wire.topics import topic_of
from testbed import hass_config
from testbed.api import Api
from testbed.broker import Broker
from testbed.errors import TestbedError
from testbed.hass import HomeAssistant
from testbed.plant import add_hub, new_fleet_key
from testbed.ports import free_ports

from .device import CHANNEL, UNIT, Device
from .fleet import Fleet, devices

OURS: Final = "bench"
SENSORS: Final = "peer"
BARE: Final = "bare"
MAC: Final = "mac"
COMPONENT: Final = "iiot_bench_peer"
JOIN_S: Final = 180.0
CALL_AGAIN_S: Final = 20.0


class Ground:
    """Everything that runs, in one folder; `async with` starts and ends it."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder: Final = folder
        self.count: Final = count
        port, self.broker_port = free_ports(2)
        self._broker: Final = Broker(folder / "broker", self.broker_port)
        self.hass: Final = HomeAssistant(folder / "hass", port=port, broker_port=self.broker_port, name="Benchmark")
        key_hex = new_fleet_key(folder / "fleet.key")
        fleet_key = bytes.fromhex(key_hex)
        self.fleet: Final = Fleet(count=count, fleet_key=fleet_key, prefix=OURS, port=self.broker_port)
        self.doubles: Final = devices(count, fleet_key)
        """Devices of the same keys that speak to the peers."""
        self._key_hex: Final = key_hex
        self._entry_id = ""
        self._stack: Final = AsyncExitStack()
        self._api: Api | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def pid(self) -> int:
        """Process id of Home Assistant."""
        return self.hass.process.pid

    async def arrived(self, lane: str) -> int:
        """How many messages have arrived by what they left behind: journal, recorder or counter."""
        if lane == OURS:
            journal = self.hass.folder / "iiot" / self._entry_id / "intake.sqlite"
            return _query(journal, "SELECT count(*) FROM frames WHERE topic LIKE '%/data'")
        if lane == SENSORS:
            return self.state_writes(SENSORS)
        counts = await self.api.post(f"/api/services/{COMPONENT}/counts?return_response", {})
        return int(counts["service_response"][lane])

    def state_writes(self, lane: str) -> int:
        """How many states of the lane's temperature entities the recorder holds."""
        query = (
            "SELECT count(*) FROM states JOIN states_meta USING (metadata_id)"
            " WHERE states_meta.entity_id LIKE ? ESCAPE '!'"
        )
        return _query(self.hass.folder / "home-assistant_v2.db", query, f"sensor.{lane}!____!_{CHANNEL}")

    async def shown(self, lane: str) -> dict[str, str]:
        """States of the lane's temperature entities, by number of the device."""
        return {
            state["entity_id"].split("_")[1]: state["state"]
            for state in await self.api.states()
            if state["entity_id"].startswith(f"sensor.{lane}_") and state["entity_id"].endswith(f"_{CHANNEL}")
        }

    @property
    def api(self) -> Api:
        """The owner's session."""
        assert self._api is not None, "use it inside `async with`"
        return self._api

    async def login(self) -> None:
        """Renew the session, which holds for half an hour."""
        await self.api.login("demo", "demo")

    async def _start(self) -> None:
        self._configure()
        self._stack.push_async_callback(self._broker.stop)
        await self._broker.start()
        self._stack.push_async_callback(self.hass.stop)
        await self.hass.start()
        self._api = await self._stack.enter_async_context(self.hass.api())
        self._entry_id = await add_hub(self._api, name="Bench", prefix=OURS, fleet_key=self._key_hex)
        self.fleet.start()
        self._stack.callback(self.fleet.stop)
        await self._until_joined()

    def _configure(self) -> None:
        folder = self.hass.folder
        hass_config.prepare(folder, port=self.hass.port, broker_port=self.broker_port, name="Benchmark")
        components = folder / "custom_components"
        # A regular package: otherwise the folder of that name in the present directory would be taken instead.
        (components / "__init__.py").touch()
        (components / COMPONENT).symlink_to(Path(__file__).parent / "peer_component", target_is_directory=True)
        keys = {topic_of(MAC, device.id, Leaf.DATA): device.key.hex() for device in self.doubles}
        settings = {
            "mqtt": {"sensor": [_sensor(device) for device in self.doubles]},
            COMPONENT: {"bare": BARE, "mac": MAC, "keys": keys},
        }
        with (folder / "configuration.yaml").open("a", encoding="utf-8") as file:
            file.writelines(f"{name}: {json.dumps(part)}\n" for name, part in settings.items())

    async def _until_joined(self) -> None:
        begin = called = time.monotonic()
        while len(await self.shown(OURS)) < self.count:
            now = time.monotonic()
            if now - begin > JOIN_S:
                message = (
                    f"{len(await self.shown(OURS))} of {self.count} devices have joined\n{self.hass.process.tail()}"
                )
                raise TestbedError(message)
            if now - called > CALL_AGAIN_S:
                called = now
                self.fleet.call()
            await asyncio.sleep(1)


def _sensor(device: Device) -> dict[str, Any]:
    number = device.id.rpartition("-")[2]
    return {
        "name": f"Peer {number} {CHANNEL}",
        "unique_id": f"peer-{number}",
        "state_topic": topic_of(SENSORS, device.id, Leaf.DATA),
        "value_template": f"{{{{ value_json.{CHANNEL} }}}}",
        "unit_of_measurement": UNIT,
        "device_class": "temperature",
        "state_class": "measurement",
    }


def _query(file: Path, query: str, *arguments: str) -> int:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return int(database.execute(query, arguments).fetchone()[0])
