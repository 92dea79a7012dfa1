"""A person sets a site up, and changes it."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from homeassistant.components import mqtt
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.iiot.const import DOMAIN
from custom_components.iiot.engine.wire import signing

from .joining import (  # noqa: F401  # fixtures
    DEVICE_KEY,
    FLEET_KEY,
    OTHER_KEY,
    add_device,
    add_hub,
    answer,
    block_key_file,
    expected_lingering_timers,
    fields,
    hass_config_dir,
    options_of,
    qr_text,
)

SITE = {"name": "Hall 3", "prefix": "iiot", "fleet_key": "none", "discovery": "ask"}


async def start(hass: HomeAssistant) -> Any:
    menu = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert (menu["type"], menu["menu_options"]) == ("menu", ["home_assistant", "own_broker"])
    return await answer(hass, menu, next_step_id="home_assistant")


async def open_form(hass: HomeAssistant, entry: MockConfigEntry) -> Any:
    return await answer(hass, await entry.start_reconfigure_flow(hass), next_step_id="change_site")


async def reconfigure(hass: HomeAssistant, entry: MockConfigEntry, **changes: Any) -> Any:
    form = await open_form(hass, entry)
    assert form["step_id"] == "change_site"
    return await answer(hass, form, **{"name": "Hall 3", "prefix": "iiot", "fleet_key": "keep", **changes})


def key_file(hass: HomeAssistant, entry_id: str) -> Path:
    return Path(hass.config.path(DOMAIN, entry_id, "keys.json"))


async def test_without_mqtt_nobody_can_add_a_site(hass: HomeAssistant) -> None:
    result = await start(hass)
    assert (result["type"], result["reason"]) == ("abort", "mqtt_missing")


async def test_a_broker_that_is_away_is_said_and_waited_for(hass: HomeAssistant, mqtt_mock: Any) -> None:
    mqtt_mock.connected = False
    form = await answer(hass, await start(hass), **SITE)
    assert form["errors"] == {"base": "mqtt_not_connected"}
    mqtt_mock.connected = True
    done = await answer(hass, form, **SITE)
    assert done["type"] == "create_entry"


async def test_mqtt_that_is_not_set_up_counts_as_not_connected(hass: HomeAssistant) -> None:
    MockConfigEntry(domain=mqtt.DOMAIN, data={}).add_to_hass(hass)
    form = await answer(hass, await start(hass), **SITE)
    assert form["errors"] == {"base": "mqtt_not_connected"}


async def test_a_site_without_a_fleet_key(hass: HomeAssistant, mqtt_mock: Any) -> None:
    done = await answer(hass, await start(hass), **{**SITE, "name": " Hall 3 ", "prefix": " plant/line1 "})
    await hass.async_block_till_done()
    entry = done["result"]
    assert entry.title == "Hall 3"
    assert dict(entry.data) == {"prefix": "plant/line1"}
    assert dict(entry.options) == {"discovery": "ask"}
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.hub.keys.fleet_key is None


async def test_a_new_fleet_key_is_shown_once_and_kept_in_a_file_of_its_own(
    hass: HomeAssistant, mqtt_mock: Any, hass_storage: dict[str, Any]
) -> None:
    form = await answer(hass, await start(hass), **{**SITE, "fleet_key": "generate"})
    assert form["step_id"] == "fleet_key_made"
    shown = form["description_placeholders"]["key"]
    assert qr_text(form) == shown
    assert len(bytes.fromhex(shown)) == 32
    done = await answer(hass, form)
    await hass.async_block_till_done()
    entry = done["result"]
    path = key_file(hass, entry.entry_id)
    assert json.loads(path.read_text())["fleet_key"] == shown
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert shown not in json.dumps(entry.as_dict(), default=str)


async def test_a_fleet_key_that_exists_is_entered(hass: HomeAssistant, mqtt_mock: Any) -> None:
    form = await answer(hass, await start(hass), **{**SITE, "fleet_key": "paste"})
    assert form["step_id"] == "fleet_key"
    form = await answer(hass, form, key="00 11 22")
    assert form["errors"] == {"key": "invalid_key"}
    text = FLEET_KEY.hex()
    done = await answer(hass, form, key=f" {text[:32]}-{text[32:]} ")
    await hass.async_block_till_done()
    assert done["result"].runtime_data.hub.keys.fleet_key == FLEET_KEY


@pytest.mark.parametrize("prefix", ["plant/#", "+/line", "/plant", "plant/", "a//b", "$SYS", "", "x" * 200])
async def test_a_prefix_that_cannot_be_one_is_refused_in_the_form(
    hass: HomeAssistant, mqtt_mock: Any, prefix: str
) -> None:
    form = await answer(hass, await start(hass), **{**SITE, "prefix": prefix})
    assert form["errors"] == {"prefix": "invalid_prefix"}


async def test_a_site_has_a_name(hass: HomeAssistant, mqtt_mock: Any) -> None:
    form = await answer(hass, await start(hass), **{**SITE, "name": "  "})
    assert form["errors"] == {"name": "name_missing"}


async def test_sites_stand_side_by_side_each_with_a_prefix_of_its_own(hass: HomeAssistant, mqtt_mock: Any) -> None:
    await add_hub(hass)
    form = await answer(hass, await start(hass), **SITE)
    assert form["errors"] == {"prefix": "prefix_taken"}
    done = await answer(hass, form, **{**SITE, "prefix": "north"})
    await hass.async_block_till_done()
    assert done["result"].state is ConfigEntryState.LOADED
    assert len(hass.config_entries.async_loaded_entries(DOMAIN)) == 2


async def test_of_two_people_who_add_the_same_site_one_is_told(hass: HomeAssistant, mqtt_mock: Any) -> None:
    first = await answer(hass, await start(hass), **{**SITE, "fleet_key": "generate"})
    second = await answer(hass, await start(hass), **{**SITE, "fleet_key": "generate"})
    assert (await answer(hass, first))["type"] == "create_entry"
    result = await answer(hass, second)
    assert (result["type"], result["reason"]) == ("abort", "prefix_taken")


async def test_a_site_gets_another_name_and_prefix(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    result = await reconfigure(hass, entry, name="Hall 4", prefix="hall4")
    await hass.async_block_till_done()
    assert (result["type"], result["reason"]) == ("abort", "reconfigure_successful")
    assert (entry.title, dict(entry.data)) == ("Hall 4", {"prefix": "hall4"})
    hub = entry.runtime_data.hub
    assert hub.plant.settings.prefix == "hall4"
    assert hub.keys.fleet_key == FLEET_KEY


async def test_a_change_is_checked_like_a_new_site(hass: HomeAssistant, mqtt_mock: Any) -> None:
    await add_hub(hass, prefix="north")
    entry = await add_hub(hass)
    form = await reconfigure(hass, entry, name="", prefix="north")
    assert form["errors"] == {"name": "name_missing", "prefix": "prefix_taken"}


async def test_a_site_gets_a_new_fleet_key(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    form = await reconfigure(hass, entry, fleet_key="generate")
    shown = form["description_placeholders"]["key"]
    await answer(hass, form)
    await hass.async_block_till_done()
    assert entry.runtime_data.hub.keys.fleet_key == bytes.fromhex(shown)


async def test_a_site_gets_the_fleet_key_of_the_devices(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass, fleet_key=None)
    form = await open_form(hass, entry)
    assert options_of(form, "fleet_key") == ["keep", "generate", "paste"]
    form = await answer(hass, form, name="Hall 3", prefix="iiot", fleet_key="paste")
    await answer(hass, form, key=FLEET_KEY.hex())
    await hass.async_block_till_done()
    assert entry.runtime_data.hub.keys.fleet_key == FLEET_KEY


async def test_retiring_the_fleet_key_lists_the_devices_that_are_still_on_it(
    hass: HomeAssistant, mqtt_mock: Any
) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry, name="Press [7]")
    await add_device(hass, entry, device_id="own", key=OTHER_KEY, name="Own key")
    form = await reconfigure(hass, entry, fleet_key="retire")
    assert form["step_id"] == "retire_fleet_key"
    assert form["description_placeholders"] == {"count": "1", "devices": r"- Press \[7\]"}
    await answer(hass, form)
    await hass.async_block_till_done()
    hub = entry.runtime_data.hub
    assert hub.keys.fleet_key is None
    assert hub.keys.device_keys("press-07") == {1: DEVICE_KEY}


async def test_a_fleet_key_that_is_gone_already_can_be_retired(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    form = await open_form(hass, entry)
    entry.runtime_data.hub.keys.set_fleet_key(None)
    form = await answer(hass, form, name="Hall 3", prefix="iiot", fleet_key="retire")
    assert form["description_placeholders"] == {"count": "0", "devices": r"\-"}


async def test_a_long_list_of_devices_is_cut_short(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    for number in range(22):
        key = signing.derive_device_key(FLEET_KEY, f"d{number}", 1)
        await add_device(hass, entry, device_id=f"d{number}", key=key, name=f"D{number:02}")
    form = await reconfigure(hass, entry, fleet_key="retire")
    shown = form["description_placeholders"]
    assert shown["count"] == "22"
    assert shown["devices"].endswith("- D19\n- … (+2)")


async def test_a_disk_that_refuses_the_fleet_key_changes_nothing(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    block_key_file(entry)
    form = await reconfigure(hass, entry, name="Hall 4", fleet_key="paste")
    result = await answer(hass, form, key=OTHER_KEY.hex())
    assert (result["type"], result["reason"]) == ("abort", "key_not_saved")
    assert entry.title == "Hall 3"
    assert json.loads(key_file(hass, entry.entry_id).read_text())["fleet_key"] == FLEET_KEY.hex()


async def test_a_site_that_does_not_run_is_not_changed(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    result = await open_form(hass, entry)
    assert (result["type"], result["reason"]) == ("abort", "hub_not_running")


async def test_the_form_asks_for_nothing_else(hass: HomeAssistant, mqtt_mock: Any) -> None:
    assert fields(await start(hass)) == ["name", "prefix", "fleet_key", "discovery"]
