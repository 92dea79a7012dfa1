"""What people send to somebody who helps holds facts, and no secret."""

import json
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message

from custom_components.iiot.bridge.stations import device_identifier, hub_identifier
from custom_components.iiot.const import DOMAIN
from custom_components.iiot.diagnostics import async_get_config_entry_diagnostics, async_get_device_diagnostics
from custom_components.iiot.engine.wire import codec
from custom_components.iiot.system_health import async_figures, async_register

from .joining import (  # noqa: F401  # fixtures
    DEVICE_ID,
    DEVICE_KEY,
    FLEET_KEY,
    NONCE,
    OTHER_KEY,
    add_device,
    add_hub,
    call,
    expected_lingering_timers,
    hass_config_dir,
    settle,
)

SECRETS = (
    FLEET_KEY.hex(),
    DEVICE_KEY.hex(),
    OTHER_KEY.hex(),
    NONCE,
    "0badcafe",
    "10.1.2.3",
    "aa:bb:cc",
    "48.13",
    "Cellar",
    "00ff00ff",
    "plant-wifi",
)
BEAT = {
    "boot": 4,
    "loc": [48.1371, 11.5754],
    "place": "Cellar",
    "net": {"ip": "10.1.2.3", "mac": "aa:bb:cc:dd:ee:ff", "rssi": -61, "ssid": "plant-wifi"},
    "rekeyed": [[1, "00ff00ff"]],
    "caps": ["poll", "confirm"],
}


async def describe(hass: HomeAssistant) -> None:
    payload = {
        "v": 1,
        "type": "manifest",
        "id": DEVICE_ID,
        "kid": 1,
        "ts": 0,
        "ts_ns": 0,
        "tq": 0,
        "boot": 4,
        "seq": 2,
        "up": 61_260,
        "digest": "00112233aabbccdd",
        "channels": [{"key": "temp", "name": "Temperature", "kind": "float", "unit": "°C"}],
        "actuators": [],
        "alarms": [{"code": "hot", "name": "Hot", "priority": "high"}],
        "commands": ["describe"],
    }
    async_fire_mqtt_message(hass, f"iiot/{DEVICE_ID}/manifest", codec.seal(DEVICE_KEY, payload))
    await settle(hass)


async def plant(hass: HomeAssistant) -> Any:
    entry = await add_hub(hass)
    await add_device(hass, entry)
    await call(hass, DEVICE_KEY, **BEAT)
    await describe(hass)
    await call(hass, OTHER_KEY, **BEAT, seq=3)
    await call(hass, OTHER_KEY, "stranger", **BEAT)
    return entry


async def test_a_hub_is_described_without_its_secrets(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await plant(hass)
    told = await async_get_config_entry_diagnostics(hass, entry)
    text = json.dumps(told, default=str)
    assert not [secret for secret in SECRETS if secret in text]
    assert told["has_fleet_key"] is True
    assert told["settings"]["delay_limit_s"] == 300.0
    assert told["inbox"]["waiting"] == 1
    (device,) = told["devices"]
    assert device["device_id"] == DEVICE_ID
    assert device["health"]["rssi_dbm"] == -61
    assert device["refused"] == {"bad_mac": 1}
    assert device["heartbeat"]["caps"] == ["confirm", "poll"]
    assert device["heartbeat"]["rekeyed"] == [1]


async def test_a_hub_that_never_started_is_described_all_the_same(hass: HomeAssistant) -> None:
    entry = MockConfigEntry(domain=DOMAIN, data={"prefix": "iiot"})
    told = await async_get_config_entry_diagnostics(hass, entry)
    assert told == {"state": "not_loaded", "data": {"prefix": "iiot"}, "options": {}, "broker_connected": False}


async def test_a_device_is_described_with_its_channels(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await plant(hass)
    (subentry,) = entry.subentries.values()
    identifier = device_identifier(entry.entry_id, subentry.subentry_id)
    page = dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)
    assert page is not None
    told = await async_get_device_diagnostics(hass, entry, page)
    text = json.dumps(told, default=str)
    assert not [secret for secret in SECRETS if secret in text]
    assert told["manifest"]["channels"]["temp"]["unit"] == "°C"
    assert told["manifest"]["alarms"] == ["hot"]
    entry.runtime_data.hub.plant.members.clear()
    assert "health" not in await async_get_device_diagnostics(hass, entry, page)


async def test_the_page_of_the_hub_describes_the_hub(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await plant(hass)
    page = dr.async_get(hass).async_get_device_by_identifier(hub_identifier(entry.entry_id), entry.entry_id)
    assert page is not None
    assert len((await async_get_device_diagnostics(hass, entry, page))["devices"]) == 1


async def test_system_health_counts_all_sites(hass: HomeAssistant, mqtt_mock: Any) -> None:
    await plant(hass)
    await add_hub(hass, prefix="north")
    figures = await async_figures(hass)
    assert re.fullmatch(r"\d+\.\d MiB", figures.pop("journal_size"))
    assert figures == {
        "hubs": 2,
        "devices": 1,
        "devices_live": 1,
        "devices_waiting": 1,
        "broker_connected": True,
    }


async def test_system_health_is_offered(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, "system_health", {})

    class Page:
        info: Any = None

        def async_register_info(self, info: Any, manage_url: str | None = None) -> None:
            self.info = info
            assert manage_url is not None
            assert DOMAIN in manage_url

    page = Page()
    async_register(hass, page)  # type: ignore[arg-type]  # what Home Assistant hands in, cut down
    assert (await page.info(hass))["hubs"] == 0
