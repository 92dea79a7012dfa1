"""A device that signs its messages and knows nothing else of the protocol, and the forms in which it is registered."""

import time
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntry, SubentryFlowResult
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message

from custom_components.iiot.const import SUBENTRY_BARE
from custom_components.iiot.engine.wire import bare, signing

from .joining import answer_device_form, settle

TOPIC = "sensors/lab1/bme280"
TEXT_KEY = "mqtt-message-signing-key"
SENSOR_ID = f"topic:{TOPIC}"
ABOUT = {"topic": TOPIC, "name": "Climate", "interval_s": 60, "key_source": "paste"}


async def start_form(hass: HomeAssistant, entry: ConfigEntry, **user_input: Any) -> SubentryFlowResult:
    """Choose "Add signed topic", and submit the first form."""
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_BARE), context={"source": SOURCE_USER}
    )
    return await answer_device_form(hass, form, **{**ABOUT, **user_input})


async def register(hass: HomeAssistant, entry: ConfigEntry, **user_input: Any) -> str:
    """Register a sensor with its key; gives the id of its subentry."""
    form = await start_form(hass, entry, **user_input)
    if form["step_id"] == "wildcards":
        form = await answer_device_form(hass, form)
    done = await answer_device_form(hass, form, key=TEXT_KEY)
    if done["type"] == "form" and done["step_id"] == "shared":
        done = await answer_device_form(hass, done)
    assert done["type"] == "create_entry", done
    await settle(hass)
    device_id = f"topic:{user_input.get('topic', TOPIC)}"
    return next(found.subentry_id for found in entry.subentries.values() if found.unique_id == device_id)


async def open_page(hass: HomeAssistant, entry: MockConfigEntry, subentry_id: str, page: str) -> SubentryFlowResult:
    """Open a page of the menu of a sensor."""
    menu = await entry.start_subentry_reconfigure_flow(hass, subentry_id)
    return await answer_device_form(hass, menu, next_step_id=page)


async def name_values(hass: HomeAssistant, entry: MockConfigEntry, subentry_id: str) -> list[dict[str, Any]]:
    """Take over what the hub proposes; gives the rows."""
    form = await open_page(hass, entry, subentry_id, "channels")
    rows = rows_in(form)
    done = await answer_device_form(hass, form, channels=rows)
    assert done["reason"] == "reconfigure_successful", done
    await settle(hass)
    return rows


def rows_in(form: Any) -> list[dict[str, Any]]:
    """Channels that a form shows."""
    (marker,) = form["data_schema"].schema
    found: list[dict[str, Any]] = (marker.description or {})["suggested_value"]
    return found


async def say(hass: HomeAssistant, values: dict[str, Any], topic: str = TOPIC, key: str = TEXT_KEY) -> bytes:
    """Sign values, and let them arrive; gives the message."""
    message = bare.seal(signing.parse_text_key(key), time.time_ns(), values)
    async_fire_mqtt_message(hass, topic, message)
    await settle(hass)
    return message
