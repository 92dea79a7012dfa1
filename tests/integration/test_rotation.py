"""A device takes its next key: asked by an action or on its page, told over the network, proved by its own message."""

import asyncio
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.iiot.bridge import rotation
from custom_components.iiot.bridge.rotation import keys_changed
from custom_components.iiot.const import EVENT_DEVICE
from custom_components.iiot.engine.wire import signing

from .joining import (
    OTHER_KEY,
    answer,
    answer_device_form,
    block_key_file,
    open_page,
    settle,
)
from .people import page_of, subentry_of
from .plant_floor import COMMANDS, Machine


class Rotating(Machine):
    """A device that obeys `rekey`."""

    def take(self, order: dict[str, Any]) -> None:
        """Take the next key."""
        args = order["args"]
        self.key = signing.derive_next_key(self.key, bytes.fromhex(args["salt"]), self.id, args["kid"])
        self.kid = args["kid"]

    async def rekeyed(self) -> dict[str, Any]:
        """Wait for the order, take the key, and answer under it."""
        order = await self.next_order()
        self.take(order)
        await self.answer(order)
        return order


@pytest.fixture
async def machine(hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any) -> Rotating:
    """One device that knows how."""
    found = Rotating(hass, mqtt_mock.async_publish)
    found.subentry_id = await found.stand(entry, commands=[*COMMANDS, "rekey"])
    return found


def rekey(hass: HomeAssistant, page: str) -> asyncio.Task[Any]:
    return asyncio.create_task(
        hass.services.async_call("iiot", "rekey", {"device_id": page}, blocking=True, return_response=True)
    )


async def test_an_action_gives_a_device_its_next_key(
    hass: HomeAssistant, entry: ConfigEntry, machine: Rotating
) -> None:
    events = async_capture_events(hass, EVENT_DEVICE)
    keys = entry.runtime_data.hub.keys
    page = page_of(hass, entry, machine).id
    call = rekey(hass, page)
    order = await machine.next_order()
    assert keys.step_of(machine.id) == (2, order["args"]["salt"]), "it is on the disk before anybody hears of it"
    before = machine.key
    machine.take(order)
    assert keys.device_keys(machine.id) == {1: before, 2: machine.key}
    await machine.answer(order)
    response = await call
    assert response["devices"][page]["status"] == "done"
    await settle(hass)
    assert keys.step_of(machine.id) is None
    assert dict(subentry_of(entry).data)["kid"] == 2
    assert subentry_of(entry).data["fingerprint"] == signing.fingerprint(machine.key)
    assert [event.data["kind"] for event in events if event.data["kind"] != "command"] == ["rekeyed"]
    ring = entry.runtime_data.hub.plant.members[machine.id].device.keys
    assert set(ring.all) == {1, 2}, "the form's change of the subentry has replaced nothing"


async def test_the_key_is_never_in_what_is_sent_or_told(
    hass: HomeAssistant, entry: ConfigEntry, machine: Rotating, mqtt_mock: Any
) -> None:
    events = async_capture_events(hass, EVENT_DEVICE)
    call = rekey(hass, page_of(hass, entry, machine).id)
    await machine.rekeyed()
    await call
    sent = b"".join(one.args[1] for one in mqtt_mock.async_publish.call_args_list)
    assert machine.key.hex().encode() not in sent
    assert machine.key.hex() not in str([event.data for event in events])


async def test_hub_and_device_go_on_under_the_new_key_after_a_restart(
    hass: HomeAssistant, entry: ConfigEntry, machine: Rotating
) -> None:
    call = rekey(hass, page_of(hass, entry, machine).id)
    await machine.rekeyed()
    await call
    await settle(hass)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await machine.beat()
    member = entry.runtime_data.hub.plant.members[machine.id]
    assert member.device.keys.current == (2, machine.key)
    assert member.connection == "live"


async def test_a_hub_that_stopped_before_the_answer_repeats_the_step(
    hass: HomeAssistant, entry: ConfigEntry, machine: Rotating
) -> None:
    call = rekey(hass, page_of(hass, entry, machine).id)
    order = await machine.next_order()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    response = await call
    (outcome,) = response["devices"].values()
    assert outcome["status"] == "refused"
    await machine.beat()
    again = await machine.next_order()
    assert again["args"] == order["args"]
    machine.take(again)
    await machine.answer(again)
    assert entry.runtime_data.hub.plant.members[machine.id].device.keys.current == (2, machine.key)


async def test_the_page_of_a_device_says_how_it_ended(
    hass: HomeAssistant, entry: ConfigEntry, machine: Rotating
) -> None:
    form = await open_page(hass, entry, "next_key")
    assert form["description_placeholders"]["kid"] == "1"
    submitted = asyncio.create_task(answer_device_form(hass, form))
    await machine.rekeyed()
    end = await submitted
    assert (end["type"], end["reason"]) == ("abort", "key_changed")

    form = await open_page(hass, entry, "next_key")
    submitted = asyncio.create_task(answer_device_form(hass, form))
    await machine.answer(await machine.next_order(), "rejected", reason="full")
    end = await submitted
    assert end["reason"] == "key_not_changed"
    assert "full" in end["description_placeholders"]["reason"]

    await machine.beat(state="asleep", for_s=600)
    form = await open_page(hass, entry, "next_key")
    assert (await answer_device_form(hass, form))["reason"] == "key_waits"


async def test_a_device_that_does_not_know_how_is_not_asked(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any
) -> None:
    machine = Machine(hass, mqtt_mock.async_publish)
    await machine.stand(entry)
    form = await open_page(hass, entry, "next_key")
    assert (await answer_device_form(hass, form))["reason"] == "key_not_changed"
    assert entry.runtime_data.hub.keys.step_of(machine.id) is None


async def test_a_disk_that_refuses_the_key_changes_nothing(
    hass: HomeAssistant, entry: ConfigEntry, machine: Rotating
) -> None:
    block_key_file(entry)
    response = await rekey(hass, page_of(hass, entry, machine).id)
    (outcome,) = response["devices"].values()
    assert outcome["status"] == "refused"
    assert machine.orders() == []
    await machine.beat()
    assert entry.runtime_data.hub.plant.members[machine.id].device.keys.all == {1: machine.key}


async def test_a_key_that_came_by_cable_meanwhile_wins(
    hass: HomeAssistant, entry: ConfigEntry, machine: Rotating
) -> None:
    hub = entry.runtime_data.hub
    hub.keys.put_device(machine.id, 7, OTHER_KEY)
    response = await rekey(hass, page_of(hass, entry, machine).id)
    (outcome,) = response["devices"].values()
    assert outcome["status"] == "refused"
    assert hub.keys.device_keys(machine.id) == {7: OTHER_KEY}


async def test_a_proof_that_cannot_be_kept_is_found_again(
    hass: HomeAssistant, entry: ConfigEntry, machine: Rotating, caplog: pytest.LogCaptureFixture
) -> None:
    call = rekey(hass, page_of(hass, entry, machine).id)
    order = await machine.next_order()
    machine.take(order)
    block_key_file(entry)
    await machine.answer(order)
    await call
    await settle(hass)
    assert "the keys of press-07 cannot be kept" in caplog.text
    entry.runtime_data.hub.keys.path.with_suffix(".new").rmdir()
    caplog.clear()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await machine.beat()
    assert entry.runtime_data.hub.plant.members[machine.id].device.keys.current == (2, machine.key)


async def test_a_restored_key_file_catches_up_by_the_next_heartbeat(
    hass: HomeAssistant, entry: ConfigEntry, machine: Rotating
) -> None:
    hub = entry.runtime_data.hub
    old = machine.key
    call = rekey(hass, page_of(hass, entry, machine).id)
    order = await machine.rekeyed()
    await call
    await settle(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    hub.keys.put_device(machine.id, 1, old)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    await machine.beat(rekeyed=[[2, order["args"]["salt"]]])
    keys = entry.runtime_data.hub.keys
    assert keys.device_keys(machine.id)[2] == machine.key
    assert subentry_of(entry).data["kid"] == 2


async def test_a_device_that_was_taken_out_has_no_keys_to_keep(
    hass: HomeAssistant, entry: ConfigEntry, machine: Rotating
) -> None:
    hub = entry.runtime_data.hub
    before = hub.keys.device_keys(machine.id)
    keys_changed(hub, "nobody")
    await settle(hass)
    assert hub.keys.device_keys("nobody") == {}
    assert hub.keys.device_keys(machine.id) == before


async def test_the_words_say_why(hass: HomeAssistant, entry: ConfigEntry, machine: Rotating) -> None:
    block_key_file(entry)
    with pytest.raises(HomeAssistantError, match="could not be written"):
        await hass.services.async_call("iiot", "rekey", {"device_id": page_of(hass, entry, machine).id}, blocking=True)


async def open_retirement(hass: HomeAssistant, entry: Any) -> Any:
    menu = await entry.start_reconfigure_flow(hass)
    form = await answer(hass, menu, next_step_id="change_site")
    return await answer(hass, form, name="Hall 3", prefix="iiot", fleet_key="retire")


async def test_devices_take_their_next_key_before_the_fleet_key_goes(
    hass: HomeAssistant, entry: ConfigEntry, machine: Rotating
) -> None:
    form = await open_retirement(hass, entry)
    submitted = asyncio.create_task(answer(hass, form, next_keys=True))
    await machine.rekeyed()
    assert (await submitted)["reason"] == "reconfigure_successful"
    await settle(hass)
    keys = entry.runtime_data.hub.keys
    assert keys.fleet_key is None
    assert keys.device_keys(machine.id)[2] == machine.key
    await machine.beat()
    assert entry.runtime_data.hub.plant.members[machine.id].connection == "live"


async def test_a_device_that_does_not_answer_holds_the_fleet_key_up_only_for_a_moment(
    hass: HomeAssistant, entry: ConfigEntry, machine: Rotating, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "NEXT_KEYS_WITHIN_S", 0.05)
    await answer(hass, await open_retirement(hass, entry), next_keys=True)
    await settle(hass)
    keys = entry.runtime_data.hub.keys
    assert keys.fleet_key is None
    assert keys.step_of(machine.id) is not None, "it is told the same step again"
    await rotation.async_next_keys(entry.runtime_data.hub, [])
