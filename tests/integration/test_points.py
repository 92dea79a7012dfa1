"""How often entities write, what the registry knows of devices, and the budget of entities."""

import asyncio
import logging
import time
from collections.abc import Callable
from itertools import pairwise
from unittest.mock import patch

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import async_capture_events, async_fire_time_changed

from custom_components.iiot.bridge import mqtt
from custom_components.iiot.bridge import points as points_module
from custom_components.iiot.bridge.pacing import Pacer

from .field import CHANNELS, FieldDevice, entity_id, state
from .joining import (
    add_hub,
    expected_lingering_timers,  # noqa: F401
    hass_config_dir,  # noqa: F401
    settle,
)

FIELD = pytest.mark.usefixtures("mqtt_mock")


class Loop:
    """A clock that is turned by hand, with the loop's one timer."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, action: Callable[[], None]) -> Loop:
        assert self.timers == [], "one timer for all"
        self.timers.append((when, action))
        return self

    def cancel(self) -> None:
        self.timers.clear()

    def turn(self, to: float) -> None:
        while self.timers and self.timers[0][0] <= to:
            when, action = self.timers.pop()
            self.now = max(self.now, when)
            action()
        self.now = to


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def pacer(loop: Loop) -> Pacer:
    return Pacer(loop)  # type: ignore[arg-type]


def test_the_first_change_is_written_at_once_the_last_when_the_pace_allows(loop: Loop, pacer: Pacer) -> None:
    written: list[float] = []
    pacer.watch("d", "x", lambda: written.append(loop.now), 1.0)
    for step in range(30):
        loop.turn(100 + step / 10)
        pacer.changed("d", ["x"])
    loop.turn(110)
    assert written[0] == 100
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(written))
    assert written == pytest.approx([100, 101.1, 102.2, 103.3], abs=0.11)
    assert loop.timers == []


def test_a_quiet_point_costs_nothing(loop: Loop, pacer: Pacer) -> None:
    written: list[float] = []
    pacer.watch("d", "x", lambda: written.append(loop.now), 1.0)
    pacer.changed("d", ["x", "unknown"])
    pacer.changed("nobody", ["x"])
    assert loop.timers == []
    loop.turn(105)
    pacer.changed("d", ["x"])
    assert written == [100, 105]


def test_a_pace_of_nothing_writes_every_change(loop: Loop, pacer: Pacer) -> None:
    written: list[float] = []
    pacer.watch("d", "x", lambda: written.append(loop.now), 0.0)
    for _ in range(5):
        pacer.changed("d", ["x"])
    assert len(written) == 5


def test_a_quicker_point_does_not_wait_for_a_slower_one(loop: Loop, pacer: Pacer) -> None:
    written: list[str] = []
    pacer.watch("d", "slow", lambda: written.append("slow"), 30.0)
    pacer.watch("d", "quick", lambda: written.append("quick"), 0.1)
    for _ in range(2):
        pacer.changed("d", ["slow", "quick"])
    loop.turn(101)
    assert written == ["slow", "quick", "quick"]
    loop.turn(131)
    assert written == ["slow", "quick", "quick", "slow"]


def test_an_entity_that_went_is_not_written(loop: Loop, pacer: Pacer) -> None:
    written: list[float] = []
    release = pacer.watch("d", "x", lambda: written.append(loop.now), 1.0)
    pacer.changed("d", ["x"])
    pacer.changed("d", ["x"])
    release()
    pacer.changed("d", ["x"])
    loop.turn(110)
    assert written == [100]
    release()


def test_its_successor_is_not_taken_off_with_it(loop: Loop, pacer: Pacer) -> None:
    written: list[str] = []
    release = pacer.watch("d", "x", lambda: written.append("old"), 1.0)
    pacer.watch("d", "x", lambda: written.append("new"), 1.0)
    release()
    pacer.changed("d", ["x"])
    assert written == ["new"]


def test_one_that_fails_does_not_silence_the_others(loop: Loop, pacer: Pacer, caplog: pytest.LogCaptureFixture) -> None:
    written: list[str] = []

    def fail() -> None:
        written.append("bad")
        if len(written) > 2:
            raise ValueError

    pacer.watch("d", "bad", fail, 1.0)
    pacer.watch("d", "good", lambda: written.append("good"), 1.0)
    for _ in range(2):
        pacer.changed("d", ["bad", "good"])
    with caplog.at_level(logging.ERROR):
        loop.turn(110)
    assert written == ["bad", "good", "bad", "good"]
    assert "could not be written" in caplog.text


def test_stopping_leaves_no_timer(loop: Loop, pacer: Pacer) -> None:
    pacer.watch("d", "x", lambda: None, 1.0)
    pacer.changed("d", ["x"])
    pacer.changed("d", ["x"])
    assert loop.timers
    pacer.stop()
    assert loop.timers == []


async def test_a_waiting_channel_costs_less_than_two_microseconds() -> None:
    pacer = Pacer(asyncio.get_running_loop())
    devices = [f"d{number}" for number in range(200)]
    keys = [f"c{number}" for number in range(10)]
    for device in devices:
        for key in keys:
            pacer.watch(device, key, lambda: None, 60.0)
    for device in devices * 2:
        pacer.changed(device, keys)
    started = time.process_time()
    for _ in range(50):
        for device in devices:
            pacer.changed(device, keys)
    spent = time.process_time() - started
    pacer.stop()
    assert spent / (50 * 200 * 10) < 2e-6


@FIELD
async def test_an_entity_writes_at_most_once_a_second(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    device = FieldDevice(hass)
    station = await device.join(entry)
    changes = async_capture_events(hass, "state_changed")
    for number in range(100):
        device.fire("data", {"r": {"temperature": number, "mode": "run" if number % 2 else "idle"}})
    await settle(hass)
    temperature = entity_id(hass, "sensor", station, "temperature")
    assert [event.data["new_state"].state for event in changes if event.data["entity_id"] == temperature] == ["0"]
    for _ in range(2):
        async_fire_time_changed(hass, fire_all=True)
        await settle(hass)
    assert [event.data["new_state"].state for event in changes if event.data["entity_id"] == temperature] == ["0", "99"]
    mode = entity_id(hass, "sensor", station, "mode")
    assert [event.data["new_state"].state for event in changes if event.data["entity_id"] == mode] == ["idle", "run"]


@FIELD
async def test_a_value_that_repeats_is_not_written(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    await device.join(entry)
    await device.read(temperature=20, door=True)
    before = {found.entity_id: found.last_reported for found in hass.states.async_all()}
    await device.read(temperature=20, door=True)
    assert {found.entity_id: found.last_reported for found in hass.states.async_all()} == before


@FIELD
async def test_the_registry_knows_the_device(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    gateway, device = FieldDevice(hass, "gw-1"), FieldDevice(hass)
    mac = "AA-BB-CC-DD-EE-07"
    await gateway.join(entry)
    station = await device.join(entry, net={"ip": "10.0.0.7", "mac": mac, "via": "gw-1"})
    registry = dr.async_get(hass)
    found = registry.async_get_device_by_identifier(("iiot", f"{entry.entry_id}:{station}"), entry.entry_id)
    relay = next(row for row in registry._devices.values() if row.serial_number == "gw-1")
    hub = registry.async_get_device_by_identifier(("iiot", entry.entry_id), entry.entry_id)
    assert (found.name, found.model, found.sw_version, found.serial_number) == ("Press-07", "demo", "1.0.0", "press-07")
    assert found.connections == {("mac", "aa:bb:cc:dd:ee:07")}
    assert found.via_device_id == relay.id
    assert relay.via_device_id == hub.id

    await device.beat(fw="1.1.0", net={"mac": "no mac"})
    found = registry.async_get(found.id)
    assert (found.sw_version, found.connections, found.via_device_id) == ("1.1.0", set(), hub.id)
    await gateway.beat(net={"mac": mac, "via": "gw-1"})
    await device.beat(fw="1.1.0", net={"mac": mac})
    assert registry.async_get(found.id).connections == set(), "another device has this address"
    assert registry.async_get(relay.id).via_device_id == hub.id


@FIELD
async def test_a_device_goes_where_its_form_says_until_a_person_moves_it(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    areas = ar.async_get(hass)
    hall, yard = areas.async_create("Hall"), areas.async_create("Yard")
    station = await FieldDevice(hass).join(entry)
    registry = dr.async_get(hass)
    found = registry.async_get_device_by_identifier(("iiot", f"{entry.entry_id}:{station}"), entry.entry_id)

    async def choose(area: str | None, title: str = "Press") -> dr.DeviceEntry:
        subentry = entry.subentries[station]
        data = {**subentry.data, "area": area}
        hass.config_entries.async_update_subentry(entry, subentry, data=data, title=title)
        await settle(hass)
        device = registry.async_get(found.id)
        assert isinstance(device, dr.DeviceEntry)
        return device

    moved = await choose(hall.id, "Press 7")
    assert (moved.area_id, moved.name) == (hall.id, "Press 7")
    assert (await choose("no such area")).area_id == hall.id
    await choose(hall.id)
    registry.async_update_device(found.id, area_id=yard.id)
    assert (await choose(None)).area_id == yard.id
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert registry.async_get(found.id).area_id == yard.id


@FIELD
async def test_a_site_near_its_limit_warns(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    issue_id = f"{entry.entry_id}_entity_budget"
    with patch.object(points_module, "BUDGET", 10):
        station = await FieldDevice(hass).join(entry)
        async_fire_time_changed(hass, fire_all=True)
        await settle(hass)
        issue = ir.async_get(hass).async_get_issue("iiot", issue_id)
        assert issue is not None
        assert issue.translation_placeholders is not None
        assert (issue.translation_placeholders["site"], issue.translation_placeholders["enabled"]) == ("Hall 3", "14")

        hass.config_entries.async_remove_subentry(entry, station)
        await settle(hass)
        async_fire_time_changed(hass, fire_all=True)
        await settle(hass)
    assert ir.async_get(hass).async_get_issue("iiot", issue_id) is None


@FIELD
async def test_a_full_device_takes_all_its_channels(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    name = "Ä" * 64
    channels = [{"key": f"c{number}", "name": name, "kind": "int"} for number in range(256)]
    station = await device.join(entry, channels)
    await device.read(**{f"c{number}": number for number in range(256)})
    assert state(hass, "sensor", station, "c255").state == "255"
    registry = er.async_get(hass)
    await device.beat(manifest="aa112233aabbccdd")
    await device.describe(CHANNELS, "aa112233aabbccdd")
    left = [row.unique_id for row in registry.entities.values() if row.unique_id.startswith(f"{station}_c")]
    assert left == []


@FIELD
async def test_a_channel_cannot_pose_as_health(hass: HomeAssistant, caplog: pytest.LogCaptureFixture) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    keys = ["_connection", "connection", "loc", "health_connection", "__"]
    station = await device.join(entry, [{"key": key, "name": key, "kind": "text"} for key in keys])
    await device.send("data", {"r": dict.fromkeys(keys, "x")})
    assert [state(hass, "sensor", station, key).state for key in keys] == ["x"] * len(keys)
    assert state(hass, "sensor", station, "health.connection").state == "live"
    assert "unique" not in "".join(row.message for row in caplog.records if row.levelno >= logging.ERROR)


@FIELD
async def test_a_position_that_did_not_change_is_not_written_again(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    await FieldDevice(hass).join(entry, loc=[52.1, 5.2])
    (station,) = entry.runtime_data.points.stations
    position = station.entities["device.position"]
    await settle(hass)
    written = async_capture_events(hass, "state_changed")
    position.show()
    await settle(hass)
    assert [event for event in written if event.data["entity_id"] == position.entity_id] == []


async def test_without_mqtt_nothing_is_overheard(hass: HomeAssistant) -> None:
    release = await mqtt.async_overhear(hass, "other/#", lambda *_: None)
    release()
    assert not mqtt.is_connected(hass)
