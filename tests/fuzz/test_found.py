"""Inputs that broke something once."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from iiot_engine.devices.device import Device
from iiot_engine.devices.keys import KeyRing
from iiot_engine.errors import Code, KeyFileError, Refusal, StoreError
from iiot_engine.plant import Member
from iiot_engine.ports import Kept
from iiot_engine.stores.key_file import KeyFile
from iiot_engine.stores.sqlite_intake import SqliteIntake
from iiot_engine.values import Leaf
from iiot_engine.wire.data import read_data
from iiot_engine.wire.heartbeat import MAX_SLEEP_S
from iiot_sim import scenario
from tests.builders import Machine, World
from tests.simulator.bench import Bench

from .kept_targets import a_state


@pytest.mark.parametrize(("scale", "offset"), [(1e308, 0), (1, 1e309), (-1e304, 1e308), (1e305, -1.7e308)])
def test_a_packed_wave_whose_samples_would_be_infinite_is_malformed(scale: float, offset: float) -> None:
    wave = {"ch": "v", "t0": [5, 0], "dt_ns": 1, "i16": "/38=", "scale": scale, "offset": offset}
    with pytest.raises(Refusal) as refused:
        read_data({"wave": wave})
    assert refused.value.code is Code.MALFORMED


def test_a_device_that_says_it_wakes_in_two_centuries_is_missed_after_seventy_days() -> None:
    world = World()
    machine = Machine(world).join()
    assert machine.beat(state="asleep", wake=2**33 - 1) is None
    world.skip(MAX_SLEEP_S - 10)
    assert machine.connection == "asleep"
    world.skip(0.2 * MAX_SLEEP_S)
    assert machine.connection == "lost"


SPOILT: list[tuple[list[str | int], Any]] = [
    (["device"], []),
    (["device", "window"], [1, "2", "1"]),
    (["device", "window"], [1, -2, "1"]),
    (["device", "window", 2], "-1"),
    (["device", "clocks"], "x"),
    (["device", "clocks", "1", 0], "x"),
    (["device", "downlink", 0], 7),
    (["device", "downlink", 1], 2.5),
    (["device", "liveness", 1], None),
    (["device", "liveness", 2], "soon"),
    (["device", "refusals"], {"malformed": "many"}),
    (["device", "heartbeat"], []),
    (["device", "digest"], 5),
    (["positions"], [None, "x"]),
    (["positions", 0], ["1", 1]),
    (["positions", 1, "1", 2], [[1, "2"]]),
    (["positions", 1, "1", 0], None),
    (["rows"], [0, -1]),
    (["beat"], [None, 1]),
]


@pytest.mark.parametrize(("path", "value"), SPOILT, ids=lambda case: str(case)[:40])
def testa_state_of_the_wrong_shape_is_never_taken_up_in_part(path: list[str | int], value: Any) -> None:
    kept = a_state()
    state = orjson.loads(kept.state)
    at = state
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    member = Member(device=Device(id=kept.device_id, keys=KeyRing({})))
    with pytest.raises(StoreError):
        member.restore(kept._replace(state=orjson.dumps(state)))


def test_a_count_at_the_end_of_all_numbers_can_be_kept_again_after_it_rose() -> None:
    kept = a_state()
    state = orjson.loads(kept.state)
    state["rows"], state["device"]["refusals"] = [2**62, 2**62], {"malformed": 2**62}
    member = Member(device=Device(id=kept.device_id, keys=KeyRing({})))
    member.restore(kept._replace(state=orjson.dumps(state)))
    member.lost_rows += 1
    member.device.refusals.count(Code.MALFORMED, 0)
    again = Member(device=Device(id=kept.device_id, keys=KeyRing({})))
    again.restore(kept._replace(state=member.state()))
    assert again.lost_rows == again.device.refusals.counts["malformed"] == 2**53


@pytest.mark.parametrize("name", ["manifest", "values"])
def test_a_manifest_or_values_that_are_no_object_are_a_damaged_store(name: str) -> None:
    kept = Kept(**{**a_state()._asdict(), name: b"[1]"})
    with pytest.raises(StoreError):
        Member(device=Device(id=kept.device_id, keys=KeyRing({}))).restore(kept)


def test_a_key_file_nested_without_end_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("[" * 200_000)
    with pytest.raises(KeyFileError):
        KeyFile(tmp_path / "keys.json").load()


def test_a_journal_row_of_another_type_is_a_damaged_journal(tmp_path: Path) -> None:
    store = SqliteIntake(tmp_path / "intake.sqlite")
    world = World(store)
    Machine(world).join()
    world.pass_time(2)
    store.close()
    with closing(sqlite3.connect(tmp_path / "intake.sqlite")) as db, db:
        db.execute("UPDATE frames SET message = 'a text' WHERE position = 1")
        db.execute("UPDATE devices SET state = 5")
    again = SqliteIntake(tmp_path / "intake.sqlite")
    for read in (again.load, lambda: again.read_after(0, 100)):
        with pytest.raises(StoreError, match="damaged"):
            read()
    again.close()


def test_a_journal_whose_rows_never_end_is_a_damaged_journal(tmp_path: Path) -> None:
    store = SqliteIntake(tmp_path / "intake.sqlite")
    world = World(store)
    Machine(world).join()
    world.pass_time(2)
    others = "received_ns, device_id, topic, kid, boot, seq, flags, anchor_ns, skew_ns, message"
    with closing(sqlite3.connect(tmp_path / "intake.sqlite")) as db, db:
        db.execute("ALTER TABLE frames RENAME TO turned")
        db.execute(f"CREATE VIEW frames AS SELECT 7 AS position, {others} FROM turned")
    with pytest.raises(StoreError, match="out of order"):
        store.read_after(0, 100)
    store.close()


def test_a_journal_whose_readers_are_gone_is_a_damaged_journal(tmp_path: Path) -> None:
    store = SqliteIntake(tmp_path / "intake.sqlite")
    world = World(store)
    Machine(world).join()
    world.pass_time(2)
    with closing(sqlite3.connect(tmp_path / "intake.sqlite")) as db, db:
        db.execute("DELETE FROM readers")
    with pytest.raises(StoreError, match="damaged"):
        store.trim(before_ns=0, max_bytes=10**12)
    with closing(sqlite3.connect(tmp_path / "intake.sqlite")) as db, db:
        db.execute("INSERT INTO readers VALUES ('last_values', 'a text')")
    for read in (store.extent, lambda: store.cursor("last_values")):
        with pytest.raises(StoreError, match="damaged"):
            read()
    store.close()


@pytest.mark.parametrize("cmd", ["set_rate", "set_interval"])
def test_a_period_for_what_is_no_channel_is_rejected(cmd: str) -> None:
    bench = Bench()
    (answer,) = bench.command(cmd, {"s": 5, "hz": 1, "ch": [1]})
    assert (answer["status"], answer["reason"]) == ("rejected", "bad_args")


@pytest.mark.parametrize("member", [{"cid": {}}, {"cid": []}, {"cmd": {}}, {"cmd": []}, {"cmd": None}])
def test_a_command_whose_name_or_id_is_no_text_is_dropped(member: dict[str, Any]) -> None:
    bench = Bench()
    command = {"cid": "01JD8Z6Q4W3M5N7P9R0T1V2X3Y", "cmd": "describe", "args": {}} | member
    assert bench.say(Leaf.COMMAND, **command) == []
    assert sum(bench.device.gate.dropped.values()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "devices = 5",
        "devices = [5]",
        "[timing]\nresend_after_s = 'soon'",
        "[[devices]]\nname = 'x'\nchannels = [1]",
        "[[devices]]\nname = 'x'\nroute = [[1, 2, 3]]",
        "[[attacks]]\nkind = []",
        "x = " + "[" * 5_000,
    ],
)
def test_a_scenario_of_the_wrong_shape_is_told_as_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "fleet.toml").write_text(text)
    with pytest.raises(scenario.ScenarioError):
        scenario.load(str(tmp_path / "fleet.toml"))
