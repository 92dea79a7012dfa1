"""Check connectivity, with a real broker and the program whose command line people are shown."""

import shlex
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest_asyncio
from paho.mqtt import publish

from testbed.plant import add_hub
from testbed.ports import LOOPBACK
from testbed.process import Process

from .house import House, allow_sockets, until

PREFIX = "works/hall-9"
FLOWS = "/api/config/config_entries/options/flow"
SOON_S = 20.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def entry_id(house: House) -> str:
    """A site without devices."""
    allow_sockets()
    async with house.api() as api:
        return await add_hub(api, name="Hall 9", prefix=PREFIX)


class Dialog:
    """The dialog, over the same interface as the browser's."""

    def __init__(self, house: House, api: Any, step: dict[str, Any]) -> None:
        self._house = house
        self._api = api
        self.step = step

    async def go(self, **answers: str) -> dict[str, Any]:
        self.step = await self._api.post(f"{FLOWS}/{self.step['flow_id']}", answers)
        return self.step

    async def outcome(self) -> dict[str, Any]:
        async def look() -> dict[str, Any]:
            found: dict[str, Any] = await self._api.get(f"{FLOWS}/{self.step['flow_id']}")
            return found

        self.step = await until(look, lambda step: step["type"] == "menu", "answered", within_s=SOON_S)
        return self.step

    async def run(self, *changes: tuple[str, str]) -> None:
        """Run the command line that is shown, on this machine; with a few letters changed."""
        command = self.step["description_placeholders"]["command"]
        for old, new in changes:
            assert old in command
            command = command.replace(old, new)
        words = shlex.split(command)
        words[words.index("-h") + 1] = LOOPBACK  # the address of this machine, where the broker listens to none but it
        if shutil.which("mosquitto_pub"):
            program = Process("mosquitto_pub", self._house.folder / "mosquitto_pub.log")
            await program.start(words)
            assert await program.ended() == 0, program.tail()
            return
        told = dict(zip(words[1::2], words[2::2], strict=True))
        publish.single(told["-t"], told["-m"], qos=1, hostname=told["-h"], port=int(told["-p"]))

    async def close(self) -> None:
        await self._api.delete(f"{FLOWS}/{self.step['flow_id']}")


@asynccontextmanager
async def listening(house: House, entry_id: str) -> AsyncIterator[Dialog]:
    """A person who was shown the command line."""
    async with house.api() as api:
        dialog = Dialog(house, api, await api.post(FLOWS, {"handler": entry_id}))
        await dialog.go(next_step_id="check_connectivity")
        step = await dialog.go(listen_for="test_message")
        assert (step["type"], step["progress_action"]) == ("progress", "test_message")
        await until(overhears(house), bool, "overhearing", within_s=SOON_S)
        yield dialog


def overhears(house: House) -> Any:
    async def look() -> set[str]:
        return {topic for topic in house.broker.subscriptions() if "check-" in topic}

    return look


async def test_the_command_line_turns_it_green(house: House, entry_id: str) -> None:
    async with listening(house, entry_id) as dialog:
        await dialog.run()
        step = await dialog.outcome()
        assert step["step_id"] == "heard"
        assert step["description_placeholders"]["values"] == r"- test\: 1"
        await dialog.close()
    assert await house.cards(type("", (), {"entry_id": entry_id})) == {}
    await until(overhears(house), lambda found: not found, "quiet", within_s=SOON_S)


async def test_a_changed_letter_is_found(house: House, entry_id: str) -> None:
    async with listening(house, entry_id) as dialog:
        await dialog.run(('"test":1', '"test":2'))
        step = await dialog.outcome()
        assert step["step_id"] == "refused"
        assert step["description_placeholders"]["code"] == "bad_mac"
        assert step["description_placeholders"]["reason"].startswith("The signature does not fit.")


async def test_a_wrong_prefix_is_found(house: House, entry_id: str) -> None:
    async with listening(house, entry_id) as dialog:
        await dialog.run((f"{PREFIX}/check", "works/hall-8/check"))
        step = await dialog.outcome()
        assert step["step_id"] == "silent"
        assert r"works\/hall\-8\/check\-" in step["description_placeholders"]["seen"]


async def test_a_dialog_that_is_closed_listens_no_more(house: House, entry_id: str) -> None:
    async with listening(house, entry_id) as dialog:
        await dialog.close()
    await until(overhears(house), lambda found: not found, "quiet", within_s=SOON_S)
