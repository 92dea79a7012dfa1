"""A house with one press in it, and a relay on either side of the broker: between it and the hub, and the press."""

import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from iiot_engine.actuation.command import Command
from testbed.hass import HomeAssistant
from testbed.plant import DOMAIN, Plant, add_hub, new_fleet_key
from testbed.ports import free_ports

from .house import House, until
from .relay import Relay

PRESS: Final = "press-1"
PREFIX: Final = "shop"
SCENARIO: Final = f"""
title = "a press that counts its strokes"

[[devices]]
id = "{PRESS}"
name = "Press"
model = "P-1"
interval_s = 5
sample_s = 5
[devices.channels.force]
name = "Force"
unit = "kN"
signal = {{ shape = "walk", min = 1, max = 9, step = 1, round = 0 }}
[devices.actuators.stroke]
name = "Stroke"
kind = "button"
takes_s = 1
"""
LIFE_S: Final = 300
"""Lifetime of the commands: longer than any test."""


class PressShop(House):
    """The works of one press. Everything may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "The press shop")
        self.at_hub, self.at_press = (Relay(self.broker.port, port) for port in free_ports(2))
        self.hass = HomeAssistant(
            folder / "hass", port=self.hass.port, broker_port=self.at_hub.port, name="The press shop"
        )
        key_file = folder / "shop.key"
        self.fleet_key = bytes.fromhex(new_fleet_key(key_file))
        self.plant = Plant(folder / "shop", broker_port=self.at_press.port, fleet_key_file=key_file, prefix=PREFIX)
        self.entry_id = ""
        self._copy = folder / "copy"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything, and wait for the press to join; everything ends with it."""
        async with AsyncExitStack() as stack:
            for process in (self.broker.process, self.hass.process, self.plant.process):
                stack.push_async_callback(process.stop)
            await self.broker.start()
            await stack.enter_async_context(self.at_hub)
            await stack.enter_async_context(self.at_press)
            await self.hass.start()
            async with self.api() as api:
                self.entry_id = await add_hub(
                    api, name="Shop", prefix=PREFIX, fleet_key=self.fleet_key.hex(), discovery="verified"
                )
            await self.start_press()
            await self.until_live()
            await self.until_saved(self)
            yield

    async def start_press(self) -> None:
        """Switch the press on; its strokes are counted on the disk."""
        scenario = self.folder / "press.toml"
        scenario.write_text(SCENARIO, encoding="utf-8")
        await self.plant.start(str(scenario), "--record")

    async def until_live(self) -> None:
        """Wait until the hub hears the press and knows what it can do."""

        async def button() -> str | None:
            try:
                view = await self.view(self)
                return view.value(PRESS, "set.stroke") if await self.connections(self) == {PRESS: "live"} else None
            except KeyError:
                return None

        await until(button, lambda shown: shown not in (None, "unavailable"), "live, with its button", within_s=60)

    async def press(self) -> dict[str, Any]:
        """Let the press make one stroke; gives back what the action says of it."""
        page = (await self.view(self)).device(PRESS)["id"]
        body = {"device_id": page, "command": "press", "args": {"key": "stroke"}, "lifetime": LIFE_S}
        async with self.api() as api:
            answer = await api.post("/api/services/iiot/command?return_response", body)
        (told,) = answer["service_response"]["devices"].values()
        found: dict[str, Any] = told
        return found

    # --- what was counted ------------------------------------------------------------------

    def strokes(self) -> list[str]:
        """Return the command of each stroke that the press made."""
        file = self.plant.folder / "moved" / f"{PRESS}.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [json.loads(line)["cid"] for line in lines]

    def ring(self) -> dict[str, str]:
        """Return what the press remembers of its commands."""
        facts = json.loads((self.plant.folder / f"{PRESS}.json").read_text(encoding="utf-8"))
        return {cid: status for cid, status, _ in facts["ring"]}

    @property
    def hub_folder(self) -> Path:
        """The folder with the journal of the hub."""
        return self.hass.folder / DOMAIN / self.entry_id

    def commands(self) -> list[Command]:
        """Return the commands of the journal, oldest first."""
        with sqlite3.connect(f"file:{self.hub_folder / 'intake.sqlite'}?mode=ro", uri=True) as journal:
            rows = journal.execute("SELECT cid, device_id, state FROM commands ORDER BY cid").fetchall()
        journal.close()
        return [Command.restored(*row) for row in rows]

    async def until_closed(self, *, within_s: float) -> Command:
        """Wait until the newest command of the journal is closed."""

        async def newest() -> Command:
            return self.commands()[-1]

        return await until(newest, lambda command: not command.is_open, "closed", within_s=within_s)

    def copy_hub(self) -> None:
        """Copy the folder of the hub, as a backup would."""
        shutil.copytree(self.hub_folder, self._copy)

    def restore_hub(self) -> None:
        """Put the copy of the folder back."""
        shutil.rmtree(self.hub_folder)
        shutil.copytree(self._copy, self.hub_folder)

    async def repairs(self) -> dict[str, dict[str, Any]]:
        """Return our repairs, by kind."""
        async with self.api() as api, await api.websocket() as socket:
            issues = (await socket.call("repairs/list_issues"))["issues"]
        return {issue["translation_key"]: issue for issue in issues if issue["domain"] == DOMAIN}
