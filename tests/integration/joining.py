"""What the tests of forms share: a site that runs, and devices that call it."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from homeassistant.config_entries import (
    SOURCE_INTEGRATION_DISCOVERY,
    SOURCE_USER,
    ConfigEntry,
    ConfigFlowResult,
    SubentryFlowResult,
)
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message

from custom_components.iiot.bridge.fleet_keys import remember_fleet_key
from custom_components.iiot.const import DOMAIN, SUBENTRY_DEVICE
from custom_components.iiot.engine.wire import codec, signing

FLEET_KEY = bytes(range(32))
DEVICE_ID = "press-07"
DEVICE_KEY = signing.derive_device_key(FLEET_KEY, DEVICE_ID, 1)
OTHER_KEY = bytes(range(100, 132))
NONCE = "8899aabbccddeeff"


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Keep the hub's files out of the installed packages."""
    return hass_tmp_config_dir


@pytest.fixture
def expected_lingering_timers() -> bool:
    """Home Assistant's stand-in for the MQTT client leaves a timer behind."""
    return True


async def add_hub(
    hass: HomeAssistant,
    *,
    fleet_key: bytes | None = FLEET_KEY,
    prefix: str = "iiot",
    title: str = "Hall 3",
    **options: Any,
) -> ConfigEntry:
    """Set a hub up as its form does."""
    entry = MockConfigEntry(
        domain=DOMAIN, title=title, data={"prefix": prefix}, options=options, unique_id=f"unique-{prefix}"
    )
    remember_fleet_key(hass, f"unique-{prefix}", fleet_key)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def settle(hass: HomeAssistant) -> None:
    """Let cards appear. A hub's own background tasks never end, so they cannot be waited for."""
    for _ in range(10):
        await asyncio.sleep(0)
        await hass.async_block_till_done()


async def call(hass: HomeAssistant, key: bytes, device_id: str = DEVICE_ID, prefix: str = "iiot", **more: Any) -> None:
    """Let a device send a heartbeat."""
    ns = time.time_ns()
    payload = {
        "v": 1,
        "type": "heartbeat",
        "id": device_id,
        "kid": 1,
        "ts": ns // 10**9,
        "ts_ns": ns % 10**9,
        "tq": 2,
        "boot": 3,
        "seq": 1,
        "up": 61_250,
        "name": "Presse 7 (Süd)",
        "model": "demo",
        "fw": "1.0.0",
        "nonce": NONCE,
        "session": "0badcafe",
        "interval": 30,
        "state": "awake",
        "manifest": "00112233aabbccdd",
        "hseq": 0,
        "held": [3, 1],
        "alarms": [],
        **more,
    }
    async_fire_mqtt_message(hass, f"{prefix}/{device_id}/heartbeat", codec.seal(key, payload))
    await settle(hass)


async def call_verified(hass: HomeAssistant, entry: ConfigEntry, device_id: str = DEVICE_ID, **more: Any) -> None:
    """Let a device of the fleet key prove that it is there now."""
    key = signing.derive_device_key(FLEET_KEY, device_id, 1)
    await call(hass, key, device_id, seq=1, **more)
    asked = entry.runtime_data.hub.plant.inbox.get(device_id).downlink.last
    await call(hass, key, device_id, seq=2, hseq=asked, **more)


def cards(hass: HomeAssistant) -> list[ConfigFlowResult]:
    """Give the discovery cards that people see."""
    return [
        flow
        for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        if flow["context"]["source"] == SOURCE_INTEGRATION_DISCOVERY
    ]


async def open_card(hass: HomeAssistant) -> ConfigFlowResult:
    """Open the one discovery card."""
    (card,) = cards(hass)
    return await hass.config_entries.flow.async_configure(card["flow_id"])


async def answer(hass: HomeAssistant, form: Any, **user_input: Any) -> ConfigFlowResult:
    """Submit a form of a config flow."""
    return await hass.config_entries.flow.async_configure(form["flow_id"], user_input)


async def start_device_form(hass: HomeAssistant, entry: ConfigEntry) -> SubentryFlowResult:
    """Choose "Add device"."""
    return await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_DEVICE), context={"source": SOURCE_USER}
    )


async def answer_device_form(hass: HomeAssistant, form: Any, **user_input: Any) -> SubentryFlowResult:
    """Submit a form of a device flow."""
    return await hass.config_entries.subentries.async_configure(form["flow_id"], user_input)


async def open_page(hass: HomeAssistant, entry: MockConfigEntry, page: str) -> SubentryFlowResult:
    """Open one page of the only device's menu."""
    (subentry_id,) = entry.subentries
    menu = await entry.start_subentry_reconfigure_flow(hass, subentry_id)
    return await answer_device_form(hass, menu, next_step_id=page)


async def add_device(
    hass: HomeAssistant, entry: ConfigEntry, device_id: str = DEVICE_ID, key: bytes = DEVICE_KEY, name: str = "Press 7"
) -> str:
    """Register a device by hand; gives the id of its subentry."""
    form = await start_device_form(hass, entry)
    form = await answer_device_form(hass, form, device_id=device_id, name=name, key_source="paste")
    asked = {"kid": 1} if "kid" in fields(form) else {}
    done = await answer_device_form(hass, form, key=key.hex(), **asked)
    assert done["type"] == "create_entry", done
    await settle(hass)
    return next(found.subentry_id for found in entry.subentries.values() if found.unique_id == device_id)


def fields(form: Any) -> list[str]:
    """Name the fields of a form."""
    return [str(marker.schema) for marker in form["data_schema"].schema]


def options_of(form: Any, name: str) -> list[Any]:
    """Give the options of a select field."""
    return next(
        field.config["options"] for marker, field in form["data_schema"].schema.items() if marker.schema == name
    )


def units(form: Any) -> dict[str, str]:
    """Give the units that stand behind the fields of a form."""
    found = {str(marker.schema): getattr(field, "config", {}) for marker, field in form["data_schema"].schema.items()}
    return {name: config["unit_of_measurement"] for name, config in found.items() if "unit_of_measurement" in config}


def suggested(form: Any, name: str) -> Any:
    """Give what a field is filled with before anybody typed."""
    marker = next(found for found in form["data_schema"].schema if found.schema == name)
    return (marker.description or {}).get("suggested_value")


def qr_text(form: Any) -> str:
    """Read the QR code of a form."""
    return next(field.config["data"] for marker, field in form["data_schema"].schema.items() if marker.schema == "qr")


def block_key_file(entry: ConfigEntry) -> None:
    """Let the disk refuse to write the key file."""
    path: Path = entry.runtime_data.hub.keys.path
    path.with_suffix(".new").mkdir()
