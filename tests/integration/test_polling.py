"""Devices are asked for their readings: by schedule, and when somebody wants to know now."""

import asyncio
import json
import re
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.iiot.const import EVENT_DEVICE
from custom_components.iiot.engine.wire import canonical, codec
from custom_components.iiot.logbook import describe

from .field import FieldDevice, state
from .joining import (
    add_device,
    answer_device_form,
    fields,
    open_page,
    suggested,
)
from .people import page_of
from .words import FOLDER

pytestmark = pytest.mark.hub(state_interval=0)

LEVEL = {"key": "level", "name": "Level", "kind": "float", "unit": "%", "mode": "poll"}
FLOW = {"key": "flow", "name": "flow", "kind": "float"}
CAPS = ["confirm", "poll"]
WITHIN_S = 10
TEXTS = json.loads((FOLDER / "translations/en.json").read_text("utf-8"))["exceptions"]


def told(key: str) -> re.Pattern[str]:
    """Give what a person reads of an error: its words, or the name of its words before they are loaded."""
    words = re.escape(TEXTS[key]["message"].rstrip(".")).replace(r"\{device\}", ".*")
    return re.compile(f"{key}|{words}")


async def tank_at(hass: HomeAssistant, entry: ConfigEntry, device_id: str = "tank-01", **beat: Any) -> FieldDevice:
    tank = FieldDevice(hass, device_id)
    await tank.join(entry, [LEVEL, FLOW], **{"caps": CAPS, **beat})
    return tank


async def next_question(published: Any, device_id: str = "tank-01", *, after: int = 0) -> dict[str, Any]:
    """Wait for the first question for readings that comes after so many others."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = []
            for call in published.call_args_list:
                if call.args[0] == f"iiot/{device_id}/poll":
                    payload = canonical.decode(codec.split(call.args[1]).span)
                    found += [payload] if payload["ch"] else []
            if len(found) > after:
                question: dict[str, Any] = found[after]
                return question
            await asyncio.sleep(0.02)


def ask(hass: HomeAssistant, **data: Any) -> asyncio.Task[Any]:
    return asyncio.create_task(hass.services.async_call("iiot", "poll", data, blocking=True, return_response=True))


# --- the page -----------------------------------------------------------------------------


async def test_a_person_says_how_often_which_channels_are_asked_for(
    hass: HomeAssistant, entry: MockConfigEntry, mqtt_mock: Any
) -> None:
    tank = await tank_at(hass, entry)
    events = async_capture_events(hass, EVENT_DEVICE)
    form = await open_page(hass, entry, "polling")
    assert fields(form) == ["interval_s", "channels", "timeout_s", "own_intervals"]
    assert suggested(form, "channels") == ["level"], "the device says that it waits to be asked"
    assert suggested(form, "interval_s") is None
    done = await answer_device_form(
        hass, form, interval_s=2, channels=["level"], timeout_s=3, own_intervals={"flow": 60}
    )
    assert done["reason"] == "reconfigure_successful"
    question = await next_question(mqtt_mock.async_publish)
    assert set(question["ch"]) <= {"level", "flow"}
    await tank.send("data", {"r": {"level": 40, "flow": 1}, "poll": question["pid"]})
    assert state(hass, "sensor", next(iter(entry.subentries)), "level").state == "40"
    (event,) = [event for event in events if event.data["kind"] == "policy_changed"]
    assert event.data["sections"] == "polling"
    assert describe(event)["message"] == "goes by other rules: polling"
    form = await open_page(hass, entry, "polling")
    own = next(part for marker, part in form["data_schema"].schema.items() if marker.schema == "own_intervals")
    assert suggested(form, "interval_s") == 2
    assert suggested({"data_schema": own.schema}, "flow") == 60


async def test_a_form_without_an_interval_ends_the_polling(
    hass: HomeAssistant, entry: MockConfigEntry, mqtt_mock: Any
) -> None:
    await tank_at(hass, entry)
    for answers in ({"interval_s": 5, "channels": ["level"]}, {}):
        form = await open_page(hass, entry, "polling")
        await answer_device_form(hass, form, timeout_s=5, own_intervals={}, **answers)
        await hass.async_block_till_done()
    (subentry,) = entry.subentries.values()
    assert subentry.data["policy"] == {}


async def test_a_device_that_answers_nothing_cannot_be_polled(
    hass: HomeAssistant, entry: MockConfigEntry, mqtt_mock: Any
) -> None:
    await tank_at(hass, entry, caps=["confirm"])
    form = await open_page(hass, entry, "polling")
    form = await answer_device_form(hass, form, interval_s=5, timeout_s=5, own_intervals={})
    assert form["errors"] == {"base": "device_answers_nothing"}
    done = await answer_device_form(hass, form, timeout_s=5, own_intervals={})
    assert done["reason"] == "reconfigure_successful"


async def test_a_device_that_has_not_called_may_be_polled_one_day(
    hass: HomeAssistant, entry: MockConfigEntry, mqtt_mock: Any
) -> None:
    await add_device(hass, entry)
    form = await open_page(hass, entry, "polling")
    assert fields(form) == ["interval_s", "timeout_s"]
    done = await answer_device_form(hass, form, interval_s=5, timeout_s=5)
    assert done["reason"] == "reconfigure_successful"
    (subentry,) = entry.subentries.values()
    assert subentry.data["policy"] == {"polling": {"interval_s": 5.0}}


# --- now ----------------------------------------------------------------------------------


async def test_asking_now_returns_what_the_device_answers(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any
) -> None:
    tank = await tank_at(hass, entry)
    page = page_of(hass, entry).id
    call = ask(hass, device_id=page)
    question = await next_question(mqtt_mock.async_publish)
    assert question["ch"] == ["level"]
    await tank.send("data", {"r": {"level": 40.5}, "poll": question["pid"]})
    facts = {"name": "Tank-01", "id": "tank-01"}
    assert await call == {"devices": {page: {**facts, "status": "done", "values": {"level": 40.5}}}}


async def test_what_fails_is_told_with_its_reason(hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any) -> None:
    tank = await tank_at(hass, entry)
    page = page_of(hass, entry).id
    call = ask(hass, device_id=page, channels=["level", "flow"])
    question = await next_question(mqtt_mock.async_publish)
    await tank.send("data", {"r": {"flow": 2}, "e": {"level": "VALUE"}, "poll": question["pid"]})
    answer = (await call)["devices"][page]
    assert (answer["status"], answer["values"], answer["failed"]) == ("failed", {"flow": 2}, {"level": "VALUE"})
    shown = state(hass, "sensor", next(iter(entry.subentries)), "level")
    assert (shown.state, shown.attributes["reason"]) == ("unknown", "VALUE")
    alone = asyncio.create_task(hass.services.async_call("iiot", "poll", {"device_id": page}, blocking=True))
    question = await next_question(mqtt_mock.async_publish, after=1)
    await tank.send("data", {"e": {"level": "COMM"}, "poll": question["pid"]})
    with pytest.raises(HomeAssistantError, match="level COMM"):
        await alone
    assert tank.hass.states.get("sensor.tank_01_failed_polled_readings") is None, "disabled, as most figures are"


async def test_each_device_answers_for_itself_or_is_refused_in_words(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any
) -> None:
    tank = await tank_at(hass, entry)
    await tank_at(hass, entry, "tank-02", caps=[])
    call = ask(hass, config_entry_id=entry.entry_id)
    question = await next_question(mqtt_mock.async_publish)
    await tank.send("data", {"r": {"level": 1}, "poll": question["pid"]})
    found = (await call)["devices"]
    assert found[page_of(hass, entry, "tank-01").id]["status"] == "done"
    refused = found[page_of(hass, entry, "tank-02").id]
    assert refused["status"] == "refused"
    assert told("device_not_polled").match(refused["reason"])


async def test_nobody_waits_for_a_hub_that_stops(hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any) -> None:
    await tank_at(hass, entry)
    page = page_of(hass, entry).id
    call = ask(hass, device_id=page)
    given_up = ask(hass, device_id=page)
    await next_question(mqtt_mock.async_publish, after=1)
    given_up.cancel()
    await asyncio.sleep(0)
    await hass.config_entries.async_unload(entry.entry_id)
    answer = (await call)["devices"][page]
    assert answer["status"] == "refused"
    assert told("poll_interrupted").match(answer["reason"])
