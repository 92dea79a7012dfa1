"""Promises of the quality scale that hold for every entity, or for the whole hub."""

import logging
from importlib import import_module
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import async_get_platforms
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.iiot import PLATFORMS
from custom_components.iiot.const import DOMAIN
from custom_components.iiot.runtime import Runtime

from .field import FieldDevice, state
from .joining import (
    add_hub,
    expected_lingering_timers,  # noqa: F401
    hass_config_dir,  # noqa: F401
)
from .plant_floor import Machine


async def test_a_hub_waits_for_mqtt(hass: HomeAssistant) -> None:
    entry = MockConfigEntry(domain=DOMAIN, title="Hall 3", data={"prefix": "iiot"}, unique_id="hall-3")
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "mqtt_not_ready"


@pytest.mark.usefixtures("mqtt_mock")
async def test_a_device_that_goes_and_comes_back_is_logged_once_each(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    await device.join(entry)
    caplog.set_level(logging.INFO, "custom_components.iiot")
    caplog.clear()
    for _ in range(2):
        await device.send("status", {"state": "offline", "session": "0badcafe"})
    for _ in range(2):
        await device.beat()
    told = [record.getMessage() for record in caplog.records if record.name.startswith("custom_components.iiot")]
    assert [line for line in told if "is lost" in line or "is live" in line] == [
        "Hall 3: device press-07 is lost",
        "Hall 3: device press-07 is live",
    ]


def test_every_platform_says_how_many_updates_go_side_by_side() -> None:
    for platform in PLATFORMS:
        assert import_module(f"custom_components.iiot.{platform}").PARALLEL_UPDATES == 0, (
            "the hub keeps the order of commands"
        )


async def test_every_entity_is_named_after_its_device_and_known_by_its_station(
    hass: HomeAssistant, mqtt_mock: Any
) -> None:
    entry = await add_hub(hass, state_interval=0)
    assert isinstance(entry.runtime_data, Runtime)
    machine = Machine(hass, mqtt_mock.async_publish)
    station = await machine.stand(entry)
    await machine.beat(power={"battery": 71}, loc=[52.1, 5.2, 3])
    found = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    assert {row.domain for row in found} == set(PLATFORMS)
    for row in found:
        assert row.has_entity_name, row.entity_id
        assert row.device_id, row.entity_id
        assert row.unique_id.startswith((f"{station}_", f"{entry.entry_id}_")), row.unique_id
    shown: list[Entity] = [one for there in async_get_platforms(hass, DOMAIN) for one in there.entities.values()]
    assert shown
    assert not any(one.should_poll for one in shown)
    assert state(hass, "binary_sensor", station, "fan").name == "Press-07 Fan runs"
