"""Commands in the intake: written with the frames, given back after a start, bounded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from iiot_engine.errors import StoreError
from iiot_engine.ports import CLOSED_COMMANDS, Batch, IntakeStore, JournalRow, KeptCommand
from iiot_engine.stores import sqlite_intake
from iiot_engine.stores.memory import MemoryIntake
from iiot_engine.stores.sqlite_intake import SqliteIntake


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IntakeStore]:
    opened = MemoryIntake() if request.param == "memory" else SqliteIntake(tmp_path / "intake.sqlite")
    yield opened
    opened.close()


def command(number: int, *, is_open: bool = False, device_id: str = "press-07", state: bytes = b"{}") -> KeptCommand:
    return KeptCommand(f"01M7WTZAEWBQQ4VNGFZ{number:07}", device_id, is_open, state)


def batch(commands: list[KeptCommand], rows: list[JournalRow] | None = None) -> Batch:
    states = [("press-07", b"{}"), ("pump-01", b"{}")]
    return Batch(1, rows or [], states, [], None, commands)


def kept(store: IntakeStore, device_id: str = "press-07") -> tuple[KeptCommand, ...]:
    return next(found.commands for found in store.load() if found.device_id == device_id)


def test_commands_come_back_in_the_order_of_their_making_as_they_were_last(store: IntakeStore) -> None:
    store.commit(batch([command(2), command(1)]))
    other = command(3, device_id="pump-01", is_open=True)
    store.commit(batch([command(2, is_open=True, state=b"[1]"), other]))
    assert kept(store) == (command(1), command(2, is_open=True, state=b"[1]"))
    assert kept(store, "pump-01") == (other,)


def test_all_open_commands_come_back_and_the_newest_of_the_closed(store: IntakeStore) -> None:
    made = [command(number, is_open=number < 3) for number in range(CLOSED_COMMANDS + 10)]
    store.commit(batch(made))
    assert kept(store) == (*made[:3], *made[10:])


def test_they_survive_the_end_of_the_process(tmp_path: Path) -> None:
    path = tmp_path / "intake.sqlite"
    first = SqliteIntake(path)
    first.commit(batch([command(1, is_open=True)]))
    first.close()
    again = SqliteIntake(path)
    assert kept(again) == (command(1, is_open=True),)
    again.close()


def test_a_batch_that_fails_keeps_no_command(tmp_path: Path) -> None:
    store = SqliteIntake(tmp_path / "intake.sqlite")
    store.commit(batch([]))
    row = JournalRow(1 << 70, "press-07", "iiot/press-07/data", 1, 3, 1, 5, -7, None, b"")
    with pytest.raises(StoreError):
        store.commit(batch([command(1)], [row]))
    assert kept(store) == ()
    store.close()


def test_of_the_closed_commands_of_a_site_the_newest_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_intake, "MOST_COMMANDS", 3)
    store = SqliteIntake(tmp_path / "intake.sqlite")
    store.commit(batch([command(number, is_open=number == 1) for number in range(7)]))
    store.trim(before_ns=0, max_bytes=1 << 40)
    assert [found.cid for found in kept(store)] == [command(number).cid for number in (1, 4, 5, 6)]
    store.close()
