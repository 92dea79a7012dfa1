"""What is shown of a device: values by the manifest, their quality, and what happens to the rest."""

from typing import Any

import pytest

from iiot_engine.devices.manifest import Channel
from iiot_engine.devices.manifest_rules import read_manifest
from iiot_engine.effects import DeviceLogged, HealthChanged, ManifestChanged, Refused, ValuesChanged
from iiot_engine.errors import Refusal
from iiot_engine.ingest.board import MAX_UNJUDGED, Board
from iiot_engine.ingest.gates import gate_of
from iiot_engine.values import NS_PER_S, Kind, Quality, TimeFlag
from tests.builders import CHANNELS, Machine, World

GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD


def shown(machine: Machine, channel: str) -> tuple[Any, Quality] | None:
    found = machine.shown(channel)
    return None if found is None else (found.value, found.quality)


def flags_of(world: World) -> int:
    world.pass_time(2)
    return world.journal()[-1].flags


# --- gates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (Kind.FLOAT, 20.5, (20.5, GOOD)),
        (Kind.FLOAT, 20, (20, GOOD)),
        (Kind.FLOAT, None, (None, BAD)),
        (Kind.FLOAT, -41, (None, BAD)),
        (Kind.FLOAT, 125.1, (None, BAD)),
        (Kind.FLOAT, True, None),
        (Kind.FLOAT, "20", None),
        (Kind.FLOAT, [1], None),
        (Kind.INT, 5, (5, GOOD)),
        (Kind.INT, 5.0, (5, GOOD)),
        (Kind.INT, 5.5, None),
        (Kind.INT, None, (None, BAD)),
        (Kind.INT, 500, (None, BAD)),
        (Kind.INT, False, None),
        (Kind.BOOL, True, (True, GOOD)),
        (Kind.BOOL, None, (None, BAD)),
        (Kind.BOOL, 1, None),
        (Kind.TEXT, "Süd", ("Süd", GOOD)),
        (Kind.TEXT, "x" * 4097, (None, BAD)),
        (Kind.TEXT, None, (None, BAD)),
        (Kind.TEXT, 1, None),
        (Kind.ENUM, "run", ("run", GOOD)),
        (Kind.ENUM, "halt", (None, BAD)),
        (Kind.ENUM, None, (None, BAD)),
        (Kind.ENUM, 1, None),
    ],
)
def test_a_value_passes_the_gate_of_its_kind(kind: Kind, raw: Any, expected: Any) -> None:
    channel = Channel(key="x", name="X", kind=kind, minimum=-40, maximum=125, options=("idle", "run"))
    judged = gate_of(channel)(raw)
    assert judged == expected
    assert judged is None or type(judged[0]) in (type(raw), type(None), int)


@pytest.mark.parametrize("raw", [1e300, -1e300, 2**63, 2**64 - 1, -(2.0**64)])
def test_a_whole_number_beyond_64_bits_is_out_of_range(raw: float) -> None:
    assert gate_of(Channel(key="x", name="X", kind=Kind.INT))(raw) == (None, BAD)


def test_the_range_is_judged_after_scale_and_offset() -> None:
    gate = gate_of(Channel(key="x", name="X", kind=Kind.FLOAT, scale=0.1, offset=-5, minimum=0, maximum=46.2))
    assert gate(512) == (pytest.approx(46.2), GOOD)
    assert gate(49) == (None, BAD)
    huge = gate_of(Channel(key="x", name="X", kind=Kind.FLOAT, scale=1e200))
    assert huge(1e200) == (None, BAD)
    counted = gate_of(Channel(key="x", name="X", kind=Kind.INT, scale=0.5))
    assert counted(3) == (1.5, GOOD)
    assert counted(4) == (2, GOOD)


# --- one moment ------------------------------------------------------------------------------


def test_a_reading_is_shown_at_its_own_time_and_said_once() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=20.5, guard=True, program="run", note="Süd", strokes=1)
    (change,) = world.of(ValuesChanged)
    assert (change.device_id, sorted(change.channels)) == (
        machine.id,
        ["guard", "note", "program", "strokes", "temperature"],
    )
    found = machine.shown("temperature")
    assert found is not None
    assert found.time_ns == world.now.wall_ns
    world.clear()
    world.skip(5)
    machine.read(temperature=20.5, guard=True)
    assert world.of(ValuesChanged) == [], "the same again is no change"
    again = machine.shown("temperature")
    assert again is not None
    assert again.time_ns == world.now.wall_ns
    assert machine.member.health().lag_s == 0


def test_one_is_not_true() -> None:
    world = World()
    machine = Machine(world).join()
    machine.tell_manifest([{"key": "x", "kind": "int"}])
    machine.read(x=1)
    machine.tell_manifest([{"key": "x", "kind": "bool"}])
    world.clear()
    machine.read(x=True)
    assert machine.value("x") is True
    assert world.of(ValuesChanged) == [ValuesChanged(machine.id, ["x"])]


def test_bad_and_missing_are_unknown_and_never_a_stale_value() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=20, strokes=1)
    machine.send("data", r={"temperature": 21}, q={"temperature": "bad"})
    assert shown(machine, "temperature") == (None, BAD)
    machine.send("data", r={"temperature": 22}, q={"temperature": "uncertain"})
    assert shown(machine, "temperature") == (22, UNCERTAIN)
    machine.read(temperature=500)
    assert shown(machine, "temperature") == (None, BAD)
    machine.send("data", r={"temperature": 500}, q={"temperature": "uncertain"})
    assert shown(machine, "temperature") == (None, BAD)
    machine.send("data", r={"strokes": 2}, e={"temperature": "COMM"})
    assert shown(machine, "temperature") == (None, BAD)
    machine.send("data", e={"strokes": "VALUE"})
    assert shown(machine, "strokes") == (None, BAD)


def test_a_position_is_shown_beside_a_reading_and_as_a_column() -> None:
    world = World()
    machine = Machine(world).join()
    assert machine.send("data", r={}, loc=[48.1, 11.5, 520]) is None
    assert machine.member.board.position == (48.1, 11.5, 520)
    world.pass_time(5)
    stamp = world.now.wall_ns // NS_PER_S
    machine.rows(["loc"], [[stamp, 0, [48.2, 11.6]]])
    assert machine.member.board.position == (48.2, 11.6)
    assert flags_of(world) == 0
    for nowhere in (None, [91, 0], [48], "home"):
        machine.rows(["loc"], [[stamp, 0, nowhere]])
        assert machine.member.board.position == (48.2, 11.6)
    world.clear()
    machine.rows(["loc"], [[stamp, 0, [48.2, 11.6]]])
    machine.send("data", r={}, loc=[48.2, 11.6])
    assert world.of(ValuesChanged) == [], "it stands still"
    machine.send("data", r={}, loc=[48.3, 11.6])
    assert world.of(ValuesChanged) == [ValuesChanged(machine.id, [])]
    world.stop()
    assert machine.member.board.position == (48.3, 11.6)


def test_the_newest_row_is_shown_whatever_their_order() -> None:
    world = World()
    machine = Machine(world).join()
    stamp = world.now.wall_ns // NS_PER_S
    machine.rows(["strokes", "guard"], [[stamp - 1, 0, 2, True], [stamp, 0, 3, False], [stamp - 2, 0, 1, True]])
    assert machine.value("strokes") == 3
    assert machine.value("guard") is False


def test_a_waveform_is_kept_and_not_shown() -> None:
    world = World()
    machine = Machine(world).join()
    wave = {"ch": "temperature", "t0": [world.now.wall_ns // NS_PER_S, 0], "dt_ns": 1_000, "v": [1, 2]}
    machine.send("data", wave=wave, n=[1, 1])
    assert machine.shown("temperature") is None
    assert flags_of(world) == 0
    machine.send("data", wave=wave | {"ch": "unknown"}, n=[1, 2])
    assert flags_of(world) == TimeFlag.QUARANTINED


# --- what does not fit -----------------------------------------------------------------------


def test_an_unknown_channel_waits_for_the_manifest_and_the_rest_counts() -> None:
    world = World()
    machine = Machine(world).join()
    assert machine.read(temperature=20, pressure=1.5) is None
    assert machine.value("temperature") == 20
    assert flags_of(world) == TimeFlag.QUARANTINED
    assert world.of(Refused) == []
    world.clear()
    machine.tell_manifest([CHANNELS[0], {"key": "pressure"}])
    assert machine.value("pressure") == 1.5
    assert world.of(ValuesChanged) == [ValuesChanged(machine.id, ["pressure"])]
    assert world.of(ManifestChanged) == [ManifestChanged(machine.id)]


def test_a_value_of_the_wrong_type_waits_for_another_manifest() -> None:
    world = World()
    machine = Machine(world).join()
    machine.send("data", r={"temperature": "warm", "strokes": 1}, q={"temperature": "uncertain"})
    assert machine.shown("temperature") is None
    machine.tell_manifest([{"key": "temperature", "kind": "bool"}])
    assert machine.shown("temperature") is None
    machine.tell_manifest([{"key": "temperature", "kind": "text"}])
    assert shown(machine, "temperature") == ("warm", UNCERTAIN)


def test_of_a_channel_that_means_something_else_now_the_newest_value_that_fits_is_shown() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature="warm", strokes=1)
    world.skip(1)
    machine.read(temperature=20)
    board = machine.member.board
    assert board.unjudged
    machine.tell_manifest([{"key": "temperature", "kind": "text"}, CHANNELS[1]])
    assert machine.value("temperature") == "warm"
    assert machine.value("strokes") == 1


@pytest.mark.parametrize(
    "changed", [{"kind": "text"}, {"unit": "°F"}, {"scale": 2}, {"offset": 1}, {"kind": "enum", "options": ["a"]}]
)
def test_a_value_does_not_outlive_what_it_meant(changed: dict[str, Any]) -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=20, program="run")
    machine.tell_manifest([CHANNELS[0] | changed, CHANNELS[3] | {"options": ["off", "run"]}])
    assert machine.shown("temperature") is None
    assert machine.shown("program") is None
    machine.read(program="off")
    assert machine.value("program") == "off"


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        ({"kind": "bool"}, 1),
        ({"kind": "float"}, True),
        ({"kind": "int"}, "7"),
        ({"kind": "enum", "options": ["a"]}, "b"),
        ({"kind": "text"}, 7),
    ],
)
def test_a_kept_value_that_does_not_fit_its_channel_is_not_shown_after_a_start(
    channel: dict[str, Any], value: Any
) -> None:
    board = Board()
    board.learn(read_manifest({"digest": "00" * 8, "channels": [{"key": "x"} | channel, {"key": "y"}]}))
    board.restore({"values": {"x": [value, 0, 1], "y": [None, 2, 1]}, "position": [None, 0]})
    assert set(board.values) == {"y"}


def test_a_manifest_that_changes_all_the_time_is_refused_until_it_calms_down() -> None:
    world = World()
    machine = Machine(world).join()
    answers = [machine.tell_manifest([{"key": f"k{at}"}]) for at in range(12)]
    assert answers.count("busy") == 3, "ten changes in a minute, joining included"
    world.skip(61)
    assert machine.tell_manifest([{"key": "calm"}]) is None


def test_the_same_manifest_again_changes_nothing() -> None:
    world = World()
    machine = Machine(world).join()
    world.clear()
    machine.tell_manifest()
    assert world.of(ManifestChanged) == []


def test_a_value_from_a_time_that_the_hub_took_back_does_not_stay() -> None:
    world = World()
    machine = Machine(world, tq=2).join()
    machine.read(temperature=20)
    held = machine.member.board.values["temperature"]
    ahead = world.now.wall_ns + 7_200 * NS_PER_S
    machine.member.board.values["temperature"] = held._replace(time_ns=ahead)
    machine.member.board.position, machine.member.board.position_ns = (1.0, 1.0), ahead
    machine.send("data", r={"temperature": 21}, loc=[48.1, 11.5])
    assert machine.value("temperature") == 21
    assert machine.member.board.position == (48.1, 11.5)


def test_nothing_that_fits_is_a_wrong_shape_and_its_rows_are_answered() -> None:
    world = World()
    machine = Machine(world).join()
    assert world.refusal_of(*machine.make("data", r={"x": 1}, n=[1, 1], late=True)) == "wrong_shape"
    world.pass_time(2)
    assert world.down("stored")[-1]["upto"] == [1, 1]
    assert world.journal()[-1].flags == TimeFlag.QUARANTINED | TimeFlag.LATE
    stamp = world.now.wall_ns // NS_PER_S
    assert machine.rows(["x"], [[stamp, 0, 1]], n=[1, 2], late=True) == "wrong_shape"
    assert machine.send("data", r={"strokes": 1}, e={"x": "COMM"}, n=[1, 3], late=True) is None


def test_an_empty_cell_of_a_slower_channel_hides_nothing_and_an_empty_column_is_no_value() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=1, strokes=1)
    world.pass_time(5)
    stamp = world.now.wall_ns // NS_PER_S
    assert machine.rows(["temperature", "strokes"], [[stamp, 1, 20, 7], [stamp, 2, 21, None]]) is None
    assert (machine.value("temperature"), machine.value("strokes")) == (21, 7)
    assert machine.rows(["temperature", "strokes"], [[stamp, 3, 22, None]]) is None
    assert (machine.value("temperature"), machine.value("strokes")) == (22, None)


def test_before_the_first_manifest_everything_waits() -> None:
    world = World()
    machine = Machine(world)
    world.adopt(machine)
    assert machine.read(temperature=20) is None
    assert flags_of(world) == TimeFlag.QUARANTINED
    machine.tell_manifest()
    assert machine.value("temperature") == 20


def test_a_position_alone_fits_every_manifest() -> None:
    world = World()
    machine = Machine(world).join()
    assert machine.send("data", r={"x": 1}, loc=[1, 2], late=True) is None
    stamp = world.now.wall_ns // NS_PER_S
    assert machine.rows(["x", "loc"], [[stamp, 0, 1, [1, 2]]], late=True) is None


def test_a_device_cannot_fill_the_memory_with_what_nobody_wants() -> None:
    world = World()
    machine = Machine(world)
    world.adopt(machine)
    for at in range(MAX_UNJUDGED + 50):
        machine.read(**{f"k{at}": at})
    machine.read(list=[[] for _ in range(1_000)], text="x" * 5_000, **{"x" * 65: 1})
    board = machine.member.board
    assert len(board.unjudged) == MAX_UNJUDGED
    machine.read(k0="newest")
    assert board.unjudged["k0"][0] == "newest"
    assert not {"list", "text", "x" * 65} & board.unjudged.keys()


# --- manifests -------------------------------------------------------------------------------


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


# --- the other leaves ------------------------------------------------------------------------


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
    assert flags_of(world) == 0
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


# --- after a restart -------------------------------------------------------------------------


def test_values_are_shown_again_after_a_kill() -> None:
    world = World()
    machine = Machine(world).join()
    world.pass_time(31)
    machine.read(temperature=20, note="Süd")
    world.pass_time(31)
    machine.beat()
    world.pass_time(1)
    stamp = world.now.wall_ns // NS_PER_S
    machine.rows(["strokes"], [[stamp, 0, 7]])
    machine.clock_ahead_s = 100
    machine.read(guard=True)
    machine.clock_ahead_s = 1_000
    machine.read(program="run")
    machine.rows(["temperature"], [[stamp, 0, 99]], late=True)
    machine.tq = 0
    machine.send("data", r={"strokes": 8})
    machine.send("log", level="info", msg="x")
    world.pass_time(2)
    before = machine.member.board.state()
    world.kill(away_s=5)
    assert machine.member.board.state() == before
    assert machine.connection == "live"


def test_a_device_without_a_manifest_is_known_after_a_kill() -> None:
    world = World()
    machine = Machine(world)
    world.adopt(machine)
    machine.beat()
    world.pass_time(1)
    world.kill()
    assert machine.member.device.manifest is None
    assert machine.member.health().firmware == "1.0.0"
    assert machine.connection == "live"


def test_rows_that_cannot_be_read_any_more_are_passed_over() -> None:
    world = World()
    machine = Machine(world).join()
    machine.read(temperature=20)
    world.pass_time(1)
    (entry,) = [e for e in world.store.read_after(0, 100) if e.row.topic.endswith("/data")]
    world.kill()
    machine.member.board.values.clear()
    world.plant.replay([entry._replace(row=entry.row._replace(message=b"?"))])
    world.plant.replay([entry._replace(row=entry.row._replace(topic="iiot/nobody/data"))])
    world.plant.replay([entry._replace(row=entry.row._replace(anchor_ns=None))])
    assert machine.shown("temperature") is None
    world.plant.replay([entry])
    assert machine.value("temperature") == 20


def test_a_value_removed_from_the_manifest_does_not_return_after_a_kill() -> None:
    world = World()
    machine = Machine(world).join()
    world.pass_time(31)
    machine.read(temperature=20)
    machine.beat()
    world.pass_time(31)
    machine.beat()
    world.pass_time(1)
    machine.tell_manifest([{"key": "strokes"}])
    world.pass_time(1)
    world.kill()
    assert machine.shown("temperature") is None
