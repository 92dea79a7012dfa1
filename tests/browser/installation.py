"""What a person's browser looks at: one broker, one Home Assistant, and a site with a plant of 40 devices."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from testbed.broker import Broker
from testbed.fleet import fleet
from testbed.hass import HomeAssistant
from testbed.hass_log import problems
from testbed.plant import Plant, add_hub, new_fleet_key
from testbed.ports import free_ports

SITE = "Demo plant"
PREFIX = "iiot"
DEVICES = 40
LIVE_WITHIN_S = 120.0
LOOK_AGAIN_S = 0.5
SPEED = "3"
"""So many times faster than the scenario says: a page that is looked at for seconds sees values change."""


class Installation:
    """All that runs."""

    def __init__(self, folder: Path) -> None:
        port, broker_port = free_ports(2)
        self.folder = folder
        self.broker = Broker(folder / "broker", broker_port)
        self.hass = HomeAssistant(folder / "hass", port=port, broker_port=broker_port, name=SITE)
        self.key_file = folder / "fleet.key"
        self.plant = Plant(folder / "plant", broker_port=broker_port, fleet_key_file=self.key_file, prefix=PREFIX)
        self.entry_id = ""
        self._expected: list[re.Pattern[str]] = []
        self._told = 0

    async def start(self) -> None:
        """Start everything, and wait until all devices have joined and show a value."""
        await self.broker.start()
        await self.hass.start()
        async with self.hass.api() as api:
            key = new_fleet_key(self.key_file)
            self.entry_id = await add_hub(api, name=SITE, prefix=PREFIX, fleet_key=key)
        await self.plant.start("plant-40", "--speed", SPEED)
        async with self.hass.api() as api, asyncio.timeout(LIVE_WITHIN_S):
            while sum(row.is_live for row in await fleet(api)) < DEVICES:  # noqa: ASYNC110 - as a person would look
                await asyncio.sleep(LOOK_AGAIN_S)

    async def stop(self) -> None:
        """End what was started."""
        for process in (self.plant.process, self.hass.process, self.broker.process):
            await process.stop()

    async def grant(self) -> dict[str, Any]:
        """Return the tokens of a login of the owner."""
        async with self.hass.api() as api:
            return api.grant

    async def remove(self, *names: str) -> None:
        """Take devices out of the site again, so that no other test finds what is left of them."""
        async with self.hass.api() as api, await api.websocket() as socket:
            for one in await socket.call("config_entries/subentries/list", entry_id=self.entry_id):
                if one["title"] in names:
                    subentry = one["subentry_id"]
                    await socket.call("config_entries/subentries/delete", entry_id=self.entry_id, subentry_id=subentry)

    @asynccontextmanager
    async def device(self, scenario: str, *, key: str | None = None, prefix: str = PREFIX) -> AsyncIterator[Plant]:
        """Let the devices of a scenario (TOML) live; with the fleet key of the site, or another."""
        name = f"devices-{len(list(self.folder.glob('*.toml')))}"
        file = self.folder / f"{name}.toml"
        file.write_text(scenario, encoding="utf-8")
        key_file = self.key_file
        if key is not None:
            key_file = self.folder / f"{name}.key"
            key_file.touch(mode=0o600)
            key_file.write_text(f"{key}\n", encoding="ascii")
        plant = Plant(self.folder / name, broker_port=self.broker.port, fleet_key_file=key_file, prefix=prefix)
        await plant.start(str(file))
        try:
            yield plant
        finally:
            await plant.stop()

    @asynccontextmanager
    async def speaking(self, language: str) -> AsyncIterator[None]:
        """Let the house speak another language; the hub starts anew, since entities are named when they are added."""
        await self._speak(language)
        try:
            yield
        finally:
            await self._speak("en")

    def forget_log(self) -> None:
        """Judge what is logged from now on."""
        self._told = len(self.hass.log())

    def expect(self, *lines: str) -> None:
        """Say which warnings of ours a test provokes, now or after it (regular expressions)."""
        self._expected += [re.compile(line) for line in lines]

    def surprises(self) -> list[str]:
        """Return warnings and errors of ours that nobody expects."""
        found = problems(self.hass.log()[self._told :])
        return [one for one in found if not any(known.search(one) for known in self._expected)]

    async def _speak(self, language: str) -> None:
        async with self.hass.api() as api, await api.websocket() as socket:
            await socket.call("config/core/update", language=language)
            await api.post(f"/api/config/config_entries/entry/{self.entry_id}/reload", {})
