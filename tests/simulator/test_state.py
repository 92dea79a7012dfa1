"""What a device keeps survives the end of its process at any instruction."""

from pathlib import Path

import pytest

from iiot_sim import state
from iiot_sim.row import Reading, Row
from iiot_sim.state import FolderStore, MemoryStore, Store


def a_row(index: int, boot: int = 1) -> Row:
    reading = Reading(values={"t": 1.5, "x": None}, quality={"x": "bad"}, failed={"y": "COMM"}, loc=(48.0, 11.0))
    return Row(boot=boot, index=index, s=5, ns=7, reading=reading, poll="0badcafe")


@pytest.fixture(params=["memory", "folder"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> list[Store]:
    """Two stores of one device, the second as found after a restart."""
    if request.param == "folder":
        return [FolderStore(tmp_path, "press-07"), FolderStore(tmp_path, "press-07")]
    store = MemoryStore()
    return [store, store]


def test_each_start_is_another_boot(stores: list[Store]) -> None:
    assert [store.begin().boot for store in stores] == [1, 2]


def test_rows_are_there_until_they_are_freed(stores: list[Store]) -> None:
    first, second = stores
    first.begin()
    for index in range(1, 6):
        first.keep(a_row(index))
    first.free([a_row(1), a_row(3)])
    assert second.begin().rows == [a_row(2), a_row(4), a_row(5)]


def test_answers_to_commands_are_there_after_a_restart(stores: list[Store]) -> None:
    first, second = stores
    first.begin()
    first.note([["C1", "done", ""]])
    assert second.begin().ring == [["C1", "done", ""]]


def test_meters_are_there_after_a_restart(stores: list[Store]) -> None:
    first, second = stores
    first.begin()
    first.meter({"energy": 12.5})
    first.meter({"energy": 12.5})
    assert second.begin().totals == {"energy": 12.5}


def test_a_line_cut_in_half_is_passed_over(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, "press-07")
    store.begin()
    store.keep(a_row(1))
    store.keep(a_row(2))
    file = tmp_path / "press-07.rows"
    file.write_bytes(file.read_bytes()[:-20])
    assert FolderStore(tmp_path, "press-07").begin().rows == [a_row(1)]


def test_the_file_of_rows_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "COMPACT_AT", 20)
    store = FolderStore(tmp_path, "press-07")
    store.begin()
    for index in range(1, 200):
        store.keep(a_row(index))
        store.free([a_row(index)])
    assert len((tmp_path / "press-07.rows").read_bytes().splitlines()) <= 22
