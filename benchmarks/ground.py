"""Where the messages go: a broker, one Home Assistant with the hub and its peers, and the fleet that has joined it."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from testbed import hass_config
from testbed.api import Api
from testbed.broker import Broker
from testbed.errors import TestbedError
from testbed.hass import HomeAssistant
from testbed.plant import add_hub, new_fleet_key, own_broker
from testbed.ports import free_ports

from .device import CHANNEL, Device
from .fleet import Fleet, devices
from .peers import CALLBACKS, COMPONENTS, OURS, SENSORS, WITNESS, Settings

JOIN_S: Final = 900.0
CALL_AGAIN_S: Final = 20.0
POLL_S: Final = 0.5


class Ground:
    """Everything that runs, in one folder; `async with` starts and ends it. The fleet joins by `join`."""

    def __init__(
        self,
        folder: Path,
        count: int,
        *,
        channels: int = 1,
        own: bool = False,
        settings: Callable[[Sequence[Device]], Settings],
    ) -> None:
        self.folder: Final = folder
        self.count: Final = count
        port, self.broker_port = free_ports(2)
        self.broker: Final = Broker(folder / "broker", self.broker_port)
        self.hass: Final = HomeAssistant(folder / "hass", port=port, broker_port=self.broker_port, name="Benchmark")
        key_hex = new_fleet_key(folder / "fleet.key")
        fleet_key = bytes.fromhex(key_hex)
        self.fleet: Final = Fleet(
            count=count, channels=channels, fleet_key=fleet_key, prefix=OURS, port=self.broker_port
        )
        self.doubles: Final = devices(count, fleet_key, channels)
        """Devices of the same keys that speak to the peers."""
        self._channels: Final = channels
        self._own: Final = own
        """Whether the hub has a connection of its own, else Home Assistant's."""
        self._settings: Final = settings(self.doubles)
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
        counts = await self.api.post(f"/api/services/{CALLBACKS}/counts?return_response", {})
        return int(counts["service_response"][lane])

    def state_writes(self, lane: str) -> int:
        """How many states of the lane's temperature entities the recorder holds."""
        query = (
            "SELECT count(*) FROM states JOIN states_meta USING (metadata_id)"
            " WHERE states_meta.entity_id LIKE ? ESCAPE '!'"
        )
        return _query(self.hass.folder / "home-assistant_v2.db", query, f"sensor.{lane}!_____!_{CHANNEL}")

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

    async def witness(self, ask: str, **members: Any) -> dict[str, Any]:
        """Ask the witness inside Home Assistant, see `watch_component`."""
        reply = await self.api.post(f"/api/services/{WITNESS}/{ask}?return_response", members)
        found: dict[str, Any] = reply["service_response"]
        return found

    async def watch(self, lane: str) -> None:
        """Let the witness note the states of a lane's entities from now on."""
        await self.api.act(WITNESS, "watch", {"prefix": f"sensor.{lane}_"})

    async def join(self) -> None:
        """Add the hub, let every device call, and again when it takes long, until all their entities are there."""
        broker = own_broker(self.broker_port) if self._own else None
        self._entry_id = await add_hub(self.api, name="Bench", prefix=OURS, fleet_key=self._key_hex, broker=broker)
        self.fleet.start()
        self._stack.callback(self.fleet.stop)
        await self.until(OURS, values=False, again=self.fleet.call)

    async def until(
        self,
        lane: str,
        *,
        values: bool = True,
        again: Callable[[], Any] | None = None,
        every_s: float = CALL_AGAIN_S,
    ) -> None:
        """Wait until all entities of a lane are there, with `values` or without; call `again` every so often."""
        begin = called = time.monotonic()
        while (there := await self._count(lane, values=values)) < self.count * self._channels:
            now = time.monotonic()
            if now - begin > JOIN_S:
                message = f"{lane}: {there} of {self.count * self._channels} entities\n{self.hass.process.tail()}"
                raise TestbedError(message)
            if again is not None and now - called > every_s:
                called = now
                again()
            await asyncio.sleep(POLL_S)

    async def _count(self, lane: str, *, values: bool) -> int:
        told = await self.witness("live", prefix=f"sensor.{lane}_", part=f"_{CHANNEL}")
        return int(told["live" if values else "there"])

    def must_be_clean(self) -> None:
        """Raise TestbedError when the integration logged a warning or an error."""
        if problems := self.hass.problems():
            message = "\n".join(["the integration logged warnings or errors:", *problems[:10]])
            raise TestbedError(message)

    async def set_state_interval(self, seconds: float) -> None:
        """Choose the shortest time between two states, as a person does; the hub starts anew."""
        flow = "/api/config/config_entries/options/flow"
        menu = await self.api.post(flow, {"handler": self._entry_id})
        form = await self.api.post(f"{flow}/{menu['flow_id']}", {"next_step_id": "preferences"})
        answers = {part["name"]: _defaults(part["schema"]) for part in form["data_schema"]}
        answers["traffic"]["state_interval"] = seconds
        done = await self.api.post(f"{flow}/{form['flow_id']}", answers)
        if done["type"] != "create_entry":
            message = f"the state interval was refused: {done.get('errors')}"
            raise TestbedError(message)

    async def _start(self) -> None:
        self._configure()
        self._stack.push_async_callback(self.broker.stop)
        await self.broker.start()
        self._stack.push_async_callback(self.hass.stop)
        await self.hass.start()
        self._api = await self._stack.enter_async_context(self.hass.api())

    def _configure(self) -> None:
        folder = self.hass.folder
        hass_config.prepare(folder, port=self.hass.port, broker_port=self.broker_port, name="Benchmark")
        components = folder / "custom_components"
        # A regular package: otherwise the folder of that name in the present directory would be taken instead.
        (components / "__init__.py").touch()
        for name, source in COMPONENTS.items():
            if name in self._settings:
                (components / name).symlink_to(source, target_is_directory=True)
        with (folder / "configuration.yaml").open("a", encoding="utf-8") as file:
            file.writelines(f"{name}: {json.dumps(part)}\n" for name, part in self._settings.items())


def _defaults(schema: list[dict[str, Any]]) -> dict[str, Any]:
    """Answers of a form's section that leave everything as it is."""
    return {field["name"]: field["description"]["suggested_value"] for field in schema}


def _query(file: Path, query: str, *arguments: str) -> int:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return int(database.execute(query, arguments).fetchone()[0])
