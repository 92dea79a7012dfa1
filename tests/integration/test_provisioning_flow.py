"""The text of a device's QR code: taken when a device is added, shown again to an administrator who insists."""

import json
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.iiot.const import EVENT_DEVICE

from .joining import (  # noqa: F401  # fixtures
    DEVICE_ID,
    DEVICE_KEY,
    OTHER_KEY,
    add_device,
    answer_device_form,
    call,
    expected_lingering_timers,
    open_page,
    qr_text,
    settle,
    start_device_form,
    suggested,
)

TEXT = json.dumps({"id": DEVICE_ID, "kid": 5, "key": OTHER_KEY.hex()}, separators=(",", ":"), sort_keys=True)
ABOUT = {"name": "Press 7", "key_source": "derived"}


async def test_a_scanned_code_gives_id_and_key(hass: HomeAssistant, entry: ConfigEntry) -> None:
    form = await start_device_form(hass, entry)
    done = await answer_device_form(hass, form, provisioning=f" {TEXT}\n", **ABOUT)
    assert (done["type"], done["title"]) == ("create_entry", "Press 7")
    await settle(hass)
    (subentry,) = entry.subentries.values()
    assert (subentry.unique_id, subentry.data["kid"]) == (DEVICE_ID, 5)
    assert entry.runtime_data.hub.keys.device_keys(DEVICE_ID) == {5: OTHER_KEY}
    assert OTHER_KEY.hex() not in str(entry.as_dict())


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({"provisioning": "press-07"}, {"provisioning": "invalid_provisioning"}),
        ({"provisioning": "{}"}, {"provisioning": "invalid_provisioning"}),
        ({"provisioning": TEXT, "device_id": "other"}, {"provisioning": "invalid_provisioning"}),
        ({}, {"device_id": "device_id_missing"}),
        ({"provisioning": " ", "device_id": " "}, {"device_id": "device_id_missing"}),
    ],
)
async def test_what_is_no_code_of_this_device_is_refused(
    hass: HomeAssistant, entry: ConfigEntry, given: dict[str, Any], errors: dict[str, str]
) -> None:
    form = await answer_device_form(hass, await start_device_form(hass, entry), **given, **ABOUT)
    assert form["errors"] == errors


async def test_a_code_whose_key_the_device_does_not_use_is_refused(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await call(hass, DEVICE_KEY)
    form = await answer_device_form(hass, await start_device_form(hass, entry), provisioning=TEXT, **ABOUT)
    assert form["errors"] == {"provisioning": "wrong_key"}


async def test_a_code_of_a_device_that_is_registered_is_refused(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await add_device(hass, entry)
    form = await answer_device_form(hass, await start_device_form(hass, entry), provisioning=TEXT, **ABOUT)
    assert form["errors"] == {"device_id": "already_configured"}


async def test_the_present_key_is_shown_to_who_insists_and_the_logbook_knows(
    hass: HomeAssistant, entry: ConfigEntry
) -> None:
    await add_device(hass, entry)
    events = async_capture_events(hass, EVENT_DEVICE)
    form = await open_page(hass, entry, "show_key")
    form = await answer_device_form(hass, form, sure=False)
    assert form["errors"] == {"sure": "not_sure"}
    assert events == []
    form = await answer_device_form(hass, form, sure=True)
    told = json.loads(qr_text(form))
    assert (told["id"], told["kid"], told["key"]) == (DEVICE_ID, 1, DEVICE_KEY.hex())
    assert suggested(form, "provisioning") == qr_text(form)
    (event,) = events
    assert (event.data["kind"], event.data["device"]) == ("key_shown", DEVICE_ID)
    assert DEVICE_KEY.hex() not in str(event.data)
    end = await answer_device_form(hass, form)
    assert (end["type"], end["reason"]) == ("abort", "key_was_shown")


async def test_a_device_without_a_key_has_none_to_show(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await add_device(hass, entry)
    hub = entry.runtime_data.hub
    hub.keys.remove_device(DEVICE_ID)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    form = await open_page(hass, entry, "show_key")
    end = await answer_device_form(hass, form, sure=True)
    assert (end["type"], end["reason"]) == ("abort", "key_not_known")
