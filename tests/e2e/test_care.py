"""The care of a device, from one end to the other: asked, given keys, revoked, replaced, taken out, renamed."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from .house import allow_sockets, until
from .pump_room import ENTRIES, PREFIX, PUMPS, SPARE, TANK, PumpRoom
from .visitor import Hall, payload_of
from .wiretap import Wiretap

REKEYED, REVOKED, REPLACED, REMOVED, RENAMED, DISABLED = PUMPS
LATER_BOOT = 1_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PumpRoom]:
    """One pump room for this file; each test has a pump of its own."""
    allow_sockets()
    room = PumpRoom(tmp_path_factory.mktemp("room"))
    async with room.running():
        yield room
        room.expect(r": refused a message of ")
        assert not room.surprises()


# --- asked ---------------------------------------------------------------------------------------


async def test_a_tank_is_asked_by_schedule_and_what_it_cannot_say_is_named(room: PumpRoom) -> None:
    form = await room.open_page(TANK, "polling")
    async with Wiretap(room.broker.port) as wire:
        done = await room.answer(form, interval_s=1, channels=["level", "cut", "wild"], timeout_s=1, own_intervals={})
        assert done["reason"] == "reconfigure_successful"

        async def asked() -> list[float]:
            polls = [one for one in wire.heard if one.topic == f"{PREFIX}/{TANK}/poll"]
            return [one.at_s for one in polls if payload_of(one)["ch"]]

        times = await until(asked, lambda found: len(found) >= 4, "asked four times")
    assert times[3] - times[0] > 2.5, "never more often than every second"
    view = await room.until_shows(TANK, "level", "40.5")
    for key, reason in (("cut", "COMM"), ("wild", "VALUE")):
        state = view.state(TANK, key)
        assert state is not None
        assert (state["state"], state["attributes"].get("reason")) == ("unknown", reason)

    def polled(facts: dict[str, Any]) -> bool:
        return bool(facts["polled"]["sent"] >= 4 and facts["polled"]["failures"] >= 6)

    facts = await room.until_facts(TANK, "polled", polled)
    assert facts["polled"]["timeouts"] == 0

    (plant,) = room.plants[:1]
    plant.process.freeze()
    try:
        await room.until_facts(TANK, "without an answer", lambda facts: facts["polled"]["timeouts"] > 0)
        state = (await room.until_shows(TANK, "level", "unknown")).state(TANK, "level")
        assert state is not None
        assert state["attributes"]["reason"] == "COMM"
    finally:
        plant.process.thaw()
    await room.until_shows(TANK, "level", "40.5")


async def test_a_tank_is_asked_now(room: PumpRoom) -> None:
    told = await room.act("poll", TANK, channels=["level", "cut", "wild"])
    assert (told["status"], told["values"]) == ("failed", {"level": 40.5})
    assert told["failed"] == {"cut": "COMM", "wild": "VALUE"}
    told = await room.act("poll", TANK, channels=["level"])
    assert (told["status"], told["values"]) == ("done", {"level": 40.5})


# --- keys ----------------------------------------------------------------------------------------


async def test_a_pump_takes_its_next_keys_and_the_first_one_is_refused(room: PumpRoom) -> None:
    for kid in (2, 3):
        assert (await room.act("rekey", REKEYED))["status"] == "done"
        await room.until_facts(REKEYED, f"under key {kid}", lambda facts, kid=kid: facts["kid"] == kid)
    await room.until_shows(REKEYED, "health.connection", "live")
    assert (await room.switch_fan(REKEYED, on=True))["status"] == "done"
    await room.until_shows(REKEYED, "fan", "on")
    before = await room.facts_of(REKEYED)
    async with Wiretap(room.broker.port, listens=False) as wire:
        await room.speak_as(wire, REKEYED, boot=LATER_BOOT)

        def refused(facts: dict[str, Any]) -> bool:
            return bool(sum(facts["refused"].values()) > sum(before["refused"].values()))

        after = await room.until_facts(REKEYED, "refused under its first key", refused)
    assert set(after["refused"]) <= {"bad_mac", "unknown_key"}
    assert after["window"]["boot"] == before["window"]["boot"]


async def test_nobody_joins_by_a_fleet_key_that_was_retired(room: PumpRoom) -> None:
    entry_id, fleet_key = await room.add_site("Annex", "annex", "verified")
    annex = Hall(entry_id=entry_id, prefix="annex", fleet_key=fleet_key)
    async with AsyncExitStack() as stack, room.api() as api:
        await room.switch_on(stack, "annex", "", "pump-7")

        async def devices() -> dict[str, str]:
            return await room.connections(annex)

        await until(devices, lambda found: found == {"pump-7": "live"}, "live by the fleet key")
        menu = await api.post(ENTRIES, {"handler": "iiot", "entry_id": entry_id})
        form = await api.answer(menu, {"next_step_id": "change_site"})
        form = await api.answer(form, {"name": "Annex", "prefix": "annex", "fleet_key": "retire"})
        assert (form["step_id"], form["description_placeholders"]["count"]) == ("retire_fleet_key", "1")
        assert (await api.answer(form, {"next_keys": False}))["type"] == "abort"
        await until(devices, lambda found: found == {"pump-7": "live"}, "live without the fleet key")
        await room.switch_on(stack, "annex", "", "pump-8")

        async def card() -> dict[str, str]:
            return await room.cards(annex)

        flow = (await until(card, lambda cards: "pump-8" in cards, "a card"))["pump-8"]
        step = await api.get(f"{ENTRIES}/{flow}")
        (source,) = (field for field in step["data_schema"] if field["name"] == "key_source")
        assert source["selector"]["select"]["options"] == ["paste", "generate"]
        assert await devices() == {"pump-7": "live"}


# --- revoked, replaced, taken out ----------------------------------------------------------------


async def test_a_pump_that_is_revoked_neither_speaks_nor_moves(room: PumpRoom) -> None:
    assert (await room.act("revoke", REVOKED, reason="stolen"))["status"] == "revoked"
    view = await room.until_shows(REVOKED, "health.connection", "revoked")
    connection = view.state(REVOKED, "health.connection")
    assert connection is not None
    assert connection["attributes"]["reason"] == "stolen"
    assert (view.value(REVOKED, "set.fan"), view.value(REVOKED, "fan")) == ("unavailable", "unavailable")
    told = await room.switch_fan(REVOKED, on=True)
    assert (told["status"], "revoked" in told["reason"]) == ("refused", True)
    before = await room.until_facts(REVOKED, "refused", lambda facts: facts["refused"].get("revoked", 0) > 0)
    assert (await room.act("restore", REVOKED))["status"] == "restored"
    await room.until_shows(REVOKED, "health.connection", "live")
    await room.until_facts(REVOKED, "heard", lambda facts: facts["messages"] > before["messages"])
    await room.until_shows(REVOKED, "set.fan", "off")
    assert (await room.switch_fan(REVOKED, on=True))["status"] == "done"
    await room.until_shows(REVOKED, "fan", "on")


async def test_a_spare_pump_takes_the_place_with_entities_history_and_automations(room: PumpRoom) -> None:
    assert (await room.switch_fan(REPLACED, on=True))["status"] == "done"
    before = await room.until_shows(REPLACED, "fan", "on")
    place = before.subentries[REPLACED]
    entity_ids = {name: one["entity_id"] for name, one in before.entities.items() if name.startswith(place)}
    fan = entity_ids[f"{place}_fan"]
    form = await room.open_page(REPLACED, "replace")
    done = await room.answer(form, device_id=SPARE, key_source="derived")
    assert done["reason"] == "reconfigure_successful"
    async with room.api() as api, await api.websocket() as socket:
        trigger = {"trigger": "state", "entity_id": fan, "to": "on"}
        async with socket.subscribe("subscribe_trigger", trigger=trigger) as fired:
            after = await room.until_shows(SPARE, "fan", "off")
            assert (await room.switch_fan(SPARE, on=True))["status"] == "done"
            assert (await fired.get())["variables"]["trigger"]["entity_id"] == fan
        assert after.subentries[SPARE] == place
        assert {name: one["entity_id"] for name, one in after.entities.items() if name.startswith(place)} == entity_ids
        (page,) = (one for one in after.devices.values() if one["serial_number"] == SPARE)
        assert page["id"] == before.device(REPLACED)["id"]

        async def history() -> list[str]:
            (states,) = await api.get(f"/api/history/period?filter_entity_id={fan}&minimal_response")
            return [one["state"] for one in states if one["state"] in ("on", "off")]

        await until(history, lambda found: found == ["off", "on", "off", "on"], "one history of both pumps")
    refused = await strangers(room)
    await until(lambda: strangers(room), lambda count: count > refused, "the old pump refused")
    assert REPLACED not in await room.connections(room)


async def strangers(room: PumpRoom) -> int:
    """How many messages of devices were refused that are not registered."""
    count: int = (await room.facts(room))["refused_of_strangers"].get("unknown_device", 0)
    return count


async def test_a_pump_that_was_taken_out_stays_out_and_comes_back_as_it_was(room: PumpRoom) -> None:
    before = await room.view(room)
    place, called = before.subentries[REMOVED], await calling(room)
    entity_ids = {name: one["entity_id"] for name, one in before.entities.items() if name.startswith(place)}
    await room.remove(REMOVED)

    async def memory() -> bool:
        file = room.plants[0].folder / f"{REMOVED}.json"
        forgotten: bool = json.loads(file.read_text(encoding="utf-8"))["forgotten"]
        return forgotten

    await until(memory, bool, "told to forget its key")

    async def gone() -> bool:
        view = await room.view(room)
        return not [name for name in view.entities if name.startswith(place)] and REMOVED not in view.subentries

    await until(gone, bool, "gone, with all its entities")
    async with Wiretap(room.broker.port, listens=False) as wire:
        await room.speak_as(wire, REMOVED, boot=LATER_BOOT)
        await until(lambda: calling(room), lambda count: count > called, "heard, and known as taken out")
        assert not await room.has_cards(REMOVED)
        async with room.api() as api:
            body = {"config_entry_id": room.entry_id, "device": REMOVED}
            answer = await api.post("/api/services/iiot/restore_device?return_response", body)
        assert answer["service_response"] == {"id": REMOVED, "name": "Pump 4", "needs_key": True}

        async def back() -> dict[str, str]:
            view = await room.view(room)
            return {name: one["entity_id"] for name, one in view.entities.items() if name.startswith(place)}

        await until(back, lambda found: found == entity_ids, "back with the same entities")
        await room.speak_as(wire, REMOVED, boot=LATER_BOOT, seq=2)
        await room.until_facts(REMOVED, "heard", lambda facts: facts["messages"] > 0)
        assert (await room.view(room)).subentries[REMOVED] == place


async def calling(room: PumpRoom) -> int:
    """How many devices call that were taken out."""
    count: int = (await room.facts(room))["inbox"]["calling_though_removed"]
    return count


# --- Home Assistant's own ways -------------------------------------------------------------------


async def test_what_people_did_on_a_page_holds_over_a_kill(room: PumpRoom) -> None:
    await room.change_page(RENAMED, name_by_user="Old pump")
    view = await room.view(room)
    renamed = view.entities[f"{view.subentries[RENAMED]}_set.fan"]["entity_id"]
    async with room.api() as api, await api.websocket() as socket:
        names = {"name": "Blower", "new_entity_id": "switch.blower"}
        await socket.call("config/entity_registry/update", entity_id=renamed, **names)
    await room.change_page(DISABLED, disabled_by="user")
    await asks_nothing_of(room, DISABLED)
    await room.until_saved(room, "Old pump", "switch.blower", "user")
    await room.hass.kill()
    await room.hass.start()
    view = await room.until_shows(RENAMED, "set.fan", "off")
    assert view.device(RENAMED)["name_by_user"] == "Old pump"
    state = view.state(RENAMED, "set.fan")
    assert state is not None
    assert (state["entity_id"], state["attributes"]["friendly_name"]) == ("switch.blower", "Blower")
    assert (await room.switch_fan(RENAMED, on=True))["status"] == "done"
    await room.until_shows(RENAMED, "fan", "on")
    await asks_nothing_of(room, DISABLED)
    await room.change_page(DISABLED, disabled_by=None)
    assert (await room.switch_fan(DISABLED, on=True))["status"] == "done"


async def asks_nothing_of(room: PumpRoom, device_id: str) -> None:
    """A device is heard and recorded, and has no state and gets no command."""
    before = await room.facts_of(device_id)
    await room.until_facts(device_id, "recorded", lambda facts: facts["messages"] > before["messages"])
    told = await room.switch_fan(device_id, on=True)
    assert (told["status"], "disabled" in told["reason"]) == ("refused", True)
    assert (await room.view(room)).state(device_id, "set.fan") is None
