"""Manifests and the other leaves: what the hub learns of a device beside its readings."""

import pytest

from iiot_engine.devices.manifest_rules import read_manifest
from iiot_engine.effects import DeviceLogged, HealthChanged, ManifestChanged, ValuesChanged
from iiot_engine.errors import Refusal
from iiot_engine.values import NS_PER_S, Quality
from tests.builders import CHANNELS, Machine, World

GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD


# --- manifests ----------------------------------------------------------------------------


def test_a_changed_manifest_takes_away_what_is_gone() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=20, strokes=1)
    world.clear()
    machine.tell_manifest([CHANNELS[1]])
    assert machine.shown("temperature") is None
    assert machine.value("strokes") == 1
    assert world.of(ValuesChanged) == [ValuesChanged(machine.id, ["temperature"])]
    world.clear()
    machine.tell_manifest([CHANNELS[1], {"key": "new"}], digest="11" * 8)
    assert world.of(ManifestChanged) == [], "the last heartbeat names another one, which we have"
    machine.beat(manifest="11" * 8)
    machine.tell_manifest([CHANNELS[1], {"key": "new"}], digest="11" * 8)
    assert world.of(ManifestChanged) == [ManifestChanged(machine.id)]
    assert world.of(ValuesChanged) == []


def test_a_manifest_may_come_before_the_first_heartbeat_and_change() -> None:
    world = World()
    machine = Machine(world)
    world.adopt(machine)
    machine.tell_manifest([{"key": "a"}], digest="11" * 8)
    machine.tell_manifest([{"key": "b"}], digest="22" * 8)
    assert machine.member.device.manifest is not None
    assert set(machine.member.device.manifest.channels) == {"b"}
    machine.beat(manifest="33" * 8)
    machine.tell_manifest([{"key": "c"}], digest="44" * 8)
    assert set(machine.member.device.manifest.channels) == {"c"}, "neither is the wanted one: the newer counts"


def test_a_manifest_is_read_with_all_its_words() -> None:
    source = {
        "digest": "00" * 8,
        "channels": [
            {
                "key": "t",
                "kind": "float",
                "class": "temperature",
                "state_class": "measurement",
                "unit": "°C",
                "precision": 1,
                "mode": "poll",
                "period": 5,
                "deadband": 0.1,
                "diagnostic": True,
            }
        ],
        "actuators": [{"key": "fan", "kind": "switch", "channel": "t", "step": 1, "unit": "%", "min": 0, "max": 1}],
        "alarms": [{"code": "hot"}],
        "commands": ["describe"],
    }
    manifest = read_manifest(source)
    channel, actuator, alarm = manifest.channels["t"], manifest.actuators["fan"], manifest.alarms[0]
    assert (channel.name, channel.device_class, channel.polled, channel.diagnostic) == ("t", "temperature", True, True)
    assert (channel.scale, channel.offset, channel.minimum, channel.options) == (1.0, 0.0, None, ())
    assert (actuator.name, actuator.channel, actuator.minimum, actuator.maximum) == ("fan", "t", 0, 1)
    assert (alarm.name, alarm.priority) == ("hot", "medium")
    assert manifest.commands == {"describe"}
    assert manifest.source is source
    assert read_manifest({"digest": "00" * 8}).channels == {}


@pytest.mark.parametrize("name", ["a\x07b", "a\u009fb", "\ud800", "x" * 129])
def test_a_hostile_name_never_gets_in(name: str) -> None:
    with pytest.raises(Refusal):
        read_manifest({"digest": "00" * 8, "channels": [{"key": "a", "name": name}]})


# --- the other leaves ---------------------------------------------------------------------


def test_a_log_line_is_passed_on_unless_it_is_old() -> None:
    world = World()
    machine = Machine(world).join()
    machine.send("log", level="warning", logger="modbus", msg="slave 3 is silent")
    assert world.of(DeviceLogged) == [DeviceLogged(machine.id, "warning", "modbus", "slave 3 is silent")]
    old = machine.make("log", level="error", msg="old")
    world.skip(400)
    world.receive(*old)
    assert len(world.of(DeviceLogged)) == 1
    assert world.journal()[-1].topic.endswith("log")


def test_an_alarm_is_kept_for_those_who_read_the_journal() -> None:
    world = World()
    machine = Machine(world).join()
    assert machine.send("alarm", code="hot", state="raised", occ=1, ch="temperature") is None
    assert world.flags_of_newest() == 0
    assert world.journal()[-1].topic.endswith("/alarm")


def test_a_heartbeat_says_how_the_device_is() -> None:
    world = World()
    machine = Machine(world).join()
    machine.beat(
        net={"ip": "192.0.2.17", "mac": "02:00:00:00:00:07", "rssi": -71, "via": "gw-1", "hops": 2},
        power={"battery": 87.5, "volt": 3.7},
        buffered=12,
        loc=[48.1, 11.5],
        place="Hall 2",
        rekeyed=[[2, "00"]],
        held=[1, 4],
        drop=[[1, 6, 7]],
    )
    assert world.of(HealthChanged) == [HealthChanged(machine.id)]
    health = machine.member.health()
    assert (health.rssi_dbm, health.battery, health.buffered, health.firmware) == (-71, 87.5, 12, "1.0.0")
    assert (health.connection, health.boot, health.lost_rows) == ("live", 1, 5)
    assert health.last_seen_ns == world.now.wall_ns
    assert health.booted_ns is not None
    assert abs(health.booted_ns - (world.now.wall_ns - machine.up_ns)) < NS_PER_S
    beat = machine.member.device.heartbeat
    assert beat is not None
    assert (beat.net.ip, beat.net.via, beat.volt, beat.loc, beat.place) == (
        "192.0.2.17",
        "gw-1",
        3.7,
        (48.1, 11.5),
        "Hall 2",
    )
    world.pass_time(1)
    world.kill()
    assert machine.member.health().rssi_dbm == -71
    assert machine.member.health().lost_rows == 5


def test_nothing_is_known_of_a_device_that_never_called() -> None:
    world = World()
    machine = Machine(world)
    world.adopt(machine)
    health = machine.member.health()
    assert (health.last_seen_ns, health.lag_s, health.rssi_dbm, health.booted_ns, health.skew_s) == (None,) * 5


def test_a_heartbeat_that_was_overtaken_changes_nothing() -> None:
    world = World()
    machine = Machine(world).join()
    older = machine.make("heartbeat", **machine.heartbeat_body(fw="0.9"))
    machine.beat()
    assert world.refusal_of(*older) is None
    assert machine.member.health().firmware == "1.0.0"


def test_the_birth_of_a_session_counts_unless_it_is_old() -> None:
    world = World()
    machine = Machine(world).join()
    old = machine.make("status", state="online", session="ffffffff")
    machine.send("status", state="online", session="eeeeeeee")
    assert machine.member.device.session == "eeeeeeee"
    world.skip(400)
    world.receive(*old)
    assert machine.member.device.session == "eeeeeeee"
