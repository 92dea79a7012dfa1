"""The simulated plant as a process, and the hub in Home Assistant that takes it in."""

import asyncio
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from .api import Api
from .errors import TestbedError
from .ports import LOOPBACK
from .process import Process

DOMAIN = "iiot"
KEY_BYTES = 32
# Home Assistant tries its broker again every 10 s.
CONNECT_S = 15.0
START_S = 60.0
FAILED = ("setup_error", "migration_error")


def new_fleet_key(file: Path) -> str:
    """Draw a fleet key, write it to a file that only its owner can read, and return it as hex digits."""
    key = secrets.token_bytes(KEY_BYTES).hex()
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(f"{key}\n")
    return key


async def add_hub(
    api: Api,
    *,
    name: str,
    prefix: str,
    fleet_key: str | None = None,
    discovery: str = "verified",
    broker: dict[str, Any] | None = None,
) -> str:
    """Set up a hub as a person would, and return the id of its entry; raises TestbedError with the form's answer.

    With `broker`, the answers of the form "Connection to the broker", the hub gets a connection of its own.
    """
    step = await _connection(api, broker)
    answers = {
        "name": name,
        "prefix": prefix,
        "fleet_key": "paste" if fleet_key else "none",
        "discovery": discovery,
    }
    step = await _answer(api, step, "site", answers)
    deadline = time.monotonic() + CONNECT_S
    while (step.get("errors") or {}).get("base") == "mqtt_not_connected" and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
        step = await _answer(api, step, "site", answers)
    if fleet_key:
        step = await _answer(api, step, "fleet_key", {"key": fleet_key})
    if step["type"] != "create_entry":
        message = f"the hub could not be set up: {_outcome(step)}"
        raise TestbedError(message)
    entry_id: str = step["result"]["entry_id"]
    return entry_id


def own_broker(port: int, **more: Any) -> dict[str, Any]:
    """Return the answers for a broker on this machine, without encryption."""
    encryption, transport = {"tls": False}, {"web_sockets": False, "path": "/mqtt", "keep_alive": 60}
    return {"host": LOOPBACK, "port": port, "encryption": encryption, "transport": transport} | more


async def _connection(api: Api, broker: dict[str, Any] | None) -> dict[str, Any]:
    menu = await api.start_flow(DOMAIN)
    if broker is None:
        return await api.answer(menu, {"next_step_id": "home_assistant"})
    form = await api.answer(menu, {"next_step_id": "own_broker"})
    return await _answer(api, form, "own_broker", broker)


async def hub_entry(api: Api) -> dict[str, Any] | None:
    """Return the first hub's config entry, or None when there is none."""
    entries: list[dict[str, Any]] = await api.get(f"/api/config/config_entries/entry?domain={DOMAIN}")
    return next((entry for entry in entries if entry["source"] != "ignore"), None)


async def must_start(api: Api, entry_id: str) -> None:
    """Wait until a hub runs; raises TestbedError with the entry's own reason when it does not."""
    deadline = time.monotonic() + START_S
    while True:
        entries: list[dict[str, Any]] = await api.get(f"/api/config/config_entries/entry?domain={DOMAIN}")
        entry = next(found for found in entries if found["entry_id"] == entry_id)
        if entry["state"] == "loaded":
            return
        if entry["state"] in FAILED or time.monotonic() > deadline:
            reason = entry["reason"] or f"its state is {entry['state']}; look under Settings, Repairs"
            message = f"the site {entry['title']} does not start: {reason}"
            raise TestbedError(message)
        await asyncio.sleep(0.2)


class Plant:
    """The simulator as a process of its own; what it holds survives a restart in its folder."""

    def __init__(self, folder: Path, *, broker_port: int, fleet_key_file: Path, prefix: str = DOMAIN) -> None:
        self.folder = folder
        self.process = Process("the simulated plant", folder.parent / f"{folder.name}.log")
        self._options = [
            *("--broker", f"{LOOPBACK}:{broker_port}"),
            *("--prefix", prefix),
            *("--fleet-key-file", str(fleet_key_file)),
            *("--state-dir", str(folder)),
        ]

    async def start(self, scenario: str = "plant-40", *options: str) -> None:
        """Start a scenario; `options` go to the simulator as they are."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "iiot_sim.cli", "run", scenario, *self._options, "--quiet", *options]
        await self.process.start(command)

    async def stop(self) -> None:
        """End the simulator in order."""
        await self.process.stop()

    async def kill(self) -> None:
        """End the simulator at once."""
        await self.process.kill()


async def _answer(api: Api, step: dict[str, Any], expected: str, answers: dict[str, Any]) -> dict[str, Any]:
    if step["type"] != "form" or step["step_id"] != expected:
        message = f"the form '{expected}' was expected: {_outcome(step)}"
        raise TestbedError(message)
    return await api.answer(step, answers)


def _outcome(step: dict[str, Any]) -> str:
    told = {name: step.get(name) for name in ("type", "step_id", "reason", "errors") if step.get(name)}
    return ", ".join(f"{name} {value}" for name, value in told.items())
