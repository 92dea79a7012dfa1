"""Devices that wait: several are approved, ignored or offered again at once, with what is known of each."""

from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar

from custom_components.iiot.bridge import discovery

from .field import FieldDevice
from .joining import (
    OTHER_KEY,
    block_key_file,
    call,
    call_verified,
    cards,
    options_of,
    settle,
)


async def open_form(hass: HomeAssistant, entry: ConfigEntry) -> Any:
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    return await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "waiting_devices"})


async def decide(hass: HomeAssistant, form: Any, **user_input: Any) -> Any:
    result = await hass.config_entries.options.async_configure(form["flow_id"], user_input)
    await settle(hass)
    return result


def labels(form: Any) -> list[str]:
    return [option["label"] for option in options_of(form, "devices")]


async def test_who_waits_is_listed_with_what_is_known_of_each(hass: HomeAssistant, entry: ConfigEntry) -> None:
    end = await open_form(hass, entry)
    assert (end["type"], end["reason"]) == ("abort", "nobody_waits")
    await call(hass, OTHER_KEY, "stranger", name="", place="Hall 2")
    await call_verified(hass, entry, "pump-1", name="Pump")
    gone = FieldDevice(hass, "gone-3")
    await gone.join(entry)
    (subentry_id,) = entry.subentries
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await settle(hass)
    await gone.beat()
    form = await open_form(hass, entry)
    assert labels(form) == [
        "Pump (pump-1): verified, demo",
        "gone-3 (gone-3): signed, not yet fresh, demo, once removed",
        "stranger (stranger): not verified, demo, Hall 2",
    ]
    assert form["description_placeholders"]["count"] == "3"


async def test_several_verified_devices_are_approved_at_once(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await call_verified(hass, entry, "pump-1", name="Pump 1", place="Cellar")
    await call_verified(hass, entry, "pump-2", name="Pump 2")
    form = await open_form(hass, entry)
    form = await decide(hass, form, devices=[], action="approve")
    assert form["errors"] == {"devices": "none_chosen"}
    end = await decide(hass, form, devices=["pump-1", "pump-2"], action="approve")
    assert (end["type"], end["reason"]) == ("abort", "waiting_approve")
    assert end["description_placeholders"]["count"] == "2"
    cellar = ar.async_get(hass).async_get_area_by_name("Cellar")
    assert cellar is not None
    areas = {found.unique_id: found.data["area"] for found in entry.subentries.values()}
    assert areas == {"pump-1": cellar.id, "pump-2": None}
    assert cards(hass) == []


async def test_a_chosen_area_is_that_of_all(hass: HomeAssistant, entry: ConfigEntry) -> None:
    area = ar.async_get(hass).async_create("Hall 9")
    await call_verified(hass, entry, "pump-1", place="Cellar")
    form = await open_form(hass, entry)
    await decide(hass, form, devices=["pump-1"], action="approve", area=area.id)
    assert [found.data["area"] for found in entry.subentries.values()] == [area.id]


async def test_a_device_that_proved_nothing_is_not_approved_in_a_heap(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await call(hass, OTHER_KEY, "stranger")
    await call_verified(hass, entry, "pump-1")
    form = await open_form(hass, entry)
    form = await decide(hass, form, devices=["pump-1", "stranger"], action="approve")
    assert form["errors"] == {"devices": "only_verified"}
    assert not entry.subentries
    assert not await discovery.async_approve(entry.runtime_data.hub, "stranger", None)
    assert not await discovery.async_approve(entry.runtime_data.hub, "nobody", None)


async def test_a_disk_that_refuses_the_keys_lets_nobody_in(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await call_verified(hass, entry, "pump-1")
    form = await open_form(hass, entry)
    block_key_file(entry)
    end = await decide(hass, form, devices=["pump-1"], action="approve")
    assert end["description_placeholders"]["count"] == "0"
    assert not entry.subentries


async def test_several_are_ignored_with_a_reason_and_offered_again(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await call_verified(hass, entry, "pump-1", name="Pump 1")
    await call_verified(hass, entry, "pump-2", name="Pump 2")
    assert len(cards(hass)) == 2
    form = await open_form(hass, entry)
    end = await decide(hass, form, devices=["pump-1", "pump-2"], action="ignore", reason="of the neighbour")
    assert (end["type"], end["reason"]) == ("abort", "waiting_ignore")
    assert cards(hass) == []
    hub = entry.runtime_data.hub
    assert {name: found.title for name, found in discovery.ignored(hub).items()} == {
        "pump-1": "Pump 1: of the neighbour",
        "pump-2": "Pump 2: of the neighbour",
    }
    form = await open_form(hass, entry)
    assert labels(form)[0].endswith("ignored: Pump 2: of the neighbour")

    end = await decide(hass, form, devices=["pump-1"], action="heed")
    assert end["reason"] == "waiting_heed"
    assert list(discovery.ignored(hub)) == ["pump-2"]
    await call_verified_again(hass, entry, "pump-1")
    assert [card["context"]["unique_id"] for card in cards(hass)] == [f"{entry.entry_id}:pump-1"]


async def call_verified_again(hass: HomeAssistant, entry: ConfigEntry, device_id: str) -> None:
    """Let a device that waits already call once more."""
    waiting = entry.runtime_data.hub.plant.inbox.get(device_id)
    await call(hass, waiting.key, device_id, seq=waiting.seq + 1)


async def test_ignored_devices_that_are_silent_are_listed_too(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await call_verified(hass, entry, "pump-1", name="Pump 1")
    form = await open_form(hass, entry)
    await decide(hass, form, devices=["pump-1"], action="ignore")
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    form = await open_form(hass, entry)
    assert labels(form) == ["Pump 1 (pump-1): ignored"]
    await decide(hass, form, devices=["pump-1"], action="heed")
    await discovery.async_heed(entry.runtime_data.hub, "nobody")
    assert (await open_form(hass, entry))["reason"] == "nobody_waits"
