"""A device that joins sleeps until somebody says where it stands, and hangs in Home Assistant on what it is part of."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from .house import allow_sockets, until
from .pump_room import OPTIONS, PREFIX, PUMPS, PumpRoom

NAP_S = 900
"""As long as a device sleeps at a time that waits for its place."""
SLEEPER = "basin-1"
BASIN = f"""
[[devices]]
id = "{SLEEPER}"
name = "Basin"
model = "B-1 basin"
interval_s = 5
sample_s = 1
sleep_s = 2
[devices.channels.level]
name = "Level"
unit = "%"
signal = {{ shape = "constant", value = 40.5 }}
"""

PREFERENCES = {
    "joining": {"discovery": "ask", "sleep_unassigned": True},
    "time": {"delay_limit": 300, "skew_limit": 300, "strict": False},
    "liveness": {"late_factor": 1.5, "lost_factor": 3},
    "traffic": {"state_interval": 1, "polls_at_once": 20, "listen_only": False},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PumpRoom]:
    """One pump room for this file."""
    allow_sockets()
    room = PumpRoom(tmp_path_factory.mktemp("room"))
    async with room.running(), AsyncExitStack() as stack:
        await prefer(room)
        await room.switch_on(stack, PREFIX, BASIN)
        yield room
        assert not room.surprises()


async def prefer(room: PumpRoom) -> None:
    """Let new devices sleep; the hub starts anew."""
    async with room.api() as api:
        menu = await api.post(OPTIONS, {"handler": room.entry_id})
        form = await api.post(f"{OPTIONS}/{menu['flow_id']}", {"next_step_id": "preferences"})
        done = await api.post(f"{OPTIONS}/{form['flow_id']}", PREFERENCES)
    assert done["type"] == "create_entry"


async def attribute(room: PumpRoom, name: str) -> str | None:
    """Return an attribute of the connection of the basin."""
    state = (await room.view(room)).state(SLEEPER, "health.connection")
    found: str | None = None if state is None else state["attributes"].get(name)
    return found


def sleeps_long(facts: dict[str, Any]) -> bool:
    """Whether a device has said that it sleeps for as long as one that waits for its place."""
    return bool((facts.get("heartbeat") or {}).get("sleep_s") == NAP_S)


async def test_a_device_sleeps_until_it_is_assigned_and_others_do_not(room: PumpRoom) -> None:
    await room.until_waiting(SLEEPER)
    await room.decide_waiting(SLEEPER, action="approve")
    await room.until_facts(SLEEPER, "asleep", sleeps_long)
    await room.until_shows(SLEEPER, "health.connection", "asleep")
    assert await attribute(room, "reason") == "waits_for_asset"
    await room.until_there(*PUMPS)
    told = await room.act("assign_asset", SLEEPER, to_line="Line 1", to_cell="Cell 2")
    assert (told["line"], told["cell"]) == ("Line 1", "Cell 2")

    async def stands() -> tuple[str | None, str | None]:
        return await attribute(room, "asset"), await attribute(room, "reason")

    await until(stands, lambda seen: seen == ("Pump room / Line 1 / Cell 2", None), "assigned")
    async with room.api() as api, await api.websocket() as socket:
        listed = await socket.call("iiot/assets/list", config_entry_id=room.entry_id)
    (basin,) = [one for one in listed["devices"] if one["id"] == SLEEPER]
    assert (basin["path"], basin["waits_for_asset"]) == ("Pump room / Line 1 / Cell 2", False)


async def test_a_pump_hangs_on_what_it_is_part_of(room: PumpRoom) -> None:
    whole, part = PUMPS[:2]
    form = await room.open_page(part, "relations")
    page = (await room.view(room)).device(whole)["id"]
    done = await room.answer(form, part_of=[page], measured_by_channels={})
    assert done["reason"] == "reconfigure_successful"

    async def via() -> str | None:
        found: str | None = (await room.view(room)).device(part)["via_device_id"]
        return found

    await until(via, lambda seen: seen == page, "connected by way of the other pump")
