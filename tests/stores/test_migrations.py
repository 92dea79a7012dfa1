"""What an older release kept goes on in this one, whole; what a newer one kept is refused, and is not touched."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from iiot_engine.errors import KeyFileError, StoreError, StoreVersionError
from iiot_engine.plant import Plant
from iiot_engine.ports import STATE_VERSION, Kept
from iiot_engine.stores import migrations, sqlite_intake
from iiot_engine.stores.key_file import KeyFile
from iiot_engine.stores.sqlite_intake import SqliteIntake
from iiot_engine.values import Connection, Settings
from tests.builders import FLEET_KEY, START_S, Machine, World

from .kept import JOURNAL, KEYS, brought_up, comparable, files_of, kept_site, tables_of, version_of

REGISTERED = ("press-07", "pump-1", "kiln-2")


def world_of(folder: Path) -> World:
    """A hub of this release over the kept site, an hour after the old one died."""
    keys = KeyFile(folder / KEYS)
    keys.load()
    world = World(SqliteIntake(folder / JOURNAL))
    world.steady_ns += 3_600 * 10**9
    world.keys = {device_id: keys.device_keys(device_id) for device_id in REGISTERED}
    world.fleet_key = keys.fleet_key
    world.kill()
    return world


# --- an older store --------------------------------------------------------------------------


def test_every_row_state_manifest_value_and_cursor_goes_over(tmp_path: Path) -> None:
    journal = kept_site(tmp_path) / JOURNAL
    old = tables_of(journal)
    assert version_of(journal) == 1
    assert [len(rows) for rows in old.values()] == [24, 4, 1], "the kept store is not the one that these tests know"
    SqliteIntake(journal).close()
    assert version_of(journal) == migrations.JOURNAL_VERSION
    assert comparable(tables_of(journal)) == comparable(brought_up(old))


def test_a_store_is_brought_up_to_date_once(tmp_path: Path) -> None:
    journal = kept_site(tmp_path) / JOURNAL
    SqliteIntake(journal).close()
    first = tables_of(journal)
    SqliteIntake(journal).close()
    assert tables_of(journal) == first


def test_the_hub_goes_on_where_the_old_release_stood(tmp_path: Path) -> None:
    world = world_of(kept_site(tmp_path))
    members = world.plant.members
    press, pump, kiln = (members[device_id] for device_id in REGISTERED)
    assert (press.device.window.boot, press.device.window.high) == (2, 3)
    assert press.positions.answered(2) == ((2, 2), [(1, 1)])
    assert (press.lost_rows, press.positions.held) == (1, (1, 2))
    assert press.device.downlink.reserved > 6_437_875, "numbers that the old release had reserved are never used again"
    assert press.device.refusals.counts == {"wrong_shape": 1}
    assert {key: shown.value for key, shown in press.board.values.items()} == {
        "temperature": 23.5,
        "strokes": 7,
        "guard": True,
        "program": "run",
        "note": "Süd",
    }
    assert pump.connection is Connection.ASLEEP
    assert pump.board.position == (48.1, 11.5)
    assert kiln.device.is_foreign
    assert kiln.device.clocks[1].skew_ns == 100 * 10**9
    assert kiln.device.clocks[1].anchor_ns == START_S * 10**9
    world.store.close()


def test_what_the_old_release_took_stays_taken(tmp_path: Path) -> None:
    world = world_of(kept_site(tmp_path))
    for row in world.journal():
        if row.device_id in world.plant.members:
            assert world.refusal_of(row.topic, row.message) in ("duplicate", "replayed")
    world.store.close()


def test_a_device_that_was_removed_does_not_come_back(tmp_path: Path) -> None:
    world = world_of(kept_site(tmp_path))
    old = [row for row in world.journal() if row.device_id == "gone-3"]
    world.adopt(Machine(world, "gone-3"))
    assert [world.refusal_of(row.topic, row.message) for row in old] == ["duplicate"] * len(old)
    world.store.close()


def test_a_device_of_the_old_release_speaks_on(tmp_path: Path) -> None:
    world = world_of(kept_site(tmp_path))
    press = Machine(world, boot=1, key=world.keys["press-07"][1])
    press.seq, press.index = 3, 3
    press.born_ns = world.plant.members[press.id].device.clocks[2].anchor_ns - world.wall_offset_ns
    assert press.read(temperature=25) is None
    world.pass_time(2)
    assert press.value("temperature") == 25
    world.kill()
    assert press.value("temperature") == 25
    world.store.close()


def test_the_keys_of_the_old_release_are_read(tmp_path: Path) -> None:
    keys = KeyFile(kept_site(tmp_path) / KEYS)
    keys.load()
    assert keys.fleet_key == FLEET_KEY
    assert all(list(keys.device_keys(device_id)) == [1] for device_id in REGISTERED)


# --- the machine stops in the middle ---------------------------------------------------------


class PowerCuts(sqlite3.Connection):
    """Before and after each statement the disk is kept as it is then, as if the power had gone."""

    folder: Path
    kept: list[Path]

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        self.cut()
        done = super().execute(*arguments)
        self.cut()
        return done

    @classmethod
    def cut(cls) -> None:
        """Copy what a machine that starts again would find."""
        copy = cls.folder.parent / f"cut-{len(cls.kept)}"
        cls.kept.append(copy)
        shutil.copytree(cls.folder, copy, ignore=shutil.ignore_patterns("*-shm"))


def test_a_power_cut_leaves_the_old_store_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PowerCuts.folder, PowerCuts.kept = kept_site(tmp_path / "site"), []
    old = comparable(tables_of(PowerCuts.folder / JOURNAL))
    new = comparable(brought_up(tables_of(PowerCuts.folder / JOURNAL)))
    connect = sqlite3.connect
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_intake.sqlite3, "connect", lambda *a, **k: connect(*a, factory=PowerCuts, **k))
        SqliteIntake(PowerCuts.folder / JOURNAL).close()
    versions = []
    for copy in PowerCuts.kept:
        journal = copy / JOURNAL
        versions.append(version_of(journal))
        assert comparable(tables_of(journal)) == (old if versions[-1] == 1 else new)
        SqliteIntake(journal).close()
        assert comparable(tables_of(journal)) == new
    assert versions == sorted(versions)
    assert set(versions) == {1, migrations.JOURNAL_VERSION}


@pytest.mark.parametrize("failing", range(1, 6))
def test_a_step_that_fails_leaves_the_old_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    journal = kept_site(tmp_path) / JOURNAL
    old = tables_of(journal)
    seen = []
    with_members = migrations._with

    def fail(text: bytes, **members: Any) -> bytes:
        seen.append(text)
        if len(seen) == failing:
            raise ValueError
        return with_members(text, **members)

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_with", fail)
        with pytest.raises(StoreError, match="cannot be brought up to date"):
            SqliteIntake(journal)
    assert version_of(journal) == 1
    assert tables_of(journal) == old


def test_a_disk_that_is_full_leaves_the_old_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = kept_site(tmp_path) / JOURNAL
    old = tables_of(journal)

    def full(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM devices")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setitem(migrations.JOURNAL, 1, full)
    with pytest.raises(StoreError, match="full"):
        SqliteIntake(journal)
    assert tables_of(journal) == old


@pytest.mark.parametrize("state", [b"", b"[]", b"7", b"\xff", 7, b"[" * 100_000])
def test_an_old_store_that_is_damaged_is_told_so_and_stays_as_it_is(tmp_path: Path, state: Any) -> None:
    journal = kept_site(tmp_path) / JOURNAL
    with closing(sqlite3.connect(journal)) as db:
        db.execute("UPDATE devices SET state = ? WHERE device_id = 'pump-1'", (state,))
        db.commit()
    old = tables_of(journal)
    with pytest.raises(StoreError, match="cannot be brought up to date"):
        SqliteIntake(journal)
    assert (version_of(journal), tables_of(journal)) == (1, old)


# --- a newer store ---------------------------------------------------------------------------


def test_a_journal_of_a_newer_release_is_refused_and_left_alone(tmp_path: Path) -> None:
    journal = kept_site(tmp_path) / JOURNAL
    newer = migrations.JOURNAL_VERSION + 1
    with closing(sqlite3.connect(journal)) as db:
        db.execute(f"PRAGMA user_version = {newer}")
    before = files_of(tmp_path)
    with pytest.raises(StoreVersionError) as error:
        SqliteIntake(journal)
    assert error.value.facts == {"path": str(journal), "version": newer, "known": migrations.JOURNAL_VERSION}
    assert files_of(tmp_path) == before


def test_what_a_newer_release_left_in_its_log_is_left_alone(tmp_path: Path) -> None:
    living = kept_site(tmp_path / "living") / JOURNAL
    with closing(sqlite3.connect(living, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA user_version = 9")
        db.execute("UPDATE readers SET position = 7")
        dead = shutil.copytree(living.parent, tmp_path / "dead", ignore=shutil.ignore_patterns("*-shm"))
    before = files_of(dead)
    assert f"{JOURNAL}-wal" in before
    with pytest.raises(StoreVersionError):
        SqliteIntake(dead / JOURNAL)
    assert files_of(dead) == before


def test_keys_of_a_newer_release_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = kept_site(tmp_path) / KEYS
    newer = migrations.KEY_FILE_VERSION + 1
    path.write_text(json.dumps({"version": newer, "keys": "sealed"}))
    before = files_of(tmp_path)
    with pytest.raises(StoreVersionError) as error:
        KeyFile(path).load()
    assert error.value.facts == {"path": str(path), "version": newer, "known": migrations.KEY_FILE_VERSION}
    assert files_of(tmp_path) == before


def test_a_state_of_a_newer_release_is_refused() -> None:
    plant = Plant(Settings(), bytes)
    with pytest.raises(StoreVersionError, match="press-07") as error:
        plant.restore([Kept("press-07", b'{"version":3}', None, None)], {"press-07": {1: bytes(32)}})
    assert error.value.facts == {"version": 3, "known": STATE_VERSION}


# --- the tables ------------------------------------------------------------------------------


def test_each_version_has_its_step() -> None:
    assert list(migrations.JOURNAL) == list(range(1, migrations.JOURNAL_VERSION))
    assert list(migrations.KEY_FILE) == list(range(1, migrations.KEY_FILE_VERSION))


def test_an_older_key_file_takes_its_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kept_site(tmp_path) / KEYS
    with monkeypatch.context() as without_steps:
        without_steps.setattr(migrations, "KEY_FILE", {})
        with pytest.raises(KeyFileError, match="damaged"):
            KeyFile(path).load()
    keys = KeyFile(path)
    keys.load()
    assert keys.step_of("press-07") is None
    assert keys.removed == {}
    assert json.loads(path.read_text("utf-8"))["version"] == 1, "it is written anew at its next change"
    keys.remove_device("kiln-2")
    assert json.loads(path.read_text("utf-8"))["version"] == migrations.KEY_FILE_VERSION
