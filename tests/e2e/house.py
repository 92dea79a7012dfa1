"""A house: one Home Assistant and the broker that it hears, as a person and a browser see them."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest_socket

from testbed.api import Api
from testbed.broker import Broker
from testbed.hass import HomeAssistant
from testbed.hass_log import problems
from testbed.plant import DOMAIN
from testbed.ports import LOOPBACK, free_ports

POLL_S = 0.25


async def until[T](
    look: Callable[[], Awaitable[T]], is_reached: Callable[[T], bool], what: str, *, within_s: float = 30.0
) -> T:
    """Look again and again until it is reached; fails with what was seen last."""
    deadline = time.monotonic() + within_s
    while not is_reached(seen := await look()):
        if time.monotonic() > deadline:
            message = f"after {within_s:.0f} s not yet {what}: {seen}"
            raise AssertionError(message)
        await asyncio.sleep(POLL_S)
    return seen


def allow_sockets() -> None:
    """Allow sockets, to the loopback address only; the test plugin forbids them before each test is set up."""
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts([LOOPBACK])


class Hub(Protocol):
    """A hub that was set up in the house."""

    entry_id: str


class View:
    """Home Assistant at one moment: registries and states."""

    def __init__(
        self,
        entry_id: str,
        devices: list[dict[str, Any]],
        entities: list[dict[str, Any]],
        subentries: list[dict[str, Any]],
        states: list[dict[str, Any]],
    ) -> None:
        self.devices = {one["id"]: one for one in devices if entry_id in one["config_entries"]}
        self.entities = {one["unique_id"]: one for one in entities if one["config_entry_id"] == entry_id}
        self.subentries = {one["unique_id"]: one["subentry_id"] for one in subentries}
        """Device id to subentry."""
        self.states = {one["entity_id"]: one for one in states}
        self._entry_id = entry_id

    def device(self, device_id: str) -> dict[str, Any]:
        """Return the device that stands for a piece of hardware."""
        wanted = [DOMAIN, f"{self._entry_id}:{self.subentries[device_id]}"]
        (found,) = (one for one in self.devices.values() if wanted in one["identifiers"])
        return found

    def state(self, device_id: str, key: str) -> dict[str, Any] | None:
        """Return the state of a channel, or of a figure of health; None when it has no state."""
        entity = self.entities.get(f"{self.subentries[device_id]}_{key}")
        return None if entity is None else self.states.get(entity["entity_id"])

    def value(self, device_id: str, key: str) -> str | None:
        """Return the bare state."""
        state = self.state(device_id, key)
        return None if state is None else state["state"]

    @property
    def entity_ids(self) -> set[str]:
        """Return the ids of all entities."""
        return {one["entity_id"] for one in self.entities.values()}

    @property
    def shape(self) -> Counter[tuple[str, str]]:
        """Return what a restart or an intruder must not change: devices and entities, with their ids and names."""
        devices = Counter((registry_id, one["name"]) for registry_id, one in self.devices.items())
        return devices + Counter((name, one["entity_id"]) for name, one in self.entities.items())


class States:
    """States as they are written."""

    def __init__(self, events: asyncio.Queue[Any]) -> None:
        self._events = events

    async def get(self) -> dict[str, Any]:
        """Return the next state; those that are taken away are left out."""
        while (state := (await self._events.get())["data"]["new_state"]) is None:
            pass
        found: dict[str, Any] = state
        return found


class House:
    """Home Assistant, the broker, and what they show."""

    def __init__(self, folder: Path, name: str) -> None:
        port, broker_port = free_ports(2)
        self.folder = folder
        self.broker = Broker(folder / "broker", broker_port)
        self.hass = HomeAssistant(folder / "hass", port=port, broker_port=broker_port, name=name)
        self.expected: list[re.Pattern[str]] = []
        """Warnings of ours that the present test provokes."""
        self._told = 0

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Api]:
        """Give a session of the owner."""
        async with self.hass.api() as api:
            yield api

    async def view(self, hub: Hub) -> View:
        """Look at one site as Home Assistant shows it."""
        async with self.hass.api() as api, await api.websocket() as socket:
            return View(
                hub.entry_id,
                await socket.call("config/device_registry/list"),
                await socket.call("config/entity_registry/list"),
                await socket.call("config_entries/subentries/list", entry_id=hub.entry_id),
                await api.states(),
            )

    async def facts(self, hub: Hub) -> dict[str, Any]:
        """Return the diagnostics of a site's hub."""
        async with self.hass.api() as api:
            text = await api.get(f"/api/diagnostics/config_entry/{hub.entry_id}")
        found: dict[str, Any] = (json.loads(text) if isinstance(text, str) else text)["data"]
        return found

    async def connections(self, hub: Hub) -> dict[str, str]:
        """Return the connection of each device of a site, by device id."""
        devices = (await self.facts(hub))["devices"]
        return {one["device_id"]: one.get("health", {}).get("connection", "-") for one in devices}

    async def until_saved(self, hub: Hub, *decided: str) -> None:
        """Wait until the disk holds the devices, the entities and what was decided, each by a word that names it.

        Home Assistant writes its registries seconds after a change: who kills it earlier gets other ids back.
        """
        view = await self.view(hub)
        wanted = view.devices.keys() | {one["id"] for one in view.entities.values()} | set(decided)

        async def unsaved() -> list[str]:
            folder = self.hass.folder / ".storage"
            stored = "".join(file.read_text(encoding="utf-8") for file in folder.glob("core.*"))
            return sorted(word for word in wanted if f'"{word}"' not in stored)

        await until(unsaved, lambda words: not words, "on the disk")

    async def cards(self, hub: Hub) -> dict[str, str]:
        """Return the discovery cards of a site: device id to flow."""
        async with self.hass.api() as api, await api.websocket() as socket:
            flows = await socket.call("config_entries/flow/progress")
        ours = (flow for flow in flows if flow["handler"] == DOMAIN)
        named = ((flow["context"].get("unique_id", "").partition(":"), flow["flow_id"]) for flow in ours)
        return {device_id: flow for (entry_id, _, device_id), flow in named if entry_id == hub.entry_id}

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[States]:
        """Give a queue into which every state goes that Home Assistant writes from now on."""
        async with (
            self.hass.api() as api,
            await api.websocket() as socket,
            socket.subscribe("subscribe_events", event_type="state_changed") as events,
        ):
            yield States(events)

    # --- the log -------------------------------------------------------------------------

    def forget_log(self) -> None:
        """Judge what is logged from now on."""
        self._told = len(self.hass.log())
        self.expected.clear()

    def expect(self, *lines: str) -> None:
        """Say which warnings the present test provokes (regular expressions)."""
        self.expected += [re.compile(line) for line in lines]

    def new_log(self) -> str:
        """Return what was logged since the test began."""
        return self.hass.log()[self._told :]

    def surprises(self) -> list[str]:
        """Return warnings and errors of ours that nobody expects."""
        return [one for one in problems(self.new_log()) if not any(known.search(one) for known in self.expected)]
