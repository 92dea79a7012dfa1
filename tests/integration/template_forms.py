"""The forms of templates of topics, walked through."""

import time
from typing import Any

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message

from custom_components.iiot.engine.wire import bare, signing

from .joining import cards, settle
from .shown import Shown

KEY = "the key of the pumps"


async def open_templates(hass: HomeAssistant, entry: MockConfigEntry) -> Any:
    """Choose "Templates of topics" in the options."""
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    return await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "templates"})


async def fill(hass: HomeAssistant, form: Any, **written: Any) -> Any:
    """Submit a form of the options."""
    return await hass.config_entries.options.async_configure(form["flow_id"], written)


async def walk_templates(hass: HomeAssistant, entry: MockConfigEntry, shown: Shown) -> None:
    """Register a template with a new key, and one with a key that is in use; take them away."""
    form = shown.add(await open_templates(hass, entry))
    form = shown.add(await fill(hass, form, template="pumps/{device}", key_source="generate"))
    made = next(iter(form["data_schema"].schema)).description["suggested_value"]
    await fill(hass, form)
    await settle(hass)
    form = await fill(hass, await open_templates(hass, entry), template="fans/{device}", key_source="paste")
    shown.add(await fill(hass, shown.add(form), key=made))
    form = shown.add(await open_templates(hass, entry))
    await fill(hass, form, key_source="paste", remove_template="pumps/{device}")
    await settle(hass)


async def walk_card(hass: HomeAssistant, entry: MockConfigEntry, shown: Shown) -> None:
    """Look at the card of a device that signs on a topic of a template, in an area that is not there yet."""
    form = await fill(hass, await open_templates(hass, entry), template="pumps/{area}/{device}", key_source="paste")
    await fill(hass, form, key=KEY)
    await settle(hass)
    message = bare.seal(signing.parse_text_key(KEY), time.time_ns(), {"pressure": 5.5})
    async_fire_mqtt_message(hass, "pumps/Attic/pump-1", message)
    await settle(hass)
    flow = next(card for card in cards(hass) if card["context"]["unique_id"].endswith("pump-1"))
    shown.add(await hass.config_entries.flow.async_configure(flow["flow_id"]))
    form = await open_templates(hass, entry)
    await fill(hass, form, key_source="paste", remove_template="pumps/{area}/{device}")
    await settle(hass)
