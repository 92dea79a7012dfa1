"""A person registers a device by hand, and changes it."""

import json
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message

from custom_components.iiot.bridge.stations import device_identifier
from custom_components.iiot.engine.wire import codec, signing

from .joining import (  # noqa: F401  # fixtures
    DEVICE_ID,
    DEVICE_KEY,
    FLEET_KEY,
    NONCE,
    OTHER_KEY,
    add_device,
    add_hub,
    answer_device_form,
    block_key_file,
    call,
    call_verified,
    expected_lingering_timers,
    fields,
    hass_config_dir,
    open_page,
    options_of,
    qr_text,
    settle,
    start_device_form,
    suggested,
)

BY_HAND = {"device_id": DEVICE_ID, "name": "Press 7"}
CHANNELS = [
    {"key": "temp", "name": "Oil temperature", "kind": "float"},
    {"key": "count", "name": "count", "kind": "int"},
]


def device(entry: ConfigEntry) -> ConfigSubentry:
    (found,) = entry.subentries.values()
    return found


def keys(entry: ConfigEntry) -> dict[int, bytes]:
    found: dict[int, bytes] = entry.runtime_data.hub.keys.device_keys(DEVICE_ID)
    return found


async def change(hass: HomeAssistant, entry: MockConfigEntry, **changes: Any) -> Any:
    form = await open_page(hass, entry, "details")
    return await answer_device_form(hass, form, **{"name": "Press 7", "key_source": "keep", **changes})


async def describe(hass: HomeAssistant) -> None:
    """Let the device tell what it measures."""
    beat = {"v": 1, "id": DEVICE_ID, "kid": 1, "ts": 0, "ts_ns": 0, "tq": 0, "boot": 4, "up": 1000}
    manifest = {
        **beat,
        "type": "manifest",
        "seq": 1,
        "digest": "00112233aabbccdd",
        "channels": CHANNELS,
        "actuators": [],
        "alarms": [],
        "commands": [],
    }
    async_fire_mqtt_message(hass, f"iiot/{DEVICE_ID}/manifest", codec.seal(DEVICE_KEY, manifest))
    await settle(hass)


async def test_a_device_is_registered_before_it_exists(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass, fleet_key=None)
    form = await start_device_form(hass, entry)
    assert fields(form) == ["provisioning", "device_id", "name", "area", "description", "key_source"]
    assert options_of(form, "key_source") == ["paste", "generate"]
    form = await answer_device_form(hass, form, **BY_HAND, key_source="paste", description="Feeds line 2")
    assert fields(form) == ["key", "kid"]
    done = await answer_device_form(hass, form, key=OTHER_KEY.hex(), kid=4)
    await settle(hass)
    assert done["type"] == "create_entry"
    assert device(entry).title == "Press 7"
    assert device(entry).unique_id == DEVICE_ID
    assert dict(device(entry).data) == {
        "device_id": DEVICE_ID,
        "kid": 4,
        "fingerprint": signing.fingerprint(OTHER_KEY),
        "area": None,
        "description": "Feeds line 2",
        "channel_descriptions": {},
        "policy": {},
    }
    assert keys(entry) == {4: OTHER_KEY}
    assert DEVICE_ID in entry.runtime_data.hub.plant.members


async def test_a_device_of_the_fleet_is_registered_before_it_exists(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    form = await start_device_form(hass, entry)
    assert options_of(form, "key_source") == ["derived", "paste", "generate"]
    done = await answer_device_form(hass, form, **BY_HAND, key_source="derived")
    assert done["type"] == "create_entry"
    assert keys(entry) == {1: DEVICE_KEY}


async def test_a_device_that_waits_can_be_chosen(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass, discovery="closed")
    await call_verified(hass, entry, kid=1)
    await call(hass, OTHER_KEY, "stranger", name="")
    form = await start_device_form(hass, entry)
    assert options_of(form, "device_id") == [
        {"value": "stranger", "label": "stranger (stranger)"},
        {"value": DEVICE_ID, "label": f"Presse 7 (Süd) ({DEVICE_ID})"},
    ]
    done = await answer_device_form(hass, form, **BY_HAND, key_source="derived")
    assert done["type"] == "create_entry"
    assert keys(entry) == {1: DEVICE_KEY}


async def test_a_call_in_the_name_of_a_device_of_the_fleet_does_not_keep_it_out(
    hass: HomeAssistant, mqtt_mock: Any
) -> None:
    entry = await add_hub(hass)
    await call(hass, OTHER_KEY, kid=2**32 - 1)
    form = await start_device_form(hass, entry)
    done = await answer_device_form(hass, form, **BY_HAND, key_source="derived")
    assert done["type"] == "create_entry"
    assert keys(entry) == {1: DEVICE_KEY}


async def test_a_fleet_key_that_is_gone_derives_nothing(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    form = await start_device_form(hass, entry)
    entry.runtime_data.hub.keys.set_fleet_key(None)
    form = await answer_device_form(hass, form, **BY_HAND, key_source="derived")
    assert form["errors"] == {"key_source": "key_not_derived"}


async def test_a_pasted_key_is_tried_on_the_last_messages_of_the_device(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass, fleet_key=None)
    await call(hass, DEVICE_KEY, kid=2)
    form = await start_device_form(hass, entry)
    form = await answer_device_form(hass, form, **BY_HAND, key_source="paste")
    assert fields(form) == ["key"], "what the device signed names the number"
    form = await answer_device_form(hass, form, key=OTHER_KEY.hex())
    assert form["errors"] == {"key": "wrong_key"}
    await answer_device_form(hass, form, key=DEVICE_KEY.hex(), kid=7)
    assert keys(entry) == {2: DEVICE_KEY}


async def test_forged_calls_in_its_name_do_not_keep_a_device_out(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass, fleet_key=None)
    await call(hass, DEVICE_KEY, kid=2)
    for number in range(3):
        await call(hass, bytes([number]) * 32, kid=2**32 - 1, seq=2 + number)
    form = await start_device_form(hass, entry)
    form = await answer_device_form(hass, form, **BY_HAND, key_source="paste")
    done = await answer_device_form(hass, form, key=DEVICE_KEY.hex())
    assert done["type"] == "create_entry"
    assert keys(entry) == {2: DEVICE_KEY}


async def test_who_insists_on_a_key_that_signed_nothing_gets_it(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass, fleet_key=None)
    for number in range(9):
        await call(hass, bytes([number]) * 32, seq=1 + number)
    form = await start_device_form(hass, entry)
    form = await answer_device_form(hass, form, **BY_HAND, key_source="paste")
    form = await answer_device_form(hass, form, key=OTHER_KEY.hex())
    assert fields(form) == ["key", "kid"], "no message of it says the number"
    form = await answer_device_form(hass, form, key=DEVICE_KEY.hex(), kid=3)
    assert form["errors"] == {"key": "wrong_key"}, "another key is doubted for itself"
    await answer_device_form(hass, form, key=DEVICE_KEY.hex(), kid=3)
    assert keys(entry) == {3: DEVICE_KEY}


async def test_only_who_holds_a_key_says_which_number_comes_next(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await call(hass, OTHER_KEY, "forged", kid=2**32 - 2)
    await call_verified(hass, entry)
    for device_id, kid in (("forged", 1), (DEVICE_ID, 2)):
        form = await start_device_form(hass, entry)
        form = await answer_device_form(hass, form, device_id=device_id, name="P", key_source="generate")
        assert json.loads(qr_text(form))["kid"] == kid


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        "g" * 64,
        "{",
        "{}",
        "{1}",
        json.dumps({"id": DEVICE_ID, "key": OTHER_KEY.hex(), "kid": 0}),
        json.dumps({"id": DEVICE_ID, "key": OTHER_KEY.hex(), "kid": True}),
        json.dumps({"id": DEVICE_ID, "key": 5, "kid": 1}),
        json.dumps({"id": DEVICE_ID, "key": "00", "kid": 1}),
        json.dumps({"id": "other", "key": OTHER_KEY.hex(), "kid": 1}),
    ],
)
async def test_a_text_that_is_no_key_of_the_device_is_refused_in_the_form(
    hass: HomeAssistant, mqtt_mock: Any, text: str
) -> None:
    entry = await add_hub(hass)
    form = await answer_device_form(hass, await start_device_form(hass, entry), **BY_HAND, key_source="paste")
    form = await answer_device_form(hass, form, key=text, kid=1)
    assert form["errors"] == {"key": "invalid_key"}


async def test_the_provisioning_text_of_a_device_is_taken_as_its_key(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    form = await answer_device_form(hass, await start_device_form(hass, entry), **BY_HAND, key_source="paste")
    text = json.dumps({"id": DEVICE_ID, "key": OTHER_KEY.hex(), "kid": 7, "boot": 0})
    await answer_device_form(hass, form, key=text, kid=1)
    assert keys(entry) == {7: OTHER_KEY}


@pytest.mark.parametrize(
    ("broker", "url", "host"),
    [
        ("10.0.0.5", None, "10.0.0.5"),
        ("core-mosquitto", "http://192.168.1.20:8123", "192.168.1.20"),
        ("127.0.0.1", "http://plant.local:8123", "plant.local"),
    ],
)
async def test_the_provisioning_text_names_the_broker_as_the_device_sees_it(
    hass: HomeAssistant, mqtt_mock: Any, broker: str, url: str | None, host: str
) -> None:
    (mqtt_entry,) = hass.config_entries.async_entries("mqtt")
    data = {**mqtt_entry.data, "broker": broker, "port": 8883, "certificate": "auto", "password": "hall-secret"}
    hass.config_entries.async_update_entry(mqtt_entry, data=data)
    await hass.config.async_update(internal_url=url)
    entry = await add_hub(hass)
    form = await answer_device_form(hass, await start_device_form(hass, entry), **BY_HAND, key_source="generate")
    told = json.loads(qr_text(form))
    assert told["broker"] == {"host": host, "port": 8883, "tls": True}
    assert told["kid"] == 1
    await answer_device_form(hass, form)
    assert keys(entry) == {1: bytes.fromhex(told["key"])}


async def test_a_broker_that_only_home_assistant_can_reach_is_named_as_it_is(
    hass: HomeAssistant, mqtt_mock: Any
) -> None:
    (mqtt_entry,) = hass.config_entries.async_entries("mqtt")
    hass.config_entries.async_update_entry(mqtt_entry, data={**mqtt_entry.data, "broker": "localhost"})
    hass.config.api = None
    entry = await add_hub(hass)
    form = await answer_device_form(hass, await start_device_form(hass, entry), **BY_HAND, key_source="generate")
    assert json.loads(qr_text(form))["broker"]["host"] == "localhost"


@pytest.mark.parametrize("device_id", ["-/-", "hub", "a/b", "a b", "#", "x" * 65])
async def test_a_text_that_is_no_device_id_is_refused_in_the_form(
    hass: HomeAssistant, mqtt_mock: Any, device_id: str
) -> None:
    entry = await add_hub(hass)
    form = await start_device_form(hass, entry)
    form = await answer_device_form(hass, form, device_id=device_id, name=" ", key_source="paste")
    assert form["errors"] == {"device_id": "invalid_device_id", "name": "name_missing"}


async def test_the_same_device_twice_is_refused_in_the_form(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    form = await start_device_form(hass, entry)
    form = await answer_device_form(hass, form, **BY_HAND, key_source="paste")
    assert form["errors"] == {"device_id": "already_configured"}


async def test_a_hub_that_stopped_takes_no_device(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    form = await start_device_form(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    result = await answer_device_form(hass, form, **BY_HAND, key_source="derived")
    assert (result["type"], result["reason"]) == ("abort", "hub_not_running")


async def test_a_disk_that_refuses_the_key_adds_nothing(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    form = await start_device_form(hass, entry)
    block_key_file(entry)
    result = await answer_device_form(hass, form, **BY_HAND, key_source="derived")
    assert (result["type"], result["reason"]) == ("abort", "key_not_saved")
    assert not entry.subentries


async def test_what_people_wrote_about_a_device_is_changed_without_a_reload(
    hass: HomeAssistant, mqtt_mock: Any
) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    hub = entry.runtime_data.hub
    area = ar.async_get(hass).async_create("Cellar")
    result = await change(hass, entry, name=" Pump 1 ", area=area.id, description="New seal in May")
    await settle(hass)
    assert (result["type"], result["reason"]) == ("abort", "reconfigure_successful")
    assert device(entry).title == "Pump 1"
    assert device(entry).data["description"] == "New seal in May"
    assert entry.runtime_data.hub is hub
    assert keys(entry) == {1: DEVICE_KEY}
    identifier = device_identifier(entry.entry_id, device(entry).subentry_id)
    page = dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)
    assert page is not None
    assert page.area_id == area.id


async def test_the_form_shows_the_area_to_which_a_device_was_moved_on_its_page(
    hass: HomeAssistant, mqtt_mock: Any
) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    area = ar.async_get(hass).async_create("Cellar")
    identifier = device_identifier(entry.entry_id, device(entry).subentry_id)
    page = dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)
    assert page is not None
    dr.async_get(hass).async_update_device(page.id, area_id=area.id)
    form = await open_page(hass, entry, "details")
    assert suggested(form, "area") == area.id
    await answer_device_form(hass, form, name="Press 7", key_source="keep")
    await settle(hass)
    page = dr.async_get(hass).async_get(page.id)
    assert page is not None
    assert page.area_id is None


async def test_the_form_never_shows_the_present_key(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    form = await open_page(hass, entry, "details")
    assert DEVICE_KEY.hex() not in repr(form)
    assert form["description_placeholders"]["fingerprint"] == signing.fingerprint(DEVICE_KEY)


async def test_a_changed_device_still_has_a_name(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    form = await change(hass, entry, name=" ")
    assert form["errors"] == {"name": "name_missing"}


async def test_a_device_gets_a_new_key_under_the_next_number(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    await call(hass, DEVICE_KEY, boot=5)
    form = await change(hass, entry, key_source="generate")
    told = json.loads(qr_text(form))
    assert (told["kid"], told["boot"]) == (2, 5)
    await answer_device_form(hass, form)
    await settle(hass)
    new_key = bytes.fromhex(told["key"])
    assert keys(entry) == {2: new_key}
    assert device(entry).data["kid"] == 2
    assert device(entry).data["fingerprint"] == signing.fingerprint(new_key)
    assert entry.runtime_data.hub.plant.members[DEVICE_ID].device.keys.current == (2, new_key)


async def test_a_device_gets_a_key_that_it_holds_already(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    form = await change(hass, entry, key_source="paste")
    assert fields(form) == ["key", "kid"]
    await answer_device_form(hass, form, key=OTHER_KEY.hex(), kid=3)
    assert keys(entry) == {3: OTHER_KEY}


async def test_each_channel_has_a_description_of_its_own(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    form = await open_page(hass, entry, "details")
    assert "channel_descriptions" not in fields(form), "what it measures is not known yet"
    await describe(hass)
    texts = {"Oil temperature (temp)": " In the sump ", "count": "Strokes"}
    await change(hass, entry, channel_descriptions=texts)
    assert device(entry).data["channel_descriptions"] == {"temp": "In the sump", "count": "Strokes"}
    form = await open_page(hass, entry, "details")
    inner = next(found for name, found in form["data_schema"].schema.items() if name.schema == "channel_descriptions")
    shown = {str(name.schema): (name.description or {}).get("suggested_value") for name in inner.schema.schema}
    assert shown == {"Oil temperature (temp)": "In the sump", "count": "Strokes"}
    await answer_device_form(hass, form, name="P", key_source="keep", channel_descriptions={"count": "Strokes"})
    assert device(entry).data["channel_descriptions"] == {"count": "Strokes"}


async def test_the_text_for_a_channel_that_is_away_stays(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    data = {**device(entry).data, "channel_descriptions": {"gone": "Old sensor"}}
    hass.config_entries.async_update_subentry(entry, device(entry), data=data)
    await change(hass, entry)
    assert device(entry).data["channel_descriptions"] == {"gone": "Old sensor"}
