"""What people send to somebody who helps holds facts, and no secret."""

import json
import re
from base64 import b64encode
from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message

from custom_components.iiot.bridge.hub import now
from custom_components.iiot.bridge.stations import device_identifier, hub_identifier
from custom_components.iiot.const import DOMAIN
from custom_components.iiot.diagnostics import async_get_config_entry_diagnostics, async_get_device_diagnostics
from custom_components.iiot.engine.errors import StoreError
from custom_components.iiot.engine.stores.sqlite_intake import SqliteIntake
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
    assert told.pop("versions") == {
        "integration": "0.1.0",
        "protocol": 1,
        "entry": "1.1",
        "journal": 3,
        "state": 2,
        "key_file": 3,
    }
    assert told == {
        "state": "not_loaded",
        "reason": None,
        "data": {"prefix": "iiot"},
        "options": {},
    }


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
    assert re.fullmatch(r"\d+\.\d+\.\d+", figures.pop("version"))
    assert figures == {
        "hubs": 2,
        "devices": 1,
        "devices_live": 1,
        "devices_waiting": 1,
        "refused": "bad_mac 1, unknown_device 1",
        "broker_connected": "2 / 2",
        "clock_in_doubt": False,
        "journal_age": "0.0 d",
        "journals_readable": True,
    }


async def test_a_journal_that_cannot_be_read_is_said_and_hides_nothing_else(
    hass: HomeAssistant, mqtt_mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await add_hub(hass)

    def fail(_: SqliteIntake) -> None:
        raise StoreError("the journal cannot be measured: disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(SqliteIntake, "extent", fail)
        figures = await async_figures(hass)
        told = await async_get_config_entry_diagnostics(hass, entry)
    assert (figures["journals_readable"], figures["journal_age"], figures["refused"]) == (False, "-", "0")
    assert told["journal"] == {"error": "the journal cannot be measured: disk I/O error"}


async def test_the_journal_and_its_readers_are_described(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await plant(hass)
    hub = entry.runtime_data.hub
    for effect in hub.plant.flush(now()):
        await hub._async_commit(effect.batch)
    journal = (await async_get_config_entry_diagnostics(hass, entry))["journal"]
    assert journal["size_bytes"] > 0
    assert (journal["first"], journal["age_s"]) == (1, 0)
    assert journal["cursors"] == {"last_values": journal["last"]}
    assert journal["unread"] == {"last_values": 0}
    assert (journal["began_anew"], journal["troubles"]) == (False, [])


async def test_a_removed_device_that_still_calls_waits_for_nobody(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    subentry_id = await add_device(hass, entry)
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await settle(hass)
    await call(hass, DEVICE_KEY)
    inbox = (await async_get_config_entry_diagnostics(hass, entry))["inbox"]
    assert (inbox["waiting"], inbox["calling_though_removed"]) == (0, 1)
    assert (await async_figures(hass))["devices_waiting"] == 0
    await call(hass, OTHER_KEY, "stranger")
    assert (await async_figures(hass))["devices_waiting"] == 1


PLANTED = {
    "a fleet key in a name": {"name": f"Press {FLEET_KEY.hex()}"},
    "a key in capitals and groups": {"model": " ".join(FLEET_KEY.hex().upper()[at : at + 8] for at in range(0, 64, 8))},
    "a key in base64": {"fw": f"v1 {b64encode(OTHER_KEY).decode()}"},
    "a login in an address": {"fw": "mqtt://plant:hunter2@broker"},
    "a key in what it cannot do": {"caps": [DEVICE_KEY.hex()]},
}


@pytest.mark.parametrize("said", PLANTED.values(), ids=PLANTED)
async def test_a_secret_that_a_device_says_is_blanked_wherever_it_stands(
    hass: HomeAssistant, mqtt_mock: Any, said: dict[str, Any]
) -> None:
    entry = await add_hub(hass, prefix=f"plant/{FLEET_KEY.hex()}/north", title="Hall 3")
    subentry_id = await add_device(hass, entry, name=f"Press {OTHER_KEY.hex()}")
    await call(hass, DEVICE_KEY, prefix=f"plant/{FLEET_KEY.hex()}/north", **said)
    assert entry.runtime_data.hub.plant.members[DEVICE_ID].device.heartbeat, "the device was not understood"
    page = dr.async_get(hass).async_get_device_by_identifier(
        device_identifier(entry.entry_id, subentry_id), entry.entry_id
    )
    assert page is not None
    text = json.dumps(
        [
            await async_get_config_entry_diagnostics(hass, entry),
            await async_get_device_diagnostics(hass, entry, page),
            await async_figures(hass),
        ],
        default=str,
    )
    bare = re.sub(r"[ :-]", "", text).lower()
    secrets = (FLEET_KEY.hex(), OTHER_KEY.hex(), DEVICE_KEY.hex(), b64encode(OTHER_KEY).decode().lower(), "hunter2")
    assert not [secret for secret in secrets if secret in bare]
    assert "**REDACTED**" in text


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
