"""A device that a person revoked is refused, commanded by nobody and shown as revoked, until it is let in again."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from pytest_homeassistant_custom_component.common import MockUser, async_capture_events

from custom_components.iiot.bridge.health import FLEET
from custom_components.iiot.const import EVENT_DEVICE

from .field import state
from .joining import (
    answer_device_form,
    open_page,
    settle,
)
from .people import page_of
from .plant_floor import Machine

pytestmark = pytest.mark.hub(state_interval=0)


@pytest.fixture
async def machine(hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any) -> Machine:
    """One device that obeys."""
    found = Machine(hass, mqtt_mock.async_publish)
    found.subentry_id = await found.stand(entry)
    await found.read(fan=True, flap=30)
    return found


async def act(hass: HomeAssistant, action: str, page: str, **data: Any) -> Any:
    facts = {"device_id": page, **data}
    response = await hass.services.async_call("iiot", action, facts, blocking=True, return_response=True)
    await settle(hass)
    return response


def connection(hass: HomeAssistant, machine: Machine) -> Any:
    return state(hass, "sensor", machine.subentry_id, "health.connection")


async def test_nothing_that_a_revoked_device_says_counts(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    events = async_capture_events(hass, EVENT_DEVICE)
    page = page_of(hass, entry, machine).id
    response = await act(hass, "revoke", page, reason="stolen on Friday")
    assert response["devices"][page] == {"name": "Press-07", "id": "press-07", "status": "revoked"}
    assert connection(hass, machine).state == "revoked"
    assert connection(hass, machine).attributes["reason"] == "stolen on Friday"
    assert state(hass, "binary_sensor", machine.subentry_id, "fan").state == "unavailable"
    assert state(hass, "switch", machine.subentry_id, "set.fan").state == "unavailable"
    await machine.beat()
    await machine.read(fan=False)
    member = entry.runtime_data.hub.plant.members["press-07"]
    assert member.device.refusals.counts == {"revoked": 2}
    assert member.board.values["fan"].value is True
    assert [event.data["kind"] for event in events] == ["revoked", "refused"]
    assert connection(hass, machine).state == "revoked"


async def test_nobody_commands_a_revoked_device(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> None:
    page = page_of(hass, entry, machine).id
    await act(hass, "revoke", page)
    machine.orders()
    response = await act(hass, "identify", page)
    outcome = response["devices"][page]
    assert outcome["status"] == "refused"
    assert "revoked" in outcome["reason"]
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call("iiot", "identify", {"device_id": page}, blocking=True)
    assert machine.orders() == []


async def test_it_stays_revoked_over_a_restart_and_is_told_once(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    await act(hass, "revoke", page_of(hass, entry, machine).id, reason="stolen")
    events = async_capture_events(hass, EVENT_DEVICE)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await machine.beat()
    assert connection(hass, machine).state == "revoked"
    assert "revoked" not in [event.data["kind"] for event in events]
    assert entry.runtime_data.hub.plant.members["press-07"].device.refusals.counts == {"revoked": 1}


async def test_a_device_that_is_let_in_again_goes_on_with_its_key_and_its_window(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    events = async_capture_events(hass, EVENT_DEVICE)
    page = page_of(hass, entry, machine).id
    await act(hass, "revoke", page)
    seen = machine.seq
    await machine.beat()
    response = await act(hass, "restore", page)
    assert response["devices"][page]["status"] == "restored"
    assert connection(hass, machine).state == "lost", "until it speaks"
    machine.seq = seen - 1
    await machine.beat()
    assert entry.runtime_data.hub.plant.members["press-07"].device.refusals.counts["duplicate"] == 1
    await machine.read(fan=False)
    assert connection(hass, machine).state == "live"
    assert "reason" not in connection(hass, machine).attributes
    assert state(hass, "binary_sensor", machine.subentry_id, "fan").state == "off"
    assert [event.data["kind"] for event in events if event.data["kind"] != "refused"] == ["revoked", "admitted"]


async def test_it_is_revoked_and_let_in_again_on_its_page(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    form = await open_page(hass, entry, "revoke")
    end = await answer_device_form(hass, form, reason=" stolen ")
    assert (end["type"], end["reason"]) == ("abort", "device_revoked")
    await settle(hass)
    form = await open_page(hass, entry, "revoke")
    assert form["description_placeholders"]["reason"] == "stolen"
    end = await answer_device_form(hass, form)
    assert (end["type"], end["reason"]) == ("abort", "device_readmitted")
    await settle(hass)
    await machine.beat()
    assert connection(hass, machine).state == "live"


async def test_a_revoked_device_is_not_counted_as_lost(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    await act(hass, "revoke", page_of(hass, entry, machine).id)
    plant = entry.runtime_data.hub.plant
    assert [row.read(plant) for row in FLEET if row.key in ("fleet.live", "fleet.lost")] == [0, 0]


async def test_only_who_may_revokes(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, hass_read_only_user: MockUser
) -> None:
    page = page_of(hass, entry, machine).id
    context = Context(user_id=hass_read_only_user.id)
    for action in ("revoke", "restore"):
        with pytest.raises(ServiceValidationError):
            await hass.services.async_call("iiot", action, {"device_id": page}, blocking=True, context=context)
    data = {"config_entry_id": entry.entry_id, "device": "press-07"}
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call("iiot", "restore_device", data, blocking=True, context=context)
    await hass.services.async_call("iiot", "revoke", {"device_id": page}, blocking=True)
    await hass.services.async_call("iiot", "restore", {"device_id": page}, blocking=True)
