"""A hub comes and goes, in whole or half way, and leaves nothing behind."""

import logging
from pathlib import Path
from typing import Any

import pytest
from homeassistant.components import mqtt
from homeassistant.config_entries import SOURCE_IGNORE, ConfigEntry, ConfigEntryState, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

import custom_components.iiot as integration
from custom_components.iiot.bridge import enrolment, points
from custom_components.iiot.bridge.fleet_keys import remember_fleet_key
from custom_components.iiot.bridge.hub import TRIM_EVERY, Hub
from custom_components.iiot.bridge.stations import device_identifier, hub_identifier
from custom_components.iiot.compose import folder_of
from custom_components.iiot.engine.errors import StoreError
from custom_components.iiot.engine.stores.sqlite_intake import SqliteIntake

from .field import FieldDevice, entity_id, state
from .joining import (  # noqa: F401  # fixtures
    DEVICE_ID,
    FLEET_KEY,
    OTHER_KEY,
    add_device,
    add_hub,
    block_key_file,
    call_verified,
    cards,
    expected_lingering_timers,
    hass_config_dir,
    settle,
)

RELAY_ID = "relay-1"


def journals_open() -> int:
    """Count the files of journals that this process holds open."""
    links = list(Path("/proc/self/fd").iterdir())
    return sum("intake.sqlite" in str(link.readlink()) for link in links if link.is_symlink())


def device_of(hass: HomeAssistant, entry: ConfigEntry, subentry_id: str) -> dr.DeviceEntry:
    identifier = device_identifier(entry.entry_id, subentry_id)
    found = dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)
    assert found is not None
    return found


def hub_device(hass: HomeAssistant, entry: ConfigEntry) -> dr.DeviceEntry:
    found = dr.async_get(hass).async_get_device_by_identifier(hub_identifier(entry.entry_id), entry.entry_id)
    assert found is not None
    return found


async def test_a_start_that_fails_half_way_leaves_nothing_running(
    hass: HomeAssistant, mqtt_mock: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    entry = MockConfigEntry(domain="iiot", title="Hall 3", data={"prefix": "iiot"}, unique_id="unique-iiot")
    remember_fleet_key(hass, "unique-iiot", FLEET_KEY)
    entry.add_to_hass(hass)
    subscribe, calls = mqtt.async_subscribe, iter(range(100))
    released = []

    async def fourth_fails(*args: Any, **more: Any) -> Any:
        number = next(calls)
        if number == 3:
            raise HomeAssistantError("the broker's integration went away")
        release = await subscribe(*args, **more)
        return lambda: (released.append(number), release())

    with monkeypatch.context() as patch:
        patch.setattr(mqtt, "async_subscribe", fourth_fails)
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert (entry.state, journals_open(), released) == (ConfigEntryState.SETUP_ERROR, 0, [0, 1, 2])
    caplog.clear()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await FieldDevice(hass).join(entry)
    assert [line for line in caplog.records if line.levelno >= logging.ERROR] == []
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert journals_open() == 0


async def test_platforms_that_fail_leave_no_open_file(
    hass: HomeAssistant, mqtt_mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await add_hub(hass)
    await hass.config_entries.async_unload(entry.entry_id)

    async def fail(*_: Any) -> None:
        raise HomeAssistantError("no platforms today")

    with monkeypatch.context() as patch:
        patch.setattr(hass.config_entries, "async_forward_entry_setups", fail)
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert journals_open() == 0


async def test_only_this_user_gets_at_keys_and_journal(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    folder = folder_of(hass, entry.entry_id)
    assert [one.stat().st_mode & 0o777 for one in (folder.parent, folder)] == [0o700, 0o700]
    for one in (folder.parent, folder):
        one.chmod(0o755)
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert [one.stat().st_mode & 0o777 for one in (folder.parent, folder)] == [0o700, 0o700]


async def test_a_journal_that_cannot_be_read_is_closed_and_named(
    hass: HomeAssistant, mqtt_mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await add_hub(hass)
    await FieldDevice(hass).join(entry)
    await hass.config_entries.async_unload(entry.entry_id)
    load = SqliteIntake.load
    with monkeypatch.context() as patch:
        patch.setattr(SqliteIntake, "load", lambda store: [kept._replace(state=b"{") for kept in load(store)])
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert journals_open() == 0
    assert str(folder_of(hass, entry.entry_id)) in str(entry.reason)


async def test_what_comes_and_goes_while_the_hub_is_built_is_followed(
    hass: HomeAssistant, mqtt_mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await add_hub(hass)
    gone = await add_device(hass, entry, "gone-1", OTHER_KEY)
    await hass.config_entries.async_unload(entry.entry_id)
    build = integration.async_build

    async def build_slowly(hass: HomeAssistant, entry: Any) -> Hub:
        hub = await build(hass, entry)
        hass.config_entries.async_remove_subentry(entry, gone)
        key = enrolment.DeviceKey(kid=1, key=OTHER_KEY)
        hub.keys.put_device(DEVICE_ID, key.kid, key.key)
        hass.config_entries.async_add_subentry(entry, enrolment.device_subentry(DEVICE_ID, key, "Press 7", {}))
        return hub

    monkeypatch.setattr(integration, "async_build", build_slowly)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    hub = entry.runtime_data.hub
    assert list(hub.plant.members) == [DEVICE_ID]
    assert hub.keys.device_keys("gone-1") == {}
    (subentry,) = entry.subentries.values()
    assert state(hass, "sensor", subentry.subentry_id, "health.connection").state == "lost"


async def test_a_device_is_deleted_on_its_page_and_the_hub_is_not(
    hass: HomeAssistant, mqtt_mock: Any, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, "config", {})
    entry = await add_hub(hass)
    subentry_id = await FieldDevice(hass).join(entry)
    client = await hass_ws_client(hass)
    await client.send_json_auto_id(
        {"type": "config/device_registry/remove", "device_id": device_of(hass, entry, subentry_id).id}
    )
    assert (await client.receive_json())["success"]
    await settle(hass)
    assert (dict(entry.subentries), dict(entry.runtime_data.hub.plant.members)) == ({}, {})
    assert entry.runtime_data.hub.keys.device_keys(DEVICE_ID) == {}
    await client.send_json_auto_id({"type": "config/device_registry/remove", "device_id": hub_device(hass, entry).id})
    assert not (await client.receive_json())["success"]
    assert hub_device(hass, entry)


async def test_a_removed_hub_leaves_no_files_and_nothing_ignored(hass: HomeAssistant, mqtt_mock: Any) -> None:
    first, second = await add_hub(hass), await add_hub(hass, prefix="other")
    await call_verified(hass, first)
    (card,) = cards(hass)
    await hass.config_entries.flow.async_init(
        "iiot", context={"source": SOURCE_IGNORE}, data={"unique_id": card["context"]["unique_id"], "title": "Press"}
    )
    assert [found.title for found in hass.config_entries.async_entries("iiot") if found.source == SOURCE_IGNORE]
    await hass.config_entries.async_remove(first.entry_id)
    assert hass.config_entries.async_entries("iiot") == [second]
    folder = folder_of(hass, first.entry_id)
    assert (folder.exists(), folder.parent.exists()) == (False, True)
    await hass.config_entries.async_remove(second.entry_id)
    assert not folder.parent.exists()


async def test_a_disk_that_forgets_no_key_keeps_nobody_from_leaving(
    hass: HomeAssistant, mqtt_mock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    await add_device(hass, entry, "press-08", OTHER_KEY)
    block_key_file(entry)
    for subentry_id in list(entry.subentries):
        hass.config_entries.async_remove_subentry(entry, subentry_id)
    await settle(hass)
    assert dict(entry.runtime_data.hub.plant.members) == {}
    assert "the key of press-07 stays on disk: the key file cannot be written" in caplog.text


async def test_a_relay_that_joins_later_stands_between(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    node = FieldDevice(hass)
    node_id = await node.join(entry, net={"via": RELAY_ID})
    assert device_of(hass, entry, node_id).via_device_id == hub_device(hass, entry).id
    relay_id = await FieldDevice(hass, RELAY_ID).join(entry)
    await node.beat(net={"via": RELAY_ID})
    assert device_of(hass, entry, node_id).via_device_id == device_of(hass, entry, relay_id).id
    hass.config_entries.async_remove_subentry(entry, relay_id)
    await settle(hass)
    await node.beat(net={"via": RELAY_ID})
    assert device_of(hass, entry, node_id).via_device_id == hub_device(hass, entry).id


async def test_a_device_that_never_called_stands_behind_the_hub(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    subentry_id = await add_device(hass, entry)
    assert device_of(hass, entry, subentry_id).via_device_id == hub_device(hass, entry).id


async def test_a_description_is_shown_at_once(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    subentry_id = await FieldDevice(hass).join(entry)
    subentry: ConfigSubentry = entry.subentries[subentry_id]
    written = {"description": "Watches the oil", "channel_descriptions": {"temperature": "Sump"}}
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, **written})
    await settle(hass)
    shown = {
        key: state(hass, "sensor", subentry_id, key).attributes.get("description")
        for key in ("health.connection", "temperature", "mode")
    }
    assert shown == {"health.connection": "Watches the oil", "temperature": "Sump", "mode": None}


async def test_the_warning_of_many_entities_goes_with_the_hub(
    hass: HomeAssistant, mqtt_mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "BUDGET", 1)
    monkeypatch.setattr(points, "BUDGET_DELAY_S", 0.0)
    entry = await add_hub(hass)
    subentry_id = await FieldDevice(hass).join(entry)
    assert entity_id(hass, "sensor", subentry_id, "temperature")
    issue = ("iiot", f"{entry.entry_id}_entity_budget")
    assert issue in ir.async_get(hass).issues
    await hass.config_entries.async_remove(entry.entry_id)
    assert issue not in ir.async_get(hass).issues


async def test_a_full_disk_is_logged_once_until_it_is_over(
    hass: HomeAssistant, mqtt_mock: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    entry = await add_hub(hass)

    def fail(*_: Any, **__: Any) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(SqliteIntake, "commit", fail)
        patch.setattr(SqliteIntake, "trim", fail)
        await FieldDevice(hass).join(entry)
        for minutes in range(1, 4):
            async_fire_time_changed(hass, dt_util.utcnow() + minutes * TRIM_EVERY)
            await settle(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert caplog.text.count("Hall 3: the disk is full") == 1
    assert caplog.text.count("Hall 3: the journal can be written again") == 1


async def test_a_journal_that_is_gone_is_told_and_a_first_one_is_not(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    issue_id = f"{entry.entry_id}_journal_began_anew"
    await add_device(hass, entry, DEVICE_ID, OTHER_KEY)
    assert ir.async_get(hass).async_get_issue("iiot", issue_id) is None
    assert await hass.config_entries.async_unload(entry.entry_id)
    for file in folder_of(hass, entry.entry_id).glob("intake.sqlite*"):
        file.unlink()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert ir.async_get(hass).async_get_issue("iiot", issue_id) is not None
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert ir.async_get(hass).async_get_issue("iiot", issue_id) is not None, "until a person has read it"
