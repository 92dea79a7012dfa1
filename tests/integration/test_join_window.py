"""The join window: for a while devices that prove a key join by themselves, and people see how far each has come."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_capture_events, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.iiot.bridge import discovery
from custom_components.iiot.const import CONF_JOIN_UNTIL, EVENT_DEVICE
from custom_components.iiot.engine.actuation.roles import Role

from .commissioning import choose, has_joined, members, submit, until
from .field import CHANNELS, FieldDevice, state
from .joining import (  # noqa: F401  # fixtures
    OTHER_KEY,
    add_hub,
    call,
    call_verified,
    cards,
    expected_lingering_timers,
    settle,
)
from .people import add_person, ask, grant


async def open_window(hass: HomeAssistant, entry: ConfigEntry, minutes: int = 10, user: User | None = None) -> Any:
    return await ask(hass, "open_join_window", user, config_entry_id=entry.entry_id, minutes=minutes)


async def pass_time(hass: HomeAssistant, seconds: float) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await settle(hass)


def window(hass: HomeAssistant, entry: ConfigEntry) -> tuple[str, str | None]:
    shown = state(hass, "binary_sensor", entry.entry_id, "fleet.join_window")
    return shown.state, shown.attributes.get("until")


async def test_while_it_is_open_devices_join_by_themselves_and_each_is_told(
    hass: HomeAssistant, entry: ConfigEntry
) -> None:
    events = async_capture_events(hass, EVENT_DEVICE)
    assert window(hass, entry) == ("off", None)
    told = await open_window(hass, entry)
    until = datetime.fromisoformat(told["until"])
    assert told["open"]
    assert abs((until - datetime.now(UTC)).total_seconds() - 600) < 2
    await call_verified(hass, entry, "pump-1", name="Pump 1", place="Cellar")
    await call(hass, OTHER_KEY, "stranger")
    await has_joined(hass, entry, "pump-1")
    assert window(hass, entry) == ("on", told["until"])
    kinds = [event.data["kind"] for event in events]
    assert kinds == ["join_opened", "key_proved", "enrolled"]
    assert events[0].data["minutes"] == 10

    await pass_time(hass, 601)
    assert window(hass, entry) == ("off", None)
    assert events[-1].data["kind"] == "join_closed"
    await call_verified(hass, entry, "pump-2")
    assert members(entry) == ["pump-1"]
    assert {card["context"]["unique_id"].partition(":")[2] for card in cards(hass)} == {"pump-2", "stranger"}


async def test_it_is_closed_early_and_closing_it_twice_is_no_event(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await open_window(hass, entry)
    events = async_capture_events(hass, EVENT_DEVICE)
    for _ in range(2):
        told = await ask(hass, "close_join_window", config_entry_id=entry.entry_id)
        assert told == {"open": False, "until": None}
    assert [event.data["kind"] for event in events] == ["join_closed"]
    assert CONF_JOIN_UNTIL not in entry.options


async def test_opened_again_it_has_the_new_end(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await open_window(hass, entry, 1)
    await open_window(hass, entry, 5)
    await pass_time(hass, 120)
    assert window(hass, entry)[0] == "on"
    await pass_time(hass, 310)
    assert window(hass, entry)[0] == "off"


async def test_its_end_survives_a_restart(hass: HomeAssistant, entry: ConfigEntry) -> None:
    told = await open_window(hass, entry, 10)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert window(hass, entry) == ("on", told["until"])
    await call_verified(hass, entry, "pump-1")
    await has_joined(hass, entry, "pump-1")
    await hass.config_entries.async_unload(entry.entry_id)
    past = {CONF_JOIN_UNTIL: round(time.time()) - 1}
    hass.config_entries.async_update_entry(entry, options={**entry.options, **past})
    events = async_capture_events(hass, EVENT_DEVICE)
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert window(hass, entry) == ("off", None)
    assert "join_closed" in [event.data["kind"] for event in events]
    await call_verified(hass, entry, "pump-2")
    assert members(entry) == ["pump-1"]


async def test_neither_ignored_nor_removed_devices_come_in_by_it(hass: HomeAssistant, entry: ConfigEntry) -> None:
    gone = FieldDevice(hass, "gone-3")
    subentry_id = await gone.join(entry)
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await settle(hass)
    await discovery.async_ignore(entry.runtime_data.hub, "pump-1", "of the neighbour")
    await settle(hass)
    await open_window(hass, entry)
    await call_verified(hass, entry, "pump-1")
    await gone.beat()
    assert members(entry) == []
    assert entry.runtime_data.hub.joining.joiners() == []


async def test_only_an_engineer_of_the_site_opens_it(hass: HomeAssistant, entry: ConfigEntry) -> None:
    anna = await add_person(hass, "Anna")
    with pytest.raises(ServiceValidationError):
        await open_window(hass, entry, user=anna)
    grant(entry, anna, Role.ENGINEER)
    assert (await open_window(hass, entry, user=anna))["open"]


async def test_a_form_opens_it_and_shows_each_step_by_itself(hass: HomeAssistant, entry: ConfigEntry) -> None:
    step = await submit(hass, await choose(hass, entry, "open_window"), minutes=2)
    assert (step["type"], step["step_id"]) == ("progress", "watch_joining")
    assert step["description_placeholders"]["counts"].startswith("Nobody has called")
    device = FieldDevice(hass, "pump-1")
    flows = hass.config_entries.options

    async def look() -> str:
        await pass_time(hass, 1.5)
        found = await flows.async_configure(step["flow_id"])
        assert found["type"] == "progress"
        return str(found["description_placeholders"]["devices"])

    await device.beat(name="Pump")
    assert await look() == "\\-", "the browser would not notice yet"
    await look()
    assert "| Pump \\(pump\\-1\\), demo | heard |" in await look()
    await call(hass, OTHER_KEY, "stranger", name="", model="")
    assert "| stranger | heard: no key of this site has signed its message |" in await look()
    asked = entry.runtime_data.hub.plant.inbox.get("pump-1").downlink.last
    await device.beat(name="Pump", hseq=asked)
    await has_joined(hass, entry, "pump-1")
    assert "| Pump \\(pump\\-1\\), demo | approved |" in await look()
    await device.describe(CHANNELS)
    assert "| Pump \\(pump\\-1\\), demo | described |" in await look()
    await device.read(temperature=20.5)
    assert "| Pump \\(pump\\-1\\), demo | first data |" in await look()
    await pass_time(hass, 150)
    over = await flows.async_configure(step["flow_id"])
    assert (over["type"], over["step_id"]) == ("menu", "joining_over")
    assert over["description_placeholders"]["counts"] == "heard: 1, first data: 1"
    assert over["description_placeholders"]["window"] == "closed"
    again = await submit(hass, over, next_step_id="joining_over")
    assert again["step_id"] == "joining_over"


async def test_a_closed_dialog_leaves_nothing_behind_and_the_window_open(
    hass: HomeAssistant, entry: ConfigEntry
) -> None:
    step = await submit(hass, await choose(hass, entry, "open_window"), minutes=2)
    hub = entry.runtime_data.hub
    assert hub.joining._watchers
    hass.config_entries.options.async_abort(step["flow_id"])
    await settle(hass)
    assert not hub.joining._watchers
    assert hub.joining._looking is None
    assert hub.joining.until is not None


async def test_a_hub_that_stops_ends_the_page_and_leaves_no_timer(hass: HomeAssistant, entry: ConfigEntry) -> None:
    step = await submit(hass, await choose(hass, entry, "open_window"), minutes=2)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await settle(hass)
    end = await hass.config_entries.options.async_configure(step["flow_id"])
    assert (end["type"], end["reason"]) == ("abort", "hub_not_running")


async def test_a_long_list_is_cut_short(hass: HomeAssistant, entry: ConfigEntry) -> None:
    rows = "\n".join(f"pump-{number}" for number in range(45))
    await ask(hass, "import_serials", config_entry_id=entry.entry_id, serials=f"serial\n{rows}", dry_run=False)
    page = await choose(hass, entry, "watch_joining")
    shown = page["description_placeholders"]
    assert shown["counts"] == "expected, not heard yet: 45"
    assert shown["devices"].splitlines()[-1] == "| … (+5) | |"
    assert len(shown["devices"].splitlines()) == 2 + 40 + 1


async def test_the_form_closes_it(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await open_window(hass, entry)
    menu = await choose(hass, entry, "close_window")
    assert menu["step_id"] == "commissioning"
    assert menu["description_placeholders"]["window"] == "closed"
    assert entry.runtime_data.hub.joining.until is None


async def subscribe(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, entry_id: str, user: User | None = None
) -> tuple[Any, Any]:
    """Give the client and the first answer."""
    token = None
    if user is not None:
        refresh = await hass.auth.async_create_refresh_token(user, "https://example.test")
        token = hass.auth.async_create_access_token(refresh)
    client = await hass_ws_client(hass, token) if token else await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "iiot/join/subscribe", "config_entry_id": entry_id})
    return client, await client.receive_json()


async def test_a_page_is_told_each_step(
    hass: HomeAssistant, entry: ConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    client, reply = await subscribe(hass, hass_ws_client, entry.entry_id)
    assert reply["success"]
    first = (await client.receive_json())["event"]
    assert first == {"until": None, "steps": {}, "devices": []}
    told = await open_window(hass, entry)
    await call_verified(hass, entry, "pump-1", name="Pump")
    await has_joined(hass, entry, "pump-1")
    await pass_time(hass, 1.5)
    event = (await client.receive_json())["event"]
    assert event == {
        "until": told["until"],
        "steps": {"approved": 1},
        "devices": [
            {
                "id": "pump-1",
                "name": "Pump",
                "model": "demo",
                "step": "approved",
                "listed": False,
                "holds_key": True,
                "other_model": "",
            }
        ],
    }
    await client.close()
    await until(hass, lambda: entry.runtime_data.hub.joining._looking is None)


async def test_a_page_is_refused_in_words(
    hass: HomeAssistant, entry: ConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    _, reply = await subscribe(hass, hass_ws_client, "nowhere")
    assert reply["error"]["code"] == "no_site"
    anna, berta = await add_person(hass, "Anna"), await add_person(hass, "Berta")
    grant(entry, berta, Role.VIEWER)
    _, reply = await subscribe(hass, hass_ws_client, entry.entry_id, berta)
    assert reply["success"]
    await hass.config_entries.async_unload(entry.entry_id)
    _, reply = await subscribe(hass, hass_ws_client, entry.entry_id, anna)
    assert reply["error"]["code"] == "no_site"
