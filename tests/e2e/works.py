"""The works that most tests share: one broker, one Home Assistant, three sites on it, and the plants of two."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iiot_engine.wire import signing
from iiot_sim.profile import Profile
from iiot_sim.scenario import load
from testbed.api import Api
from testbed.broker import Broker
from testbed.hass import HomeAssistant
from testbed.hass_log import problems
from testbed.plant import DOMAIN, Plant, add_hub, new_fleet_key
from testbed.ports import free_ports

from .ledger import Identity, Journal, Produced, produced

LIVE = ("live", "asleep")
LIVE_WITHIN_S = 90.0
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


def speaks(device: dict[str, Any]) -> bool:
    """Whether a device, as diagnostics describe it, is live and was heard since the hub's start; or asleep."""
    connection = device.get("health", {}).get("connection")
    return bool(connection == "asleep" or (connection == "live" and device["messages"]))


@dataclass(kw_only=True, slots=True)
class Site:
    """One hub and the plant below its prefix."""

    name: str
    prefix: str
    discovery: str
    scenario: str
    options: tuple[str, ...]
    plant: Plant
    fleet_key: bytes
    knows_fleet_key: bool = True
    entry_id: str = ""
    starts: int = 0
    """How often the plant was started."""
    started_s: float = 0.0
    """When the plant was started last, Unix seconds."""
    profiles: dict[str, Profile] = field(default_factory=dict)

    @property
    def numbered(self) -> set[str]:
        """Devices that number their rows."""
        return {device_id for device_id, profile in self.profiles.items() if profile.confirms}

    def key_of(self, device_id: str) -> bytes:
        """Return the key that a device derives from its fleet key."""
        return signing.derive_device_key(self.fleet_key, device_id, 1)

    async def start_plant(self) -> None:
        """Let the devices live; each row that they make is recorded."""
        await self.plant.start(self.scenario, "--record", *self.options)
        self.started_s = time.time()
        self.starts += 1


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
    def shape(self) -> tuple[Counter[str], set[str], dict[str, str]]:
        """Return what a restart or an intruder must not change: devices, entities, and their ids."""
        devices = Counter(one["name"] for one in self.devices.values())
        return devices, set(self.devices), {name: one["entity_id"] for name, one in self.entities.items()}


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


class Works:
    """All that runs. What a test stops or kills it starts again."""

    def __init__(self, folder: Path) -> None:
        port, broker_port = free_ports(2)
        self.folder = folder
        self.broker = Broker(folder / "broker", broker_port)
        self.hass = HomeAssistant(folder / "hass", port=port, broker_port=broker_port, name="The works")
        self.expected: list[re.Pattern[str]] = []
        """Warnings of ours that the present test provokes."""
        self.startup_problems: list[str] = []
        """What was logged against expectation until all devices were live."""
        self._told = 0
        self.factory = self._site("Factory", "iiot", "verified", "plant-40", ("--speed", "5"))
        self.yard = self._site("Yard", "works/yard", "verified", "outage", ())
        self.workshop = self._site("Workshop", "workshop", "ask", "outage", ("--devices", "2", "--seed", "7"))
        self.workshop.knows_fleet_key = False

    def _site(self, name: str, prefix: str, discovery: str, scenario: str, options: tuple[str, ...]) -> Site:
        file = self.folder / f"{name.lower()}.key"
        key = new_fleet_key(file)
        plant = Plant(self.folder / name.lower(), broker_port=self.broker.port, fleet_key_file=file, prefix=prefix)
        named = dict(zip(options[::2], options[1::2], strict=True))
        count = int(named["--devices"]) if "--devices" in named else None
        profiles = load(scenario, seed=int(named.get("--seed", 1)), devices=count).profiles
        return Site(
            name=name,
            prefix=prefix,
            discovery=discovery,
            scenario=scenario,
            options=options,
            plant=plant,
            fleet_key=bytes.fromhex(key),
            profiles={profile.id: profile for profile in profiles},
        )

    @property
    def sites(self) -> tuple[Site, Site]:
        """The sites whose plants always run."""
        return self.factory, self.yard

    @property
    def processes(self) -> list[Any]:
        """Everything that may have been started, the broker first."""
        plants = [site.plant.process for site in (*self.sites, self.workshop)]
        return [self.broker.process, self.hass.process, *plants]

    async def start(self) -> None:
        """Start everything, and wait until all devices of the two plants have joined and are live."""
        await self.broker.start()
        await self.hass.start()
        async with self.hass.api() as api:
            for site in (*self.sites, self.workshop):
                site.entry_id = await add_hub(
                    api,
                    name=site.name,
                    prefix=site.prefix,
                    fleet_key=site.fleet_key.hex() if site.knows_fleet_key else None,
                    discovery=site.discovery,
                )
        for site in self.sites:
            await site.start_plant()
        await self.until_live()
        self.startup_problems = self.surprises()

    # --- Home Assistant ------------------------------------------------------------------

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Api]:
        """Give a session of the owner."""
        async with self.hass.api() as api:
            yield api

    async def view(self, site: Site) -> View:
        """Look at one site as Home Assistant shows it."""
        async with self.hass.api() as api, await api.websocket() as socket:
            return View(
                site.entry_id,
                await socket.call("config/device_registry/list"),
                await socket.call("config/entity_registry/list"),
                await socket.call("config_entries/subentries/list", entry_id=site.entry_id),
                await api.states(),
            )

    async def facts(self, site: Site) -> dict[str, Any]:
        """Return the diagnostics of a site's hub."""
        async with self.hass.api() as api:
            text = await api.get(f"/api/diagnostics/config_entry/{site.entry_id}")
        found: dict[str, Any] = (json.loads(text) if isinstance(text, str) else text)["data"]
        return found

    async def connections(self, site: Site) -> dict[str, str]:
        """Return the connection of each device of a site, by device id."""
        devices = (await self.facts(site))["devices"]
        return {one["device_id"]: one.get("health", {}).get("connection", "-") for one in devices}

    async def until_live(self, *sites: Site) -> None:
        """Wait until every device has spoken since the hub's start, and is live; or asleep."""
        for site in sites or self.sites:

            async def silent(site: Site = site) -> list[str]:
                devices = {one["device_id"]: one for one in (await self.facts(site))["devices"]}
                return [profile.name for name, profile in site.profiles.items() if not speaks(devices.get(name, {}))]

            await until(silent, lambda names: not names, f"live in the {site.name}", within_s=LIVE_WITHIN_S)

    async def cards(self, site: Site) -> dict[str, str]:
        """Return the discovery cards of a site: device id to flow."""
        async with self.hass.api() as api, await api.websocket() as socket:
            flows = await socket.call("config_entries/flow/progress")
        ours = (flow for flow in flows if flow["handler"] == DOMAIN)
        named = ((flow["context"].get("unique_id", "").partition(":"), flow["flow_id"]) for flow in ours)
        return {device_id: flow for (entry_id, _, device_id), flow in named if entry_id == site.entry_id}

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

    # --- rows ----------------------------------------------------------------------------

    def produced(self, site: Site) -> Produced:
        """Read what the numbered devices of a site have made, and what they still keep."""
        return produced(site.plant.folder, site.numbered)

    def journal(self, site: Site) -> Journal:
        """Read the journal of a site from the disk."""
        keys = {device_id: site.key_of(device_id) for device_id in site.profiles}
        return Journal(self.hass.folder / DOMAIN / site.entry_id / "intake.sqlite", keys)

    async def until_all_answered(self) -> list[tuple[Site, Produced]]:
        """Wait until everything that both plants have made so far was answered."""
        made = await asyncio.gather(*(self.until_answered(site) for site in self.sites))
        return list(zip(self.sites, made, strict=True))

    async def until_answered(self, site: Site, *, within_s: float = 90.0) -> Produced:
        """Wait until everything made so far was answered; gives back what was made."""
        made = self.produced(site)

        async def unanswered() -> list[Identity]:
            return sorted(made.rows.keys() & self.produced(site).kept)

        await until(unanswered, lambda rows: not rows, f"answered in the {site.name}", within_s=within_s)
        return made

    async def mend(self) -> None:
        """Start again what a failed test left behind."""
        for start, process in (
            (self.broker.start, self.broker.process),
            (self.hass.start, self.hass.process),
            *((site.start_plant, site.plant.process) for site in self.sites),
        ):
            if not process.is_running:
                await start()
