"""What happens to devices stands in the logbook, in words, with a way to the device, and at a bounded rate."""

import json
from datetime import timedelta
from typing import Any

import pytest
from homeassistant.components.logbook.models import LazyEventPartialState
from homeassistant.components.recorder import Recorder
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.iiot.bridge import events
from custom_components.iiot.bridge.notices import CHANNEL_CHATTERS, JOURNAL_BEGAN_ANEW, JOURNAL_OVERRUN
from custom_components.iiot.const import DOMAIN, EVENT_DEVICE
from custom_components.iiot.engine.actuation.command import Actor
from custom_components.iiot.engine.actuation.wish import Wish
from custom_components.iiot.engine.effects import Notice, Refused
from custom_components.iiot.engine.errors import Code
from custom_components.iiot.engine.plant import notices
from custom_components.iiot.engine.ports import Trimmed
from custom_components.iiot.engine.values import Happening
from custom_components.iiot.logbook import HAPPENINGS, NOTICES, describe

from .field import FieldDevice, entity_id
from .joining import (
    DEVICE_ID,
    FLEET_KEY,
    OTHER_KEY,
    add_hub,
    call,
    call_verified,
    settle,
)
from .people import hub_page_of, page_of


def line_of(event: Event) -> str:
    """The words of an event."""
    row: Any = event_row(event.data)
    line = describe(row)
    return f"{line['name']} {line['message']}"


def event_row(data: Any) -> Any:
    """An event as the logbook hands it over."""
    event = LazyEventPartialState.__new__(LazyEventPartialState)
    event.data = data
    return event


async def logbook(hass: HomeAssistant, client: Any, **of: Any) -> list[dict[str, Any]]:
    """Ask the logbook as the page of a device does."""
    await async_wait_recording_done(hass)
    start = dt_util.utcnow() - timedelta(hours=1)
    await client.send_json_auto_id({"type": "logbook/get_events", "start_time": start.isoformat(), **of})
    reply = await client.receive_json()
    assert reply["success"], reply
    lines: list[dict[str, Any]] = reply["result"]
    return lines


async def test_the_page_of_a_device_shows_its_life(
    recorder_mock: Recorder, hass: HomeAssistant, mqtt_mock: Any, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, "logbook", {})
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    station = await device.join(entry)
    await call(hass, OTHER_KEY, seq=9)
    await call(hass, OTHER_KEY, seq=10)
    await device.log("error", "bearing hot")
    await device.send("status", {"state": "offline", "session": "0badcafe"})
    connection, log = (
        entity_id(hass, platform, station, key)
        for platform, key in (("sensor", "health.connection"), ("event", "device.log"))
    )
    client = await hass_ws_client(hass)
    page = {"device_ids": [page_of(hass, entry, station).id], "entity_ids": [connection, log]}
    lines = await logbook(hass, client, **page)
    told = [(line["name"], line["message"], line.get("entity_id")) for line in lines if line.get("domain") == DOMAIN]
    assert told == [
        ("Press-07", "joined the site Hall 3", None),
        (
            "Press-07",
            "had a message refused: the signature does not fit the message (bad_mac, 1 so far)",
            connection,
        ),
    ]
    by_entity = [(line["entity_id"], line["state"]) for line in lines if "state" in line]
    assert [state for found, state in by_entity if found == connection][-2:] == ["live", "lost"]
    assert any(line.get("attributes", {}).get("event_type") == "error" for line in lines)


async def test_the_page_of_the_hub_shows_strangers_and_itself(
    recorder_mock: Recorder, hass: HomeAssistant, mqtt_mock: Any, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, "logbook", {})
    entry = await add_hub(hass)
    await call_verified(hass, entry, "stranger-1")
    hub = entry.runtime_data.hub
    hub.effects.journal_began_anew()
    client = await hass_ws_client(hass)
    lines = await logbook(hass, client, device_ids=[hub_page_of(hass, entry).id])
    assert [(line["name"], line["message"]) for line in lines] == [
        ("stranger-1", "proved that it holds a key of the site Hall 3"),
        ("Hall 3", "began a new journal: the old one was missing"),
    ]


async def test_a_device_that_comes_and_goes_is_told(hass: HomeAssistant, mqtt_mock: Any) -> None:
    told = async_capture_events(hass, EVENT_DEVICE)
    entry = await add_hub(hass)
    station = await FieldDevice(hass).join(entry)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    page = page_of(hass, entry, station).id
    hass.config_entries.async_remove_subentry(entry, station)
    await settle(hass)
    assert [line_of(event) for event in told] == [
        "Press-07 joined the site Hall 3",
        "press-07 was removed from the site Hall 3",
    ]
    joined, gone = (event.data for event in told)
    assert (joined["device"], joined["device_id"], joined["config_entry_id"]) == (DEVICE_ID, page, entry.entry_id)
    assert gone["device_id"] == hub_page_of(hass, entry).id, (
        "its own page is gone, so the line stands on that of the hub"
    )
    assert joined["transition_id"] != gone["transition_id"]


async def test_a_notice_is_told_when_it_begins_and_when_it_is_over(hass: HomeAssistant, mqtt_mock: Any) -> None:
    told = async_capture_events(hass, EVENT_DEVICE)
    entry = await add_hub(hass)
    effects = entry.runtime_data.hub.effects
    effects.perform(Notice(notices.HUB_CLOCK, None, True, {"skew_s": -70}))
    effects.perform(Notice(notices.HUB_CLOCK, None, False, {}))
    effects.journal_trimmed(Trimmed(7, {"history": 7}, more=False, noisiest="press-07"))
    assert [line_of(event) for event in told] == [
        "Hall 3 doubts its own clock, off by -70 s from those of its devices",
        "Hall 3 trusts its clock again",
        "Hall 3 lost 7 rows of its journal before history read them",
    ]


async def test_a_message_of_nobody_is_told_of_the_hub(hass: HomeAssistant, mqtt_mock: Any) -> None:
    told = async_capture_events(hass, EVENT_DEVICE)
    entry = await add_hub(hass)
    entry.runtime_data.hub.effects.perform(Refused("", Code.MALFORMED, "not an envelope", 3))
    entry.runtime_data.hub.effects.perform(Refused("ghost", Code.TOO_LARGE, "70,000 bytes", 1))
    assert [line_of(event) for event in told] == [
        "Hall 3 refused a message of nobody it knows: not an envelope (malformed, 3 so far)",
        "ghost had a message refused: 70,000 bytes (too_large, 1 so far)",
    ]
    assert "device" not in told[0].data


async def test_a_device_whose_connection_is_disabled_is_told_without_a_link_to_it(
    hass: HomeAssistant, mqtt_mock: Any
) -> None:
    entry = await add_hub(hass)
    station = await FieldDevice(hass).join(entry)
    connection = str(entity_id(hass, "sensor", station, "health.connection"))
    er.async_get(hass).async_update_entity(connection, disabled_by=er.RegistryEntryDisabler.USER)
    told = async_capture_events(hass, EVENT_DEVICE)
    entry.runtime_data.hub.effects.perform(Refused(DEVICE_ID, Code.MALFORMED, "boot is missing", 1))
    assert "entity_id" not in told[0].data
    assert told[0].data["device_id"] == page_of(hass, entry, station).id


async def test_events_hold_no_secret_and_no_markup_of_a_terminal(hass: HomeAssistant, mqtt_mock: Any) -> None:
    told = async_capture_events(hass, EVENT_DEVICE)
    entry = await add_hub(hass, title=f"Hall {FLEET_KEY.hex()}")
    key = " ".join(FLEET_KEY.hex()[at : at + 4] for at in range(0, 64, 4))
    reason = f"alarm {key}\n\x1b[31m: mqtt://plant:hunter2@broker"
    effects = entry.runtime_data.hub.effects
    effects.perform(Notice(notices.MANIFEST, DEVICE_ID, True, {"reason": reason}))
    args = {FLEET_KEY.hex(): [key, {f"\x1b{key}": "mqtt://plant:hunter2@broker"}, 7]}
    effects.events.wish_refused(DEVICE_ID, Wish(name="set", args=args, actor=Actor(None, None, "service")), "x", "y")
    text = json.dumps([one.data for one in told])
    assert not [secret for secret in (FLEET_KEY.hex(), key, "hunter2", "\\u001b", "\\n") if secret in text]
    assert told[0].data["facts"]["reason"].startswith("alarm **REDACTED**")
    assert told[1].data["args"]["**REDACTED**"][2] == 7


async def test_a_flood_leaves_lines_out_and_says_how_many(
    hass: HomeAssistant, mqtt_mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await add_hub(hass)
    effects = entry.runtime_data.hub.effects
    told = async_capture_events(hass, EVENT_DEVICE)
    for number in range(events.MOST + 40):
        effects.perform(Refused(f"ghost-{number}", Code.MALFORMED, "not an envelope", 1))
    assert len(told) == events.MOST
    monkeypatch.setattr(events, "SPAN_S", 0.0)
    effects.perform(Refused("ghost", Code.MALFORMED, "not an envelope", 1))
    assert line_of(told[-1]).endswith("; 40 lines before this one were left out")
    effects.perform(Refused("ghost", Code.MALFORMED, "not an envelope", 2))
    assert "left_out" not in told[-1].data


def test_everything_that_can_happen_has_its_words() -> None:
    assert HAPPENINGS.keys() == set(Happening)
    assert NOTICES.keys() == {*notices.KINDS, JOURNAL_BEGAN_ANEW, JOURNAL_OVERRUN, CHANNEL_CHATTERS}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, ""),
        ({"kind": "command_done", "name": "Press"}, "command done"),
        ({"kind": "notice", "notice": "of tomorrow"}, "notice"),
        ({"kind": "refused", "device": "x"}, "had a message refused: ? (?, ? so far)"),
    ],
)
def test_an_event_of_another_release_is_a_line_all_the_same(data: dict[str, Any], message: str) -> None:
    assert describe(event_row(data))["message"] == message


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"step": "sent", "args": {"key": "fan", "value": True}}, "was told set (key fan, value on)"),
        ({"step": "done", "args": {}}, "did set"),
        ({"step": "rejected", "args": {}, "reason": "busy"}, "will not do set: busy"),
        ({"step": "failed", "args": {}}, "failed to do set: no reason given"),
        ({"step": "not_sent", "args": {}}, "was never told set"),
        ({"step": "not_sent", "args": {}, "reason": "interlock_condition"}, "was never told set: interlock_condition"),
        ({"step": "dreamt", "args": {}}, "command"),
    ],
)
def test_the_steps_of_a_command_are_lines(facts: dict[str, Any], message: str) -> None:
    line = describe(event_row({"kind": "command", "name": "Press 7", "command": "set", **facts}))
    assert (line["name"], line["message"]) == ("Press 7", message)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"kind": "wish_refused", "command": "set", "args": {"key": "fan"}, "reason": "Fan is locked"},
            "was not told set (key fan): Fan is locked",
        ),
        (
            {"kind": "wish_waits", "command": "press", "args": {"key": "reset"}, "seconds": 30},
            "waits 30 s for a second person before press (key reset)",
        ),
        ({"kind": "policy_changed", "sections": "interlocks"}, "goes by other rules: interlocks"),
        (
            {"kind": "role_set", "person": "Anna", "role": "operator", "node": "Hall 3"},
            "took Anna as operator of Hall 3",
        ),
        ({"kind": "role_set", "person": "Anna", "role": "", "node": "Hall 3"}, "took Anna out of the roles of Hall 3"),
    ],
)
def test_what_people_decide_is_a_line(facts: dict[str, Any], message: str) -> None:
    assert describe(event_row(facts))["message"] == message
