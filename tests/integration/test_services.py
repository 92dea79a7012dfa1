"""Actions on devices: each answers for itself, and nothing is done without its word."""

import asyncio
from typing import Any

import probatio
import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import label_registry as lr
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.iiot.const import EVENT_DEVICE

from .people import machine_at, page_of
from .plant_floor import Machine


def act(hass: HomeAssistant, action: str, **data: Any) -> asyncio.Task[Any]:
    """Call an action; gives the task that brings its response, for which nobody else waits."""
    return asyncio.create_task(hass.services.async_call("iiot", action, data, blocking=True, return_response=True))


@pytest.mark.parametrize(
    ("action", "data", "command", "args"),
    [
        ("command", {"command": "set", "args": {"key": "fan", "value": True}}, "set", {"key": "fan", "value": True}),
        ("sleep", {"duration": {"minutes": 5}}, "sleep", {"for_s": 300}),
        ("awake", {}, "awake", {}),
        ("restart", {}, "restart", {}),
        ("identify", {}, "identify", {"s": 10}),
        (
            "set_sample_interval",
            {"duration": {"seconds": 2}, "channel": "flap"},
            "set_interval",
            {"s": 2, "ch": "flap"},
        ),
        ("set_sample_rate", {"rate": 50}, "set_rate", {"hz": 50}),
    ],
)
async def test_an_action_is_a_command_and_returns_the_devices_answer(
    hass: HomeAssistant,
    entry: ConfigEntry,
    mqtt_mock: Any,
    *,
    action: str,
    data: dict[str, Any],
    command: str,
    args: dict[str, Any],
) -> None:
    machine = await machine_at(hass, entry, mqtt_mock)
    page = page_of(hass, entry, machine)
    call = act(hass, action, device_id=page.id, **data)
    order = await machine.obey(result={"n": 1})
    assert (order["cmd"], order["args"]) == (command, args)
    assert await call == {
        "devices": {
            page.id: {
                "name": "Press-07",
                "id": "press-07",
                "status": "done",
                "command_id": order["cid"],
                "result": {"n": 1},
            }
        }
    }


@pytest.mark.parametrize("way", ["device", "entity", "area", "label", "site"])
async def test_devices_are_found_by_whatever_points_at_them(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any, way: str
) -> None:
    machine = await machine_at(hass, entry, mqtt_mock)
    page = page_of(hass, entry, machine)
    area = ar.async_get(hass).async_get_or_create("Hall")
    label = lr.async_get(hass).async_create("Presses")
    dr.async_get(hass).async_update_device(page.id, area_id=area.id, labels={label.label_id})
    pointing = {
        "device": {"device_id": page.id},
        "entity": {"entity_id": "switch.press_07_fan"},
        "area": {"area_id": area.id},
        "label": {"label_id": label.label_id},
        "site": {"config_entry_id": entry.entry_id},
    }
    call = act(hass, "identify", **pointing[way])
    await machine.obey()
    assert list((await call)["devices"]) == [page.id]


async def test_each_device_answers_for_itself(hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any) -> None:
    press = await machine_at(hass, entry, mqtt_mock)
    pump = await machine_at(hass, entry, mqtt_mock, "pump-01")
    call = act(hass, "restart", config_entry_id=entry.entry_id)
    await press.obey()
    await pump.obey("rejected", reason="running")
    told = {facts["id"]: (facts["status"], facts.get("reason")) for facts in (await call)["devices"].values()}
    assert told == {"press-07": ("done", None), "pump-01": ("rejected", "running")}


async def test_without_a_response_a_failure_is_an_error_that_names_the_device(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any
) -> None:
    press = await machine_at(hass, entry, mqtt_mock)
    call = asyncio.create_task(
        hass.services.async_call("iiot", "restart", {"config_entry_id": entry.entry_id}, blocking=True)
    )
    await press.obey("rejected", reason="running")
    with pytest.raises(HomeAssistantError) as failed:
        await call
    assert failed.value.translation_placeholders == {"count": "1", "total": "1", "devices": "Press-07: running"}


async def test_what_a_device_does_not_know_is_refused_at_once(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any
) -> None:
    machine = await machine_at(hass, entry, mqtt_mock)
    (facts,) = (await act(hass, "command", config_entry_id=entry.entry_id, command="dance"))["devices"].values()
    assert facts["status"] == "refused"
    assert "dance" not in [order["cmd"] for order in machine.orders()]


@pytest.mark.parametrize(("command", "words"), [("rekey", "iiot.rekey"), ("forget", "deleted"), ("ota", "firmware")])
async def test_one_step_of_something_larger_is_refused_with_who_does_the_whole(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any, command: str, words: str
) -> None:
    machine = Machine(hass, mqtt_mock.async_publish)
    await machine.stand(entry, commands=["set", command])
    with pytest.raises(ServiceValidationError, match=words):
        await act(hass, "command", config_entry_id=entry.entry_id, command=command, args={"kid": 2, "salt": "00"})
    assert machine.orders() == []


async def test_a_sleeping_device_is_told_when_it_wakes(hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any) -> None:
    machine = await machine_at(hass, entry, mqtt_mock)
    await machine.beat(state="asleep", for_s=600)
    hub = entry.runtime_data.hub
    machine_member = hub.plant.members[machine.id]
    machine_member.listens_until_ns = 0
    (facts,) = (await act(hass, "identify", config_entry_id=entry.entry_id))["devices"].values()
    assert facts["status"] == "requested"
    await machine.beat()
    order = await machine.obey()
    assert order["cid"] == facts["command_id"]


async def test_a_time_that_no_calendar_holds_is_refused_in_words(hass: HomeAssistant, entry: ConfigEntry) -> None:
    with pytest.raises(probatio.Invalid, match="must be at most 999999999 days"):
        await act(hass, "sleep", config_entry_id=entry.entry_id, duration={"days": 10**12})


async def test_nothing_of_ours_is_an_error(hass: HomeAssistant, entry: ConfigEntry) -> None:
    with pytest.raises(ServiceValidationError) as failed:
        await act(hass, "identify", device_id="nobody")
    assert failed.value.translation_key == "no_device"


async def test_each_step_of_a_command_is_an_event_of_the_person_who_asked(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any
) -> None:
    machine = await machine_at(hass, entry, mqtt_mock)
    events = async_capture_events(hass, EVENT_DEVICE)
    call = act(hass, "restart", config_entry_id=entry.entry_id)
    order = await machine.next_order()
    await machine.answer(order, "accepted")
    await machine.answer(order)
    await call
    steps = [event.data for event in events if event.data["kind"] == "command"]
    assert [facts["step"] for facts in steps] == ["sent", "accepted", "done"]
    assert {facts["command_id"] for facts in steps} == {order["cid"]}
    assert len({facts["transition_id"] for facts in steps}) == 3
