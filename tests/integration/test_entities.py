"""What a device says becomes entities, and they follow it."""

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from custom_components.iiot import event

from .field import CHANNELS, DOOR, MODE, TEMPERATURE, FieldDevice, entity_id, state
from .joining import (
    add_hub,
    expected_lingering_timers,  # noqa: F401
    hass_config_dir,  # noqa: F401
    settle,
)

pytestmark = pytest.mark.usefixtures("mqtt_mock")


async def test_a_device_has_its_readings_as_entities(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    station = await device.join(entry)

    await device.read(temperature=21.5, door=True, mode="run", serviced="2026-11-01T08:00:00Z")

    temperature = state(hass, "sensor", station, "temperature")
    assert temperature.state == "21.5"
    assert temperature.name == "Press-07 Temperature"
    assert temperature.attributes["unit_of_measurement"] == "°C"
    assert temperature.attributes["state_class"] == "measurement"
    assert state(hass, "binary_sensor", station, "door").state == "on"
    assert state(hass, "sensor", station, "mode").state == "run"
    assert state(hass, "sensor", station, "serviced").state == "2026-11-01T08:00:00+00:00"
    assert state(hass, "sensor", station, "health.connection").state == "live"


async def test_a_bad_or_missing_value_is_unknown(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    station = await device.join(entry)
    assert state(hass, "sensor", station, "temperature").state == "unknown"

    await device.read(temperature=21.5)
    await device.read(temperature=500.0)
    assert state(hass, "sensor", station, "temperature").state == "unknown"
    await device.read(temperature=22.5, q={"temperature": "uncertain"})
    shown = state(hass, "sensor", station, "temperature")
    assert (shown.state, shown.attributes["quality"]) == ("22.5", "uncertain")
    await device.read(temperature=22.5, q={"temperature": "bad"})
    assert state(hass, "sensor", station, "temperature").state == "unknown"


async def test_a_changed_manifest_adds_changes_and_removes(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    station = await device.join(entry)
    await device.read(temperature=21.5, door=True)
    before = entity_id(hass, "sensor", station, "temperature")

    kelvin = TEMPERATURE | {"unit": "K", "name": "Oil temperature"}
    contact = {"key": "mode", "name": "Mode", "kind": "bool"}
    await device.beat(manifest="aa112233aabbccdd")
    await device.describe([kelvin, contact, {"key": "level", "name": "Level", "kind": "int"}], "aa112233aabbccdd")
    await device.read(temperature=295, mode=True, level=3)

    assert entity_id(hass, "sensor", station, "temperature") == before
    shown = state(hass, "sensor", station, "temperature")
    assert shown.name == "Press-07 Oil temperature"
    assert state(hass, "sensor", station, "level").state == "3"
    assert state(hass, "binary_sensor", station, "mode").state == "on"
    assert entity_id(hass, "sensor", station, "mode") is None
    assert entity_id(hass, "binary_sensor", station, "door") is None
    assert entity_id(hass, "sensor", station, "serviced") is None


async def test_channels_that_went_while_the_hub_was_down_go_at_its_start(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    station = await device.join(entry)
    registry = er.async_get(hass)
    connection = registry.async_get(str(entity_id(hass, "sensor", station, "health.connection")))
    stale = registry.async_get_or_create(
        "sensor",
        "iiot",
        f"{station}_gone",
        config_entry=entry,
        config_subentry_id=station,
        device_id=connection.device_id,
    )

    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)

    assert registry.async_get(stale.entity_id) is None
    assert entity_id(hass, "sensor", station, "temperature")


async def test_a_channel_that_only_comes_as_waveforms_has_no_entity(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    station = await device.join(entry)
    assert state(hass, "sensor", station, "temperature").state == "unknown", "nobody knows yet how it comes"
    wave = {"ch": "temperature", "t0": [1_795_190_400, 0], "dt_ns": 40_000, "v": [1, 2, 3]}

    await device.send("data", {"wave": wave})
    assert entity_id(hass, "sensor", station, "temperature") is None
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert entity_id(hass, "sensor", station, "temperature") is None

    await device.read(temperature=21.5)
    assert state(hass, "sensor", station, "temperature").state == "21.5"
    await device.send("data", {"wave": wave})
    assert state(hass, "sensor", station, "temperature").state == "21.5"


async def test_a_restart_shows_the_last_values(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    station = await device.join(entry)
    await device.read(temperature=21.5, door=True)
    seen = []
    connection = entity_id(hass, "sensor", station, "health.connection")

    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.bus.async_listen("state_changed", lambda event: seen.append(event.data["new_state"]))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)

    assert [found.state for found in seen if found.entity_id == connection] == ["live"]
    assert state(hass, "sensor", station, "temperature").state == "21.5"
    await device.read(temperature=22.5)
    assert state(hass, "sensor", station, "temperature").state == "22.5"


async def test_a_device_costs_two_health_entities(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    station = await FieldDevice(hass).join(entry, power={"battery": 71})
    registry = er.async_get(hass)
    mine = [row for row in registry.entities.values() if row.unique_id.startswith(f"{station}_health.")]
    enabled = {row.unique_id.rpartition(".")[2] for row in mine if row.disabled_by is None}
    assert enabled == {"connection", "battery"}
    assert len(mine) == 11
    assert state(hass, "sensor", station, "health.battery").state == "71.0"


async def test_a_lost_device_is_unavailable_and_its_connection_is_not(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    station = await device.join(entry)
    await device.read(temperature=21.5)

    await device.send("status", {"state": "offline", "session": "0badcafe"})

    assert state(hass, "sensor", station, "health.connection").state == "lost"
    assert state(hass, "sensor", station, "temperature").state == "unavailable"
    assert state(hass, "event", station, "device.log").state == "unavailable"
    await device.beat()
    assert state(hass, "sensor", station, "temperature").state == "21.5"


async def test_a_devices_log_becomes_events_from_warnings_upward(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    device = FieldDevice(hass)
    station = await device.join(entry)

    await device.log("info", "nothing")
    assert state(hass, "event", station, "device.log").state == "unknown"
    await device.log("error", "x" * 1000, "bus")
    shown = state(hass, "event", station, "device.log")
    assert shown.attributes["event_type"] == "error"
    assert shown.attributes["logger"] == "bus"
    assert shown.attributes["msg"] == "x" * 255


async def test_a_flood_of_log_lines_is_thinned_out(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event, "MIN_GAP_S", 10.0)  # however slow the machine
    entry = await add_hub(hass)
    device = FieldDevice(hass)
    station = await device.join(entry)
    for number in range(30):  # fewer than the hub gathers
        device.fire("log", {"level": "warning", "logger": "bus", "msg": str(number)})
    await settle(hass)
    assert state(hass, "event", station, "device.log").attributes["msg"] == "0"

    log = next(found for found in entry.runtime_data.points.stations if found.id == station).entities["device.log"]
    log._last = 0.0
    await device.log("critical", "after")
    shown = state(hass, "event", station, "device.log").attributes
    assert (shown["msg"], shown["left_out"]) == ("after", 29)


async def test_a_device_with_a_position_has_a_tracker(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    station = await device.join(entry)
    assert entity_id(hass, "device_tracker", station, "device.position") is None

    await device.beat(loc=[52.5, 13.4, 34])

    shown = state(hass, "device_tracker", station, "device.position")
    assert (shown.attributes["latitude"], shown.attributes["longitude"]) == (52.5, 13.4)
    assert shown.attributes["altitude"] == 34
    await device.read(loc=[52.6, 13.5], temperature=20)
    assert state(hass, "device_tracker", station, "device.position").attributes["latitude"] == 52.6


async def test_the_hub_shows_its_fleet(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    await FieldDevice(hass, "press-07").join(entry)
    await FieldDevice(hass, "press-08").join(entry)
    points = entry.runtime_data.points
    points._pacer.all_changed("")

    assert state(hass, "sensor", entry.entry_id, "fleet.live").state == "2"
    assert state(hass, "sensor", entry.entry_id, "fleet.lost").state == "0"
    hub = dr.async_get(hass).async_get_device_by_identifier(("iiot", entry.entry_id), entry.entry_id)
    assert hub.entry_type is dr.DeviceEntryType.SERVICE
    assert hub.name == "Hall 3"
    hass.config_entries.async_update_entry(entry, title="Hall 4")
    await settle(hass)
    assert dr.async_get(hass).async_get(hub.id).name == "Hall 4"


async def test_a_removed_device_leaves_nothing(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    device = FieldDevice(hass)
    station = await device.join(entry)

    hass.config_entries.async_remove_subentry(entry, station)
    await settle(hass)

    registry = er.async_get(hass)
    assert not [row for row in registry.entities.values() if row.unique_id.startswith(station)]
    assert entry.runtime_data.points.stations == []
    assert device.id not in entry.runtime_data.hub.plant.members
    await device.read(temperature=3)


async def test_unloading_leaves_no_states_of_its_own(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    device = FieldDevice(hass)
    station = await device.join(entry)
    for number in range(5):
        device.fire("data", {"r": {"temperature": number}})
    assert await hass.config_entries.async_unload(entry.entry_id)
    await settle(hass)
    assert state(hass, "sensor", station, "temperature").state == "unavailable"


async def test_channels_have_stable_descriptions(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    device = FieldDevice(hass)
    station = await device.join(entry, CHANNELS)
    subentry = entry.subentries[station]
    data = {**subentry.data, "description": "Behind the boiler", "channel_descriptions": {"door": "Left wing"}}
    hass.config_entries.async_update_subentry(entry, subentry, data=data)
    await settle(hass)
    assert state(hass, "binary_sensor", station, "door").attributes["description"] == "Left wing"
    await device.beat(net={"ip": "10.0.0.7", "mac": "AA:BB:CC:DD:EE:07"})
    shown = state(hass, "sensor", station, "health.connection").attributes
    assert shown["description"] == "Behind the boiler"
    assert shown["ip_address"] == "10.0.0.7"


async def test_other_hardware_keeps_the_entities(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    station = await FieldDevice(hass).join(entry)
    before = entity_id(hass, "sensor", station, "temperature")
    spare = FieldDevice(hass, "press-99")
    hub = entry.runtime_data.hub
    await hass.async_add_executor_job(hub.keys.put_device, spare.id, 1, spare.key)
    subentry = entry.subentries[station]
    data = {**subentry.data, "device_id": spare.id}
    hass.config_entries.async_update_subentry(entry, subentry, data=data, unique_id=spare.id)
    await settle(hass)

    await spare.beat()
    await spare.describe([TEMPERATURE, DOOR, MODE])
    await spare.read(temperature=30, door=False)

    assert entity_id(hass, "sensor", station, "temperature") == before
    assert state(hass, "sensor", station, "temperature").state == "30"
    assert "press-07" not in hub.plant.members
    device = dr.async_get(hass).async_get_device_by_identifier(("iiot", f"{entry.entry_id}:{station}"), entry.entry_id)
    assert device.serial_number == "press-99"
