"""What is shown of a device: values by the manifest, their quality, and what happens to the rest."""

from typing import Any

import pytest

from iiot_engine.devices.manifest_rules import read_manifest
from iiot_engine.effects import ManifestChanged, Refused, ValuesChanged
from iiot_engine.ingest.board import MAX_UNJUDGED, Board
from iiot_engine.values import NS_PER_S, Quality, TimeFlag
from tests.builders import CHANNELS, Machine, World

GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD


# --- one moment ---------------------------------------------------------------------------


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
    assert machine.judged("temperature") == (None, BAD)
    machine.send("data", r={"temperature": 22}, q={"temperature": "uncertain"})
    assert machine.judged("temperature") == (22, UNCERTAIN)
    machine.read(temperature=500)
    assert machine.judged("temperature") == (None, BAD)
    machine.send("data", r={"temperature": 500}, q={"temperature": "uncertain"})
    assert machine.judged("temperature") == (None, BAD)
    machine.send("data", r={"strokes": 2}, e={"temperature": "COMM"})
    assert machine.judged("temperature") == (None, BAD)
    machine.send("data", e={"strokes": "VALUE"})
    assert machine.judged("strokes") == (None, BAD)


def test_a_position_is_shown_beside_a_reading_and_as_a_column() -> None:
    world = World()
    machine = Machine(world).join()
    assert machine.send("data", r={}, loc=[48.1, 11.5, 520]) is None
    assert machine.member.board.position == (48.1, 11.5, 520)
    world.pass_time(5)
    stamp = world.now.wall_ns // NS_PER_S
    machine.rows(["loc"], [[stamp, 0, [48.2, 11.6]]])
    assert machine.member.board.position == (48.2, 11.6)
    assert world.flags_of_newest() == 0
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
    assert world.flags_of_newest() == 0
    machine.send("data", wave=wave | {"ch": "unknown"}, n=[1, 2])
    assert world.flags_of_newest() == TimeFlag.QUARANTINED


# --- what does not fit --------------------------------------------------------------------


def test_an_unknown_channel_waits_for_the_manifest_and_the_rest_counts() -> None:
    world = World()
    machine = Machine(world).join()
    assert machine.read(temperature=20, pressure=1.5) is None
    assert machine.value("temperature") == 20
    assert world.flags_of_newest() == TimeFlag.QUARANTINED
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
    assert machine.judged("temperature") == ("warm", UNCERTAIN)


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
    board.restore({"values": {"x": [value, 0, 1], "y": [None, 2, 1]}, "position": [None, 0], "waves": []})
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
    assert world.flags_of_newest() == TimeFlag.QUARANTINED
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


# --- after a restart ----------------------------------------------------------------------


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
