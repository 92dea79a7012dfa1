"""Other hardware takes the place of a device: entities, their ids and settings stay, and what was there is refused."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.iiot.bridge.notices import CHANNELS_LACKING, issue_id_of
from custom_components.iiot.const import DOMAIN, EVENT_DEVICE
from custom_components.iiot.engine.wire import signing
from custom_components.iiot.repairs import async_create_fix_flow

from .field import CHANNELS, DOOR, TEMPERATURE, FieldDevice, entity_id, state
from .joining import (
    OTHER_KEY,
    add_device,
    answer_device_form,
    fields,
    open_page,
    options_of,
    settle,
)
from .people import subentry_of

pytestmark = pytest.mark.hub(discovery="closed", state_interval=0)

OLD, NEW = "press-07", "press-08"


async def replace(hass: HomeAssistant, entry: ConfigEntry, device_id: str = NEW, source: str = "derived") -> Any:
    form = await open_page(hass, entry, "replace")
    result = await answer_device_form(hass, form, device_id=device_id, key_source=source)
    await settle(hass)
    return result


def refused(entry: ConfigEntry) -> dict[str, int]:
    found: dict[str, int] = entry.runtime_data.hub.plant.strangers
    return found


def identities(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, str]:
    """Unique id → entity id, of everything that stands in the registry."""
    found = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return {one.unique_id: one.entity_id for one in found}


async def test_the_new_device_speaks_through_the_same_entities(hass: HomeAssistant, entry: ConfigEntry) -> None:
    old = FieldDevice(hass, OLD)
    station = await old.join(entry)
    await old.read(temperature=20.5, door=True)
    registry = er.async_get(hass)
    renamed = registry.async_update_entity(
        entity_id(hass, "sensor", station, "temperature") or "", new_entity_id="sensor.oil", name="Oil"
    )
    before = identities(hass, entry)
    events = async_capture_events(hass, EVENT_DEVICE)

    done = await replace(hass, entry)
    assert (done["type"], done["reason"]) == ("abort", "reconfigure_successful")
    assert (subentry_of(entry).unique_id, subentry_of(entry).data["device_id"]) == (NEW, NEW)
    assert state(hass, "sensor", station, "temperature").state == "unavailable"

    new = FieldDevice(hass, NEW)
    await new.beat()
    await new.describe(CHANNELS)
    await new.read(temperature=31.5)
    assert state(hass, "sensor", station, "temperature").state == "31.5"
    assert hass.states.get("sensor.oil") is not None
    assert renamed.name == "Oil"
    assert identities(hass, entry) == before
    kinds = [event.data["kind"] for event in events if event.data["kind"] != "refused"]
    assert kinds == ["removed", "enrolled", "replaced"]

    await old.read(temperature=99.9)
    assert refused(entry) == {"unknown_device": 1}
    assert state(hass, "sensor", station, "temperature").state == "31.5"


async def test_the_old_device_can_be_put_back_and_its_window_holds(hass: HomeAssistant, entry: ConfigEntry) -> None:
    old, new = FieldDevice(hass, OLD), FieldDevice(hass, NEW)
    station = await old.join(entry)
    await old.read(temperature=20.5)
    before = identities(hass, entry)
    window = entry.runtime_data.hub.plant.members[OLD].device.window
    high = (window.boot, window.high)
    assert high == (3, old.seq)
    await replace(hass, entry)
    await new.beat()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)

    form = await open_page(hass, entry, "replace")
    assert options_of(form, "key_source") == ["derived", "paste", "generate", "kept"]
    form = await answer_device_form(hass, form, device_id="nobody", key_source="kept")
    assert form["errors"] == {"key_source": "key_not_kept"}
    await answer_device_form(hass, form, device_id=OLD, key_source="kept")
    await settle(hass)
    member = entry.runtime_data.hub.plant.members[OLD]
    assert (member.device.window.boot, member.device.window.high) == high
    seen = old.seq
    old.seq = 0
    await old.beat()
    assert member.device.refusals.counts == {"duplicate": 1}, "a number that it used before"
    old.seq = seen
    await old.beat()
    await old.describe(CHANNELS)
    await old.read(temperature=21.5)
    assert state(hass, "sensor", station, "temperature").state == "21.5"
    assert identities(hass, entry) == before
    await new.beat()
    assert refused(entry) == {"unknown_device": 1}


@pytest.mark.parametrize(
    ("device_id", "error"), [("a/b", "invalid_device_id"), (OLD, "already_configured"), (" hub ", "invalid_device_id")]
)
async def test_what_cannot_take_the_place_is_refused_in_the_form(
    hass: HomeAssistant, entry: ConfigEntry, device_id: str, error: str
) -> None:
    await add_device(hass, entry)
    form = await replace(hass, entry, device_id)
    assert form["errors"] == {"device_id": error}
    assert options_of(form, "key_source") == ["derived", "paste", "generate"]


async def test_a_fleet_key_that_is_gone_derives_nothing(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await add_device(hass, entry)
    form = await open_page(hass, entry, "replace")
    entry.runtime_data.hub.keys.set_fleet_key(None)
    form = await answer_device_form(hass, form, device_id=NEW, key_source="derived")
    assert form["errors"] == {"key_source": "key_not_derived"}
    assert options_of(form, "key_source") == ["paste", "generate"]


async def test_the_new_device_may_have_a_key_of_its_own(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await add_device(hass, entry)
    form = await replace(hass, entry, source="paste")
    assert fields(form) == ["key", "kid"]
    await answer_device_form(hass, form, key=OTHER_KEY.hex(), kid=4)
    await settle(hass)
    assert subentry_of(entry).data["fingerprint"] == signing.fingerprint(OTHER_KEY)
    assert subentry_of(entry).title == "Press 7", "what people wrote stays"
    assert entry.runtime_data.hub.plant.members[NEW].device.keys.current == (4, OTHER_KEY)
    removed = entry.runtime_data.hub.keys.removed
    assert list(removed) == [OLD]
    assert removed[OLD].record is None, "it has no place of its own to come back to"


async def lack(hass: HomeAssistant, entry: ConfigEntry) -> str:
    """Replace a device by one that measures less; gives the station."""
    station = await FieldDevice(hass, OLD).join(entry, [TEMPERATURE, DOOR])
    await replace(hass, entry)
    new = FieldDevice(hass, NEW)
    await new.beat()
    await new.describe([TEMPERATURE])
    return station


def issue(hass: HomeAssistant, entry: ConfigEntry, device_id: str = NEW) -> ir.IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, issue_id_of(entry.entry_id, CHANNELS_LACKING, device_id))


async def test_channels_that_the_new_device_lacks_stay_and_are_told(hass: HomeAssistant, entry: ConfigEntry) -> None:
    station = await lack(hass, entry)
    shown = state(hass, "binary_sensor", station, "door")
    assert (shown.state, shown.attributes.get("restored")) == ("unavailable", True)
    found = issue(hass, entry)
    assert found is not None
    assert (found.translation_placeholders or {})["channels"] == "door"
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert entity_id(hass, "binary_sensor", station, "door") is not None
    new = FieldDevice(hass, NEW)
    new.seq = 100
    await new.describe([TEMPERATURE, DOOR])
    assert issue(hass, entry) is None, "it has learned them"


async def test_the_entities_of_lacking_channels_are_removed_when_a_person_says_so(
    hass: HomeAssistant, entry: ConfigEntry
) -> None:
    station = await lack(hass, entry)
    found = issue(hass, entry)
    assert found is not None
    flow = await async_create_fix_flow(hass, found.issue_id, found.data)
    flow.hass, flow.issue_id, flow.data = hass, found.issue_id, found.data
    assert (await flow.async_step_init())["step_id"] == "confirm"
    assert (await flow.async_step_confirm({}))["type"] == "create_entry"
    await settle(hass)
    assert entity_id(hass, "binary_sensor", station, "door") is None
    assert entity_id(hass, "sensor", station, "temperature") is not None
    assert issue(hass, entry) is None


async def test_a_repair_of_a_device_that_is_gone_ends(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await lack(hass, entry)
    found = issue(hass, entry)
    assert found is not None
    hass.config_entries.async_remove_subentry(entry, subentry_of(entry).subentry_id)
    flow = await async_create_fix_flow(hass, found.issue_id, found.data)
    flow.hass, flow.issue_id, flow.data = hass, found.issue_id, found.data
    assert (await flow.async_step_confirm({}))["reason"] == "device_gone"
    await settle(hass)
    assert issue(hass, entry) is None


async def test_the_device_in_the_place_of_a_revoked_one_counts(hass: HomeAssistant, entry: ConfigEntry) -> None:
    station = await FieldDevice(hass, OLD).join(entry)
    form = await open_page(hass, entry, "revoke")
    await answer_device_form(hass, form, reason="stolen")
    await settle(hass)
    await replace(hass, entry)
    new = FieldDevice(hass, NEW)
    await new.beat()
    assert state(hass, "sensor", station, "health.connection").state == "live"
