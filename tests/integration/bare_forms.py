"""The forms of devices that do not speak the protocol, walked through."""

from functools import partial
from typing import Any

from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.iiot.const import SUBENTRY_ADOPTED, SUBENTRY_BARE

from .bare_sensor import ABOUT, name_values, open_page, register, say
from .joining import DEVICE_KEY, answer_device_form, settle
from .shown import Shown
from .words import WORDS


async def walk_channels(hass: HomeAssistant, shown: Shown, open_one: Any, channel: str) -> None:
    """Look at the pages that lead on to another one."""
    shown.add(await answer_device_form(hass, await open_one("gates"), channel=channel))
    form = shown.add(await open_one("calculated"))
    await answer_device_form(hass, form, channel_key="twice", name="Twice", expression=f"{channel} * 2")
    await settle(hass)
    form = shown.add(await open_one("calculated"))
    shown.add(await answer_device_form(hass, form, channel="twice"))


async def walk_bare(hass: HomeAssistant, entry: MockConfigEntry) -> Shown:
    """Register a bare device, and open every page of its menu."""
    shown = Shown(WORDS["config_subentries"]["bare"])
    flows = hass.config_entries.subentries
    form = shown.add(await flows.async_init((entry.entry_id, SUBENTRY_BARE), context={"source": SOURCE_USER}))
    form = shown.add(await answer_device_form(hass, form, **ABOUT | {"topic": "lab/#"}))
    form = shown.add(await answer_device_form(hass, form))
    shown.add(await answer_device_form(hass, form, key=DEVICE_KEY.hex()))
    subentry_id = await register(hass, entry)
    await say(hass, {"temperature": 20.5})
    await name_values(hass, entry, subentry_id)
    await walk_channels(hass, shown, partial(open_page, hass, entry, subentry_id), "temperature")
    form = await open_page(hass, entry, subentry_id, "add_topic")
    form = shown.add(await answer_device_form(hass, form, topic="lab2", topic_use="readings", key_source="generate"))
    await answer_device_form(hass, form)
    await settle(hass)
    form = await open_page(hass, entry, subentry_id, "commands")
    about = {"command_topic": "fan/set", "actuators": [{"key": "speed", "kind": "number"}], "key_source": "generate"}
    await answer_device_form(hass, await answer_device_form(hass, form, **about))
    await settle(hass)
    menu = shown.add(await entry.start_subentry_reconfigure_flow(hass, subentry_id))
    for page in menu["menu_options"]:
        form = shown.add(await open_page(hass, entry, subentry_id, page))
        if page == "interlocks":
            shown.add(await answer_device_form(hass, form, actuator="speed"))
    form = await open_page(hass, entry, subentry_id, "channels")
    shown.add(await answer_device_form(hass, form, topic="lab2"))
    return shown


async def walk_adopted(hass: HomeAssistant, entry: MockConfigEntry) -> Shown:
    """Adopt an entity, and change the choice."""
    shown = Shown(WORDS["config_subentries"]["adopted"])
    flows = hass.config_entries.subentries
    form = shown.add(await flows.async_init((entry.entry_id, SUBENTRY_ADOPTED), context={"source": SOURCE_USER}))
    hass.states.async_set("sensor.meter", "5", {"unit_of_measurement": "W"})
    await answer_device_form(hass, form, name="Meter", entities=["sensor.meter"])
    await settle(hass)
    subentry_id = list(entry.subentries)[-1]
    menu = shown.add(await entry.start_subentry_reconfigure_flow(hass, subentry_id))
    for page in menu["menu_options"]:
        form = shown.add(await open_page(hass, entry, subentry_id, page))
        if page != "entities":
            shown.add(await answer_device_form(hass, form, channel="meter"))
    return shown
