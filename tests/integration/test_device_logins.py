"""A hub that keeps the logins of its devices at the broker: made, changed, blocked and taken away with them."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.iiot.bridge import logins
from custom_components.iiot.bridge.fleet_keys import remember_fleet_key
from custom_components.iiot.const import DOMAIN
from custom_components.iiot.engine.links import control, paho
from custom_components.iiot.engine.links.broker import Broker
from custom_components.iiot.engine.wire import signing
from testbed.ports import LOOPBACK
from tests.dynamic_broker import HUB, DynamicBroker

from .field import TEMPERATURE, state
from .joining import (  # noqa: F401  # fixtures
    DEVICE_KEY,
    FLEET_KEY,
    OTHER_KEY,
    add_device,
    answer,
    answer_device_form,
    expected_lingering_timers,
    hass_config_dir,
    open_page,
    qr_text,
    settle,
    start_device_form,
)
from .test_own_broker_flow import LOGIN, SITE, change, open_form
from .wired import WiredDevice, broker_form, sockets_of_this_machine, soon  # noqa: F401  # fixture


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (paho, logins):
        monkeypatch.setattr(module, "wait_before", lambda _attempt, _random: 0.05)
    monkeypatch.setattr(logins, "GATHER_S", 0.01)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[DynamicBroker]:
    """A broker that takes its logins from the hub."""
    found = DynamicBroker(tmp_path / "broker")
    await found.start()
    yield found
    await found.stop()


async def start(hass: HomeAssistant, broker: DynamicBroker, **more: Any) -> MockConfigEntry:
    """Set a hub up that keeps the logins."""
    access = {"host": LOOPBACK, "port": broker.port, "user": HUB[0], "password": HUB[1], "logins": True, **more}
    entry = MockConfigEntry(
        domain=DOMAIN, title="Hall 3", data={"prefix": "iiot", "broker": access}, unique_id="unique-logins"
    )
    remember_fleet_key(hass, "unique-logins", FLEET_KEY)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def stop(hass: HomeAssistant, entry: ConfigEntry) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)


def password(key: bytes = DEVICE_KEY, kid: int = 1) -> str:
    return signing.derive_broker_password(key, "press-07", kid)


def device_at(hass: HomeAssistant, broker: DynamicBroker, secret: str) -> WiredDevice:
    return WiredDevice(hass, Broker(host=LOOPBACK, port=broker.port, user="press-07", password=secret))


def issue(hass: HomeAssistant, entry: ConfigEntry, kind: str) -> ir.IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, f"{entry.entry_id}_{kind}")


async def known(broker: DynamicBroker, name: str = "press-07") -> dict[str, Any]:
    await soon(lambda: name in broker.logins(), "the login")
    return broker.logins()[name]


async def test_a_registered_device_gets_in_and_is_heard(hass: HomeAssistant, broker: DynamicBroker) -> None:
    entry = await start(hass, broker)
    device = device_at(hass, broker, password())
    device.link.open()
    await asyncio.sleep(0.2)
    assert not device.link.is_connected, "nobody knows it yet"
    subentry_id = await add_device(hass, entry)
    await soon(lambda: device.link.is_connected, "its connection")
    hub = entry.runtime_data.hub
    await device.beat()
    await device.describe([TEMPERATURE])
    await device.read(temperature=21.5)
    await soon(lambda: hub.plant.accepted == 3, "its messages")
    await settle(hass)
    assert state(hass, "sensor", subentry_id, "temperature").state == "21.5"
    await device.link.close()
    await stop(hass, entry)


async def test_what_a_device_is_provisioned_with_holds_its_login(hass: HomeAssistant, broker: DynamicBroker) -> None:
    entry = await start(hass, broker)
    form = await start_device_form(hass, entry)
    form = await answer_device_form(hass, form, device_id="press-07", name="Press 7", key_source="generate")
    told = json.loads(qr_text(form))
    assert told["broker"]["user"] == "press-07"
    assert told["broker"]["password"] == password(bytes.fromhex(told["key"]), told["kid"])
    await answer_device_form(hass, form)
    await known(broker)
    device = await device_at(hass, broker, told["broker"]["password"]).connect()
    await device.link.close()
    await stop(hass, entry)


async def test_a_revoked_device_is_shut_out_until_it_is_let_in_again(
    hass: HomeAssistant, broker: DynamicBroker
) -> None:
    entry = await start(hass, broker)
    await add_device(hass, entry)
    await known(broker)
    device = await device_at(hass, broker, password()).connect()
    form = await open_page(hass, entry, "revoke")
    await answer_device_form(hass, form, reason="stolen")
    await soon(lambda: not device.link.is_connected, "the end of its connection")
    assert broker.logins()["press-07"]["disabled"] is True
    form = await open_page(hass, entry, "revoke")
    await answer_device_form(hass, form)
    await soon(lambda: device.link.is_connected, "its connection")
    await device.link.close()
    await stop(hass, entry)


async def test_another_key_is_another_password_and_a_device_that_goes_takes_its_login_along(
    hass: HomeAssistant, broker: DynamicBroker
) -> None:
    entry = await start(hass, broker)
    subentry_id = await add_device(hass, entry)
    await known(broker)
    hub = entry.runtime_data.hub
    await broker.stop()
    hub.keys.put_device("press-07", 2, OTHER_KEY)
    subentry = entry.subentries[subentry_id]
    fresh = {**subentry.data, "kid": 2, "fingerprint": signing.fingerprint(OTHER_KEY)}
    hass.config_entries.async_update_subentry(entry, subentry, data=fresh)
    await settle(hass)
    await broker.start()
    await soon(lambda: broker.logins()["press-07"]["textdescription"].startswith("key 2 "), "the other password")
    device = await device_at(hass, broker, password(OTHER_KEY, 2)).connect()
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await soon(lambda: broker.logins().keys() == {"hub"}, "the end of the login")
    await soon(lambda: broker.roles() == {"hub", "admin"}, "the end of its role")
    await device.link.drop()
    await stop(hass, entry)


async def test_what_was_missed_while_the_hub_was_away_is_mended_at_its_start(
    hass: HomeAssistant, broker: DynamicBroker, tmp_path: Path
) -> None:
    entry = await start(hass, broker)
    await add_device(hass, entry)
    before = await known(broker)
    await stop(hass, entry)
    await broker.stop()
    blank = DynamicBroker(tmp_path / "new")
    blank.port = broker.port
    await blank.start()
    assert await hass.config_entries.async_setup(entry.entry_id)
    after = await known(blank)
    assert after["textdescription"] == before["textdescription"] == f"key 1 {signing.fingerprint(DEVICE_KEY)}"
    await stop(hass, entry)
    await blank.stop()


async def test_a_login_that_people_made_stays_and_is_told(hass: HomeAssistant, broker: DynamicBroker) -> None:
    entry = await start(hass, broker)
    await add_device(hass, entry, device_id="admin")
    await known(broker, "admin")
    await stop(hass, entry)
    entry = next(iter(hass.config_entries.async_entries(DOMAIN)))
    await broker.stop()
    broker.rename("admin", owner="")
    await broker.start()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await soon(lambda: issue(hass, entry, "logins_refused"), "the repair")
    told = issue(hass, entry, "logins_refused")
    assert told.translation_placeholders["login"] == "admin"
    assert "the hub did not make" in told.translation_placeholders["reason"]
    (subentry_id,) = entry.subentries
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await soon(lambda: issue(hass, entry, "logins_refused") is None, "its end")
    assert "admin" in broker.logins()
    await stop(hass, entry)


async def test_a_broker_that_does_not_answer_is_told_until_it_does_or_is_asked_no_more(
    hass: HomeAssistant, tmp_path: Path
) -> None:
    weak = DynamicBroker(tmp_path / "weak", admin=False)
    await weak.start()
    entry = await start(hass, weak)
    await soon(lambda: issue(hass, entry, "logins_unanswered"), "the repair")
    told = issue(hass, entry, "logins_unanswered").translation_placeholders["broker"]
    assert told.replace("\\", "") == f"{LOOPBACK}:{weak.port}"
    access = {**entry.data["broker"], "logins": False}
    hass.config_entries.async_update_entry(entry, data={**entry.data, "broker": access})
    await hass.config_entries.async_reload(entry.entry_id)
    assert issue(hass, entry, "logins_unanswered") is None
    await stop(hass, entry)
    await weak.stop()


async def test_the_form_asks_the_broker_before_it_promises(
    hass: HomeAssistant, broker: DynamicBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "WITHIN_S", 2.0)
    weak = DynamicBroker(tmp_path / "weak", admin=False)
    await weak.start()
    form = await answer(hass, await open_form(hass), **broker_form(weak, **LOGIN, logins=True))
    assert form["errors"] == {"base": "broker_logins"}
    await weak.stop()
    site = await answer(hass, form, **broker_form(broker, **LOGIN, logins=True))
    done = await answer(hass, site, **SITE)
    await hass.async_block_till_done()
    entry = done["result"]
    assert entry.data["broker"]["logins"] is True
    form = await change(hass, entry, "own_broker")
    shown = next(marker for marker in form["data_schema"].schema if marker.schema == "logins")
    assert shown.description["suggested_value"] is True
    await stop(hass, entry)
