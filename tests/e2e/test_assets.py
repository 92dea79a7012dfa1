"""A pump that joins sleeps until somebody says where it stands, and hangs in Home Assistant on what it is part of."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from .house import allow_sockets, until
from .pump_room import OPTIONS, PUMPS, SPARE, PumpRoom

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
    async with room.running():
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
    """Return an attribute of the connection of the spare pump."""
    state = (await room.view(room)).state(SPARE, "health.connection")
    found: str | None = None if state is None else state["attributes"].get(name)
    return found


async def test_a_pump_sleeps_until_it_is_assigned_and_others_do_not(room: PumpRoom) -> None:
    await prefer(room)
    await room.until_waiting(SPARE)
    await room.decide_waiting(SPARE, action="approve")
    await room.until_shows(SPARE, "health.connection", "asleep")
    assert await attribute(room, "reason") == "waits_for_asset"
    await room.until_there(*PUMPS)
    told = await room.act("assign_asset", SPARE, to_line="Line 1", to_cell="Cell 2")
    assert (told["line"], told["cell"]) == ("Line 1", "Cell 2")

    async def stands() -> tuple[str | None, str | None]:
        return await attribute(room, "asset"), await attribute(room, "reason")

    await until(stands, lambda seen: seen == ("Pump room / Line 1 / Cell 2", None), "assigned")
    async with room.api() as api, await api.websocket() as socket:
        listed = await socket.call("iiot/assets/list", config_entry_id=room.entry_id)
    (spare,) = [one for one in listed["devices"] if one["id"] == SPARE]
    assert (spare["path"], spare["waits_for_asset"]) == ("Pump room / Line 1 / Cell 2", False)


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
