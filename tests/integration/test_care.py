"""A person tries a device, sets its counters to zero, and quiets a contact that chatters."""

from datetime import timedelta
from typing import Any

import pytest
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_capture_events, async_fire_time_changed

from custom_components.iiot.bridge.chatter import MINUTES, QUIET_MINUTES, SLOW_S, SWITCHING_A_MINUTE
from custom_components.iiot.const import DOMAIN, EVENT_DEVICE
from custom_components.iiot.engine.ingest.checks import Checks
from custom_components.iiot.engine.plant.policy import Policy
from custom_components.iiot.logbook import describe

from .field import FieldDevice, entity_id, state
from .joining import (
    settle,
)


async def press_at(hass: HomeAssistant, entry: ConfigEntry) -> tuple[FieldDevice, str]:
    press = FieldDevice(hass)
    return press, await press.join(entry)


# --- maintenance --------------------------------------------------------------------------


async def test_in_maintenance_values_are_marked_and_it_is_told(hass: HomeAssistant, entry: ConfigEntry) -> None:
    press, station = await press_at(hass, entry)
    await press.read(temperature=20)
    events = async_capture_events(hass, EVENT_DEVICE)
    switch = entity_id(hass, "switch", station, "device.maintenance")
    assert state(hass, "switch", station, "device.maintenance").state == "off"
    await hass.services.async_call("switch", "turn_on", {"entity_id": switch}, blocking=True)
    await settle(hass)
    assert state(hass, "switch", station, "device.maintenance").state == "on"
    shown = state(hass, "sensor", station, "temperature")
    assert (shown.state, shown.attributes["quality"], shown.attributes["trial"]) == ("20", "trial", True)
    await press.read(temperature=21, q={"temperature": "uncertain"})
    assert entry.runtime_data.hub.plant.members["press-07"].policy.trial
    await hass.services.async_call("switch", "turn_off", {"entity_id": switch}, blocking=True)
    await settle(hass)
    assert "trial" not in state(hass, "sensor", station, "temperature").attributes
    told = [describe(event)["message"] for event in events]
    assert told == [
        "is in maintenance mode: its values are marked as trial",
        "goes by other rules: trial",
        "is in maintenance mode no more",
        "goes by other rules: trial",
    ]


async def test_maintenance_outlives_a_restart_of_the_hub(hass: HomeAssistant, entry: ConfigEntry) -> None:
    _, station = await press_at(hass, entry)
    switch = entity_id(hass, "switch", station, "device.maintenance")
    await hass.services.async_call("switch", "turn_on", {"entity_id": switch}, blocking=True)
    await settle(hass)
    events = async_capture_events(hass, EVENT_DEVICE)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert state(hass, "switch", station, "device.maintenance").state == "on"
    assert not [event for event in events if event.data["kind"] == "trial_began"], "it is known already"


# --- counters -----------------------------------------------------------------------------


async def test_counters_are_set_to_zero_and_their_old_figures_told(hass: HomeAssistant, entry: ConfigEntry) -> None:
    press, station = await press_at(hass, entry)
    registry = er.async_get(hass)
    for platform, key in (("button", "device.zero_counters"), ("sensor", "health.refused_messages")):
        found = entity_id(hass, platform, station, key)
        assert found is not None
        entry_of = registry.async_get(found)
        assert entry_of is not None
        assert entry_of.disabled_by is er.RegistryEntryDisabler.INTEGRATION
        registry.async_update_entity(found, disabled_by=None)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await press.send("data", {"r": {"nothing": 1}})
    member = entry.runtime_data.hub.plant.members["press-07"]
    assert member.health().refused == 1
    events = async_capture_events(hass, EVENT_DEVICE)
    button = entity_id(hass, "button", station, "device.zero_counters")
    await hass.services.async_call("button", "press", {"entity_id": button}, blocking=True)
    await settle(hass)
    assert member.health().refused == 0
    (event,) = [event for event in events if event.data["kind"] == "counters_zeroed"]
    assert event.data["figures"]["refused_wrong_shape"] == 1
    assert describe(event)["message"] == "begins to count anew; so far it had refused 1, refused wrong shape 1"
    await hass.services.async_call("button", "press", {"entity_id": button}, blocking=True)
    event = [event for event in events if event.data["kind"] == "counters_zeroed"][-1]
    assert describe(event)["message"] == "begins to count anew; so far it had nothing counted"


# --- chatter ------------------------------------------------------------------------------


def sweep(entry: ConfigEntry, changes: int, *, minutes: int = 1, key: str = "door") -> Any:
    """Let minutes pass in each of which a channel changed so often; gives its turn."""
    points = entry.runtime_data.points
    turn = dict(points._pacer.turns_of("press-07"))[key]
    for _ in range(minutes):
        turn.changes = changes
        points._chatter.sweep()
    return turn


def repair(hass: HomeAssistant, entry: ConfigEntry) -> ir.IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, f"{entry.entry_id}_channel_chatters_press-07")


async def test_a_contact_that_chatters_is_slowed_down_and_told(hass: HomeAssistant, entry: ConfigEntry) -> None:
    press, _ = await press_at(hass, entry)
    await press.read(door=True, mode="run")
    turn = sweep(entry, SWITCHING_A_MINUTE + 1, minutes=MINUTES - 1)
    assert repair(hass, entry) is None
    assert turn.slow_s == 0
    events = async_capture_events(hass, EVENT_DEVICE)
    sweep(entry, SWITCHING_A_MINUTE + 1)
    issue = repair(hass, entry)
    assert issue is not None
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["channels"] == "Door"
    assert turn.slow_s == SLOW_S
    await settle(hass)
    assert describe(events[0])["message"] == "changes Door so often that it is shown slower"
    sweep(entry, SWITCHING_A_MINUTE + 1, minutes=MINUTES, key="mode")
    issue = repair(hass, entry)
    assert issue is not None
    assert issue.translation_placeholders is not None
    sweep(entry, 0, minutes=QUIET_MINUTES)
    assert repair(hass, entry) is None
    assert turn.slow_s == 0
    await settle(hass)
    assert describe(events[-1])["message"] == "changes all channels at a fair pace again"


async def test_a_contact_that_is_slowed_by_a_person_does_not_chatter(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await press_at(hass, entry)
    sweep(entry, 600, minutes=MINUTES)
    assert repair(hass, entry) is not None
    hub, (subentry,) = entry.runtime_data.hub, entry.subentries.values()
    hub.hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, "policy": {"channels": {"door": {"interval_s": 5.0}}}}
    )
    await settle(hass)
    assert hub.plant.members["press-07"].policy == Policy(channels={"door": Checks(interval_s=5)})
    turn = sweep(entry, 600)
    assert (turn.pace_s, turn.slow_s) == (5, 0)
    assert repair(hass, entry) is None


async def test_a_number_at_the_pace_of_the_site_does_not_chatter(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await press_at(hass, entry)
    sweep(entry, 6_000, minutes=MINUTES, key="temperature")
    assert repair(hass, entry) is None


async def test_the_minute_is_told_by_the_clock_of_the_site(hass: HomeAssistant, entry: ConfigEntry) -> None:
    press, _ = await press_at(hass, entry)
    await press.read(door=True)
    turn = dict(entry.runtime_data.points._pacer.turns_of("press-07"))["door"]
    assert turn.changes
    for minute in range(1, MINUTES + 1):
        turn.changes = 600
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=61 * minute))
        await settle(hass)
        assert turn.changes == 0
    assert repair(hass, entry) is not None


@pytest.mark.parametrize("how", ["device", "hub"])
async def test_the_repair_goes_with_what_it_is_about(hass: HomeAssistant, entry: ConfigEntry, how: str) -> None:
    await press_at(hass, entry)
    sweep(entry, 600, minutes=MINUTES)
    assert repair(hass, entry) is not None
    if how == "device":
        hass.config_entries.async_remove_subentry(entry, next(iter(entry.subentries)))
        await settle(hass)
        entry.runtime_data.points._chatter.sweep()
    else:
        await hass.config_entries.async_unload(entry.entry_id)
    assert repair(hass, entry) is None


async def test_the_repair_leads_to_the_page_of_the_channels(hass: HomeAssistant, entry: ConfigEntry) -> None:
    assert await async_setup_component(hass, "repairs", {})
    await press_at(hass, entry)
    sweep(entry, 600, minutes=MINUTES)
    issue = repair(hass, entry)
    assert issue is not None
    manager = repairs_flow_manager(hass)
    assert manager is not None
    form = await manager.async_init(DOMAIN, context={"issue_id": issue.issue_id})
    done = await manager.async_configure(form["flow_id"], {})
    assert (done["type"], done["reason"]) == ("abort", "change_device")
    (page,) = hass.config_entries.subentries.async_progress()
    assert page["step_id"] == "gates"
