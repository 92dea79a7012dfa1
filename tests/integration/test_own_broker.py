"""A hub with a connection of its own hears its devices, speaks to them, and misses nothing while it is away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.iiot.bridge.access import Access
from custom_components.iiot.bridge.broker import broker_of
from custom_components.iiot.bridge.fleet_keys import remember_fleet_key
from custom_components.iiot.bridge.hub import now
from custom_components.iiot.bridge.own_link import OwnLink, client_id_of
from custom_components.iiot.engine.effects import Publish
from custom_components.iiot.engine.links import paho
from custom_components.iiot.engine.links.broker import Broker, Message
from custom_components.iiot.engine.links.faults import Fault
from custom_components.iiot.system_health import async_figures
from testbed.ports import LOOPBACK
from tests.guarded_broker import HUB, GuardedBroker

from .field import TEMPERATURE, state
from .joining import (  # noqa: F401  # fixtures
    FLEET_KEY,
    expected_lingering_timers,
    hass_config_dir,
    settle,
)
from .wired import WiredDevice, sockets_of_this_machine, soon  # noqa: F401  # fixture


@pytest.fixture(autouse=True)
def _tries_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paho, "wait_before", lambda _attempt, _random: 0.05)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[GuardedBroker]:
    """The plant's broker."""
    found = GuardedBroker(tmp_path / "broker", logins=True)
    await found.start()
    yield found
    await found.stop()


async def start(hass: HomeAssistant, port: int, **more: Any) -> MockConfigEntry:
    """Set a hub up that is connected to the broker by itself."""
    facts = {"host": LOOPBACK, "port": port, "user": HUB[0], "password": HUB[1], **more}
    entry = MockConfigEntry(
        domain="iiot",
        title="Hall 3",
        data={"prefix": "iiot", "broker": facts},
        unique_id="unique-own",
        options={"state_interval": 0},
    )
    remember_fleet_key(hass, "unique-own", FLEET_KEY)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def device_at(hass: HomeAssistant, broker: GuardedBroker) -> WiredDevice:
    there = Broker(host=LOOPBACK, port=broker.port, user="press-07", password="press")
    return await WiredDevice(hass, there).connect()


async def accepted(hass: HomeAssistant, entry: MockConfigEntry, count: int) -> None:
    hub = entry.runtime_data.hub
    await soon(lambda: hub.plant.accepted >= count, f"message {count}")
    await settle(hass)


async def test_readings_come_and_commands_leave(hass: HomeAssistant, broker: GuardedBroker) -> None:
    entry = await start(hass, broker.port)
    device = await device_at(hass, broker)
    subentry_id = await device.join(entry, [TEMPERATURE])
    await accepted(hass, entry, 2)
    await device.read(temperature=21.5)
    await accepted(hass, entry, 3)
    assert state(hass, "sensor", subentry_id, "temperature").state == "21.5"
    assert (await async_figures(hass))["broker_connected"] == "1 / 1"
    hub = entry.runtime_data.hub
    hub.link.send(Publish("iiot/press-07/poll", b"{}", 1))
    await soon(lambda: hub.link._link.waiting == 0, "the broker's word")
    assert hub.link.dropped == 0
    await device.link.close()
    assert await hass.config_entries.async_unload(entry.entry_id)
    hub.link.send(Publish("iiot/press-07/poll", b"{}", 1))
    assert (hub.link.dropped, hub.link.is_connected) == (1, False)


async def test_what_devices_send_while_home_assistant_is_away_comes_afterwards(
    hass: HomeAssistant, broker: GuardedBroker
) -> None:
    entry = await start(hass, broker.port)
    device = await device_at(hass, broker)
    subentry_id = await device.join(entry, [TEMPERATURE])
    await accepted(hass, entry, 2)
    assert await hass.config_entries.async_unload(entry.entry_id)
    for value in range(30):
        await device.read(temperature=20 + value / 10)
    await soon(lambda: device.link.waiting == 0, "the broker's word for each reading")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await accepted(hass, entry, 30)
    hub = entry.runtime_data.hub
    assert hub.plant.refused_by_code == {}
    assert hub.plant.members["press-07"].messages >= 30
    assert state(hass, "sensor", subentry_id, "temperature").state == "22.9"
    await device.link.close()
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_message_that_was_not_taken_in_is_sent_again(
    hass: HomeAssistant, broker: GuardedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await start(hass, broker.port)
    device = await device_at(hass, broker)
    await device.join(entry, [TEMPERATURE])
    await accepted(hass, entry, 2)
    link = entry.runtime_data.hub.link._link
    came = asyncio.Event()

    def dies(_: list[Message]) -> None:
        came.set()
        raise SystemError("the process ends here")

    with monkeypatch.context() as patch:
        patch.setattr(link._client, "_take", dies)
        hass.loop.set_exception_handler(lambda *_: None)
        await device.read(temperature=1.0)
        await came.wait()
    await link.drop()
    link.open()
    await accepted(hass, entry, 3)
    await device.link.close()
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_hub_starts_without_its_broker_and_finds_it_later(
    hass: HomeAssistant, broker: GuardedBroker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.iiot.bridge.own_link.CONFIRM_S", 0.2)
    await broker.stop()
    entry = await start(hass, broker.port)
    link = entry.runtime_data.hub.link
    assert (link.is_connected, link.fault) == (False, Fault.REFUSED)
    assert caplog.text.count("Hall 3: no connection to") == 1
    link.send(Publish("iiot/press-07/poll", b"{}", 1))
    assert link.dropped == 1
    await broker.start()
    await soon(lambda: link.is_connected, "the connection")
    assert link.fault is None
    assert "connected to" in caplog.text
    await broker.stop()
    await soon(lambda: link.fault is Fault.REFUSED, "the end of the connection")
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_what_the_broker_does_not_pass_on_is_said_once(
    hass: HomeAssistant, broker: GuardedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await start(hass, broker.port)
    link = entry.runtime_data.hub.link
    for _ in range(3):
        link.send(Publish("elsewhere/press-07/poll", b"{}", 1))
    await soon(lambda: link._link.waiting == 0, "the broker's word")
    assert caplog.text.count("does not pass messages to devices on: Not authorized") == 1
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_one_message_that_fails_takes_none_with_it(
    hass: HomeAssistant, broker: GuardedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await start(hass, broker.port)
    taken: list[str] = []

    def take(topic: str, *_: object) -> None:
        if topic == "bad":
            raise ValueError(topic)
        taken.append(topic)

    assert await hass.config_entries.async_unload(entry.entry_id)
    link = OwnLink(hass, entry, Broker(host=LOOPBACK, port=broker.port, user=HUB[0], password=HUB[1]), now)
    await link.async_start("iiot", take, lambda _: None)
    link._link.station.received_together([Message(topic, b"", False) for topic in ("good", "bad", "better")])
    link._link.station.received("best", b"", False)
    assert taken == ["good", "better", "best"]
    assert "bad could not be taken in" in caplog.text
    caplog.clear()
    link._link.station.subscribed(["iiot/+/data"])
    assert link.fault is Fault.LISTENING
    await link.async_stop()
    await link.async_stop()


async def test_what_comes_elsewhere_is_overheard_over_a_second_connection(
    hass: HomeAssistant, broker: GuardedBroker
) -> None:
    entry = await start(hass, broker.port)
    hub = entry.runtime_data.hub
    heard: list[str] = []
    release = await hub.link.async_overhear(["iiot/+/data"], lambda topic, *_: heard.append(topic))
    await soon(
        lambda: f"{client_id_of(entry.entry_id, '')}-ear" in broker.process.log.read_text(), "the second connection"
    )
    device = await device_at(hass, broker)
    before = hub.plant.accepted

    def said() -> bool:
        device.link.send("iiot/press-07/data", b"{}", 1)
        return bool(heard)

    await soon(said, "the message")
    release()
    await device.link.close()
    assert (hub.plant.accepted, set(heard)) == (before, {"iiot/press-07/data"})
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_topics_that_people_register_are_followed_over_the_same_connection(
    hass: HomeAssistant, broker: GuardedBroker
) -> None:
    entry = await start(hass, broker.port)
    link = entry.runtime_data.hub.link

    def told(kind: str, topic: str) -> bool:
        return any(line.endswith(topic) and client_id_of(entry.entry_id, "iiot") in line for line in log(kind))

    def log(kind: str) -> list[str]:
        lines = broker.process.log.read_text().splitlines()
        return [line for line in lines if (" 1 " in line) is (kind == "listens")]

    await link.async_follow(["oven/+/temp", "yard"])
    await soon(lambda: told("listens", "oven/+/temp") and told("listens", "yard"), "both subscriptions")
    await link.async_follow(["yard"])
    await soon(lambda: told("left", "oven/+/temp"), "the end of one of them")
    assert await hass.config_entries.async_unload(entry.entry_id)
    await link.async_follow(["oven"])


async def test_people_are_told_of_the_hubs_own_broker(hass: HomeAssistant) -> None:
    facts = {"host": "broker.plant", "port": 8883, "tls": True, "authority": "PEM", "user": "hub"}
    broker = broker_of(hass, {"prefix": "iiot", "broker": facts})
    assert (broker.host, broker.port, broker.tls, broker.is_publicly_trusted, broker.has_login) == (
        "broker.plant",
        8883,
        True,
        False,
        True,
    )
    assert broker_of(hass, {"broker": {**facts, "port": 443, "path": "/mqtt"}}).port == 8883


def test_nothing_of_a_login_shows() -> None:
    assert "secret" not in repr(Access(host="here", port=1883, user="hub", password="secret"))
