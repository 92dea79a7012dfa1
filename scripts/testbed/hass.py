"""A real Home Assistant process with the integration in it."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from . import hass_config, hass_log
from .api import Api
from .errors import ApiError, TestbedError
from .ports import LOOPBACK, is_free
from .process import Process

START_S = 120.0
STOP_S = 60.0
OWNER = ("Demo", "demo", "demo")


class HomeAssistant:
    """One Home Assistant on one folder and port; it can be stopped, killed and started again on the same folder.

    One without a name has no owner either: it waits for the person who sets it up in the browser.
    """

    def __init__(self, folder: Path, *, port: int, broker_port: int, name: str | None = "Demo plant") -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://{LOOPBACK}:{port}"
        self.process = Process("Home Assistant", folder.parent / f"{folder.name}.log")
        self._broker_port = broker_port
        self._name = name

    async def start(self) -> None:
        """Start, wait until Home Assistant is up, and create its owner the first time."""
        if not is_free(self.port):
            message = f"port {self.port} is taken: Home Assistant cannot start (another one runs, or use --port)"
            raise TestbedError(message)
        hass_config.prepare(self.folder, port=self.port, broker_port=self._broker_port, name=self._name)
        await self.process.start(self._command(), self._environment())
        async with asyncio.timeout(START_S), Api(self.url) as api:
            await self._until_answering(api)
            if self._name is None:
                return
            if await api.needs_owner():
                await api.create_owner(*OWNER)
                await self._remove_rooms_of_a_home(api)
            await api.login(*OWNER[1:])
            await self._until_running(api)

    async def stop(self) -> None:
        """Stop in order: Home Assistant writes what it holds."""
        await self.process.stop(STOP_S)

    async def kill(self) -> None:
        """End the process at once: nothing more is written."""
        await self.process.kill()

    async def restart(self) -> None:
        """Stop in order and start again on the same folder."""
        await self.stop()
        await self.start()

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Api]:
        """Give a session of the owner."""
        async with Api(self.url) as api:
            await api.login(*OWNER[1:])
            yield api

    def log(self) -> str:
        """Return all that Home Assistant has logged since its folder was made."""
        return self.process.log.read_text(encoding="utf-8", errors="replace") if self.process.log.exists() else ""

    def problems(self) -> list[str]:
        """Return the warnings and errors by or about the integration."""
        return hass_log.problems(self.log())

    def storage(self, key: str) -> dict[str, Any]:
        """Return what Home Assistant has stored under a key, as of its last save."""
        return hass_config.read(self.folder, key)

    def _command(self) -> list[str]:
        options = ["--config", str(self.folder), "--skip-pip", "--log-no-color"]
        # -P: what lies in the folder of the caller is not to stand in for what is installed in Home Assistant's.
        return [sys.executable, "-P", "-m", "homeassistant", *options]

    @staticmethod
    def _environment() -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV", "SETUP_"))}
        return kept | {"PYTHONUNBUFFERED": "1"}

    async def _until_answering(self, api: Api) -> None:
        while True:
            self.process.must_run()
            try:
                async with api.session.get(f"{self.url}/manifest.json") as reply:
                    if reply.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.2)

    async def _until_running(self, api: Api) -> None:
        deadline = time.monotonic() + START_S
        while (config := await api.get("/api/config"))["state"] != "RUNNING":
            self.process.must_run()
            if time.monotonic() > deadline:
                message = f"Home Assistant does not finish its start:\n{self.process.tail()}"
                raise TestbedError(message)
            await asyncio.sleep(0.2)
        if config.get("recovery_mode"):
            message = f"Home Assistant is in recovery mode:\n{self.process.tail()}"
            raise ApiError(message)

    @staticmethod
    async def _remove_rooms_of_a_home(api: Api) -> None:
        async with await api.websocket() as socket:
            for area in await socket.call("config/area_registry/list"):
                await socket.call("config/area_registry/delete", area_id=area["area_id"])
