"""A hub in trouble goes on, and says once what is wrong."""

import asyncio
import logging
from typing import Any

import pytest
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from custom_components.iiot.bridge.discovery import enrol
from custom_components.iiot.bridge.notices import JOURNAL_OVERRUN, issue_id_of
from custom_components.iiot.bridge.sender import MOST_WAITING, Sender
from custom_components.iiot.const import DOMAIN
from custom_components.iiot.engine.effects import Publish
from custom_components.iiot.engine.ports import Trimmed
from custom_components.iiot.engine.stores.sqlite_intake import SqliteIntake

from .field import CHANNELS, FieldDevice, state
from .joining import (
    DEVICE_ID,
    add_hub,
    block_key_file,
    call_verified,
    expected_lingering_timers,  # noqa: F401
    hass_config_dir,  # noqa: F401
    settle,
)

pytestmark = pytest.mark.usefixtures("mqtt_mock")


async def enrolled(hass: HomeAssistant) -> None:
    """Wait until devices that join by themselves have joined, or not."""
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name().startswith("iiot enrol")))
    await settle(hass)


async def test_rows_that_nobody_has_read_are_lost_loudly(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await add_hub(hass)
    steps = [Trimmed(7, {"history": 7}, True, DEVICE_ID), Trimmed(0, {}, False)]
    monkeypatch.setattr(SqliteIntake, "trim", lambda *_, **__: steps.pop(0))
    await entry.runtime_data.hub._trim(dt_util.utcnow())
    assert "7 rows are gone before history read them; most of the room was taken by press-07" in caplog.text
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id_of(entry.entry_id, JOURNAL_OVERRUN, None))
    assert issue is not None
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["rows"] == "7"


async def test_a_verified_device_whose_key_cannot_be_kept_stays_out(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await add_hub(hass, discovery="verified")
    block_key_file(entry)
    await call_verified(hass, entry)
    await enrolled(hass)
    assert not entry.subentries
    assert "Hall 3: press-07 cannot join: the key file cannot be written" in caplog.text


async def test_a_device_that_is_let_in_twice_joins_once(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    await call_verified(hass, entry)
    for device_id in (DEVICE_ID, DEVICE_ID, "nobody"):
        enrol(entry.runtime_data.hub, device_id)
    await enrolled(hass)
    assert [subentry.unique_id for subentry in entry.subentries.values()] == [DEVICE_ID]


async def test_an_accident_of_the_journal_is_no_end(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)

    def fail(*_: Any) -> None:
        raise OverflowError("a number that no column holds")

    with monkeypatch.context() as patch:
        patch.setattr(SqliteIntake, "commit", fail)
        station = await device.join(entry)
        assert await hass.config_entries.async_unload(entry.entry_id)
    assert "Hall 3: the journal failed" in caplog.text
    assert await hass.config_entries.async_setup(entry.entry_id)
    await device.beat()
    await device.describe(CHANNELS)
    await device.read(temperature=21.5)
    assert state(hass, "sensor", station, "temperature").state == "21.5"


async def test_one_entity_that_fails_keeps_no_other_from_being_shown(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    station = await device.join(entry)
    hub = entry.runtime_data.hub

    def fail(device_id: str) -> None:
        raise ValueError(device_id)

    release = hub.on_health(fail)
    await device.beat(fw="1.0.1")
    release()
    await device.read(temperature=21.5)
    assert "HealthChanged could not be performed" in caplog.text
    assert state(hass, "sensor", station, "temperature").state == "21.5"


async def test_home_assistant_that_stops_stops_the_hub(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    hub = entry.runtime_data.hub
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await settle(hass)
    assert not hub.is_running


async def test_what_cannot_leave_now_is_dropped_and_not_kept(hass: HomeAssistant, mqtt_mock: Any) -> None:
    sender = Sender(hass)
    mqtt_mock.connected = False
    sender.send(Publish("iiot/press-07/poll", b"{}", 1))
    mqtt_mock.connected = True
    for _ in range(MOST_WAITING + 1):
        sender.send(Publish("iiot/press-07/poll", b"{}", 1))
    assert sender.dropped == 2, "one while the broker was away, one beyond what may wait"
