"""The works that most tests share: a house with three sites, and the plants of two."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iiot_engine.wire import signing
from iiot_sim.profile import Profile
from iiot_sim.scenario import load
from testbed.plant import DOMAIN, Plant, add_hub, new_fleet_key

from .house import House, until
from .ledger import Identity, Journal, Produced, produced

LIVE = ("live", "asleep")
LIVE_WITHIN_S = 90.0
POLL_S = 0.25


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


class Works(House):
    """All that runs. What a test stops or kills it starts again."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "The works")
        self.startup_problems: list[str] = []
        """What was logged against expectation until all devices were live."""
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
        await self._until_waves()
        self.startup_problems = self.surprises()

    async def until_live(self, *sites: Site) -> None:
        """Wait until every device has spoken since the hub's start, and is live; or asleep."""
        for site in sites or self.sites:

            async def silent(site: Site = site) -> list[str]:
                devices = {one["device_id"]: one for one in (await self.facts(site))["devices"]}
                return [profile.name for name, profile in site.profiles.items() if not speaks(devices.get(name, {}))]

            await until(silent, lambda names: not names, f"live in the {site.name}", within_s=LIVE_WITHIN_S)

    async def _until_waves(self) -> None:
        """Wait until the first waveforms have come: their channels turn out to have no value to show."""
        for site in self.sites:
            waves = {profile.wave for profile in site.profiles.values()} - {None}

            async def unsettled(site: Site = site, waves: set[str | None] = waves) -> list[str]:
                return [name for name in (await self.view(site)).entities if name.partition("_")[2] in waves]

            await until(unsettled, lambda names: not names, f"settled in the {site.name}", within_s=LIVE_WITHIN_S)

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
