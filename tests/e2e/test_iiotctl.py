"""The command line at a real Home Assistant, with a long-lived token, beside a hub that is live."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from testbed.ports import LOOPBACK

from .house import until
from .works import Works


async def ctl(folder: Path, *arguments: str) -> tuple[int, str]:
    """Call the program; gives its exit code and all that it said."""
    environment = {**os.environ, "XDG_STATE_HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "iiot_ctl.cli", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    return process.returncode or 0, told.decode()


async def way_in(works: Works, folder: Path) -> list[str]:
    """Make a token, as a person does on the profile page; gives the options that use it."""
    async with works.api() as api, await api.websocket() as socket:
        token = await socket.call("auth/long_lived_access_token", client_name=str(folder), lifespan=1)
    file = folder / "token"
    file.write_text(f"{token}\n")
    return ["--url", works.hass.url, "--token-file", str(file)]


async def fan_of(works: Works) -> str:
    """Id of a device that has a fan."""

    async def found() -> list[str]:
        view = await works.view(works.factory)
        return [name for name in view.subentries if view.value(name, "set.fan") is not None]

    return (await until(found, bool, "a pump with a fan"))[0]


async def test_the_fleet_is_listed_and_a_device_obeys(works: Works, tmp_path: Path) -> None:
    way = await way_in(works, tmp_path)
    code, text = await ctl(tmp_path, "list", "--json", *way)
    assert code == 0, text
    seen: dict[str, dict[str, Any]] = {one["id"]: one for one in json.loads(text)}
    assert set(seen) >= set(works.factory.profiles) | set(works.yard.profiles)
    assert {one["state"] for one in seen.values()} <= {"live", "late", "asleep", "lost"}
    device_id = await fan_of(works)
    for value, shown in (("true", "on"), ("false", "off")):
        setting = json.dumps({"key": "fan", "value": json.loads(value)})
        code, text = await ctl(tmp_path, "command", "set", device_id, "--args", setting, *way)
        assert (code, text) == (0, f"{seen[device_id]['name']}: done\n")

        async def fan() -> str | None:
            return (await works.view(works.factory)).value(device_id, "fan")

        await until(fan, lambda state, shown=shown: state == shown, f"the fan {shown}")
    code, text = await ctl(tmp_path, "command", "set", device_id, "--args", '{"key":"fan","value":7}', *way)
    assert code == 1
    assert (tmp_path / "token").read_text().strip() not in text


async def test_beside_a_live_hub_nothing_is_sent_to_the_device(works: Works, tmp_path: Path) -> None:
    device_id = await fan_of(works)
    key = tmp_path / "fleet.key"
    key.write_text(works.factory.fleet_key.hex())
    way = ["--broker", f"{LOOPBACK}:{works.broker.port}", "--fleet-key-file", str(key)]
    code, text = await ctl(tmp_path, "command", "set", device_id, "--args", '{"key":"fan","value":true}', *way)
    assert code == 1, text
    assert "a hub commands it" in text
    repairs = [line for line in works.new_log().splitlines() if "commands" in line and device_id in line]
    assert repairs == []


@pytest.mark.parametrize("way", [["--url", "http://127.0.0.1:9"], ["--broker", "127.0.0.1:9"]])
async def test_who_is_not_there_is_told(tmp_path: Path, way: list[str]) -> None:
    token = tmp_path / "token"
    token.write_text("none")
    more = ["--token-file", str(token)] if way[0] == "--url" else []
    code, text = await ctl(tmp_path, "list", *way, *more)
    assert code == 3
    assert "is not reachable: nobody listens" in text
