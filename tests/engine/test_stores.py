"""Every intake store keeps the same promises (`ports.IntakeStore`), in memory and on disk."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from iiot_engine.errors import StoreError
from iiot_engine.ports import Batch, Extent, IntakeStore, JournalRow, Kept, Trimmed
from iiot_engine.stores import memory, sqlite_intake
from iiot_engine.stores.journal_reader import JournalReader
from iiot_engine.stores.memory import MemoryIntake
from iiot_engine.stores.sqlite_intake import SqliteIntake
from tests.builders import Machine, World

type Opener = Callable[[], IntakeStore]


@pytest.fixture(params=["memory", "sqlite"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens a new, empty store at each call; all are closed in the end."""
    opened: list[IntakeStore] = []

    def open_one() -> IntakeStore:
        path = tmp_path / f"{len(opened)}" / "intake.db"
        opened.append(MemoryIntake() if request.param == "memory" else SqliteIntake(path))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(opener: Opener) -> IntakeStore:
    return opener()


def row(number: int, *, received_ns: int | None = None, size: int = 10) -> JournalRow:
    at = number if received_ns is None else received_ns
    return JournalRow(at, "press-07", "iiot/press-07/data", 1, 3, number, 5, -7, None, bytes([number % 256]) * size)


def batch(
    rows: list[JournalRow],
    values: list[tuple[str, bytes]] | None = None,
    states: list[tuple[str, bytes]] | None = None,
    manifests: list[tuple[str, bytes]] | None = None,
) -> Batch:
    return Batch(1, rows, [("press-07", b"{}")] if states is None else states, manifests or [], values)


def drain(store: IntakeStore) -> list[JournalRow]:
    return [entry.row for entry in store.read_after(0, 100_000)]


def test_a_new_store_is_empty(store: IntakeStore) -> None:
    assert store.load() == []
    assert store.cursor("last_values") == store.cursor("history") == 0
    assert store.read_after(0, 10) == []
    assert store.trim(before_ns=10**18, max_bytes=0) == Trimmed(0, {}, more=False)
    assert store.size_bytes() >= 0


def test_rows_come_back_as_they_went_in(store: IntakeStore) -> None:
    rows = [row(1), row(2)._replace(message=b"\x00\xff", anchor_ns=None, skew_ns=-(2**62))]
    rows.append(row(3)._replace(received_ns=2**62, boot=2**32 - 1, seq=2**32 - 1, kid=2**32 - 1))
    store.commit(batch(rows))
    assert drain(store) == rows
    assert all(type(one.message) is bytes for one in drain(store))


@pytest.mark.parametrize("many", [0, 1, 15, 16, 17, 255, 256, 257, 273, 600])
def test_any_number_of_rows_and_states_is_kept_in_order(store: IntakeStore, many: int) -> None:
    rows = [row(number) for number in range(many)]
    states = [(f"device-{number:03}", str(number).encode()) for number in range(many)]
    store.commit(batch(rows, states=states))
    store.commit(batch([], states=[(device_id, state + b"!") for device_id, state in states]))
    assert drain(store) == rows
    assert sorted((kept.device_id, kept.state) for kept in store.load()) == [(d, state + b"!") for d, state in states]


def test_positions_rise_and_readers_go_on_behind_them(store: IntakeStore) -> None:
    store.commit(batch([row(1), row(2)]))
    store.commit(batch([row(3)]))
    entries = store.read_after(0, 2)
    assert [entry.row.seq for entry in entries] == [1, 2]
    rest = store.read_after(entries[-1].position, 10)
    assert [entry.row.seq for entry in rest] == [3]
    assert [entry.position for entry in entries + rest] == sorted({entry.position for entry in entries + rest})
    store.move_cursor("history", rest[-1].position)
    assert store.cursor("history") == rest[-1].position
    store.move_cursor("history", 1)
    assert store.cursor("history") == 1


def test_a_device_is_kept_with_its_newest_state_manifest_and_values(store: IntakeStore) -> None:
    store.commit(batch([], [("press-07", b"v1")], [("press-07", b"s1"), ("b", b"s2")], [("press-07", b"m1")]))
    store.commit(batch([], None, [("press-07", b"s3")]))
    kept = {entry.device_id: entry for entry in store.load()}
    assert kept == {"press-07": Kept("press-07", b"s3", b"m1", b"v1"), "b": Kept("b", b"s2", None, None)}
    store.commit(batch([], [("b", b"v2")], [], [("b", b"m2")]))
    kept = {entry.device_id: entry for entry in store.load()}
    assert kept["b"] == Kept("b", b"s2", b"m2", b"v2")
    assert kept["press-07"] == Kept("press-07", b"s3", b"m1", b"v1")


def test_manifest_and_values_of_a_device_without_a_state_are_not_kept(store: IntakeStore) -> None:
    store.commit(batch([], [("nobody", b"v")], [], [("nobody", b"m")]))
    assert store.load() == []


def test_saving_values_moves_the_cursor_behind_the_batch(store: IntakeStore) -> None:
    store.commit(batch([row(1)], None))
    assert store.cursor("last_values") == 0
    store.commit(batch([row(2)], []))
    assert store.cursor("last_values") == store.read_after(0, 10)[-1].position
    store.commit(batch([row(3)], None))
    assert [entry.row.seq for entry in store.read_after(store.cursor("last_values"), 10)] == [3]


def test_old_rows_go_when_every_reader_has_taken_them(store: IntakeStore) -> None:
    store.commit(batch([row(number) for number in range(1, 11)], []))
    store.move_cursor("history", 4)
    assert store.trim(before_ns=8, max_bytes=10**9) == Trimmed(4, {}, more=False)
    assert [one.seq for one in drain(store)] == [5, 6, 7, 8, 9, 10]
    store.move_cursor("history", 10)
    assert store.trim(before_ns=8, max_bytes=10**9) == Trimmed(3, {}, more=False)
    assert [one.seq for one in drain(store)] == [8, 9, 10]
    assert store.trim(before_ns=8, max_bytes=10**9) == Trimmed(0, {}, more=False)


def test_what_does_not_fit_goes_and_each_reader_is_told_what_it_lost(store: IntakeStore) -> None:
    store.commit(batch([row(number) for number in range(1, 11)], []))
    store.move_cursor("history", 4)
    trimmed = store.trim(before_ns=0, max_bytes=0)
    assert (trimmed.rows, trimmed.lost) == (10, {"history": 6})
    assert drain(store) == []
    assert not store.trim(before_ns=0, max_bytes=0).more


def test_the_device_that_took_the_room_of_others_is_named(store: IntakeStore) -> None:
    quiet = [row(number) for number in range(1, 9)]
    noisy = [row(number, size=5_000)._replace(device_id="noisy-1") for number in range(1, 5)]
    store.commit(batch(quiet + noisy, None, [("press-07", b"{}"), ("noisy-1", b"{}")]))
    trimmed = store.trim(before_ns=0, max_bytes=0)
    assert (trimmed.lost, trimmed.noisiest) == ({"last_values": 12}, "noisy-1")
    store.commit(batch(noisy, []))
    assert store.trim(before_ns=0, max_bytes=0).noisiest is None, "nobody lost a row"


@pytest.mark.parametrize("max_bytes", [0, 10**12])
def test_trimming_goes_in_small_steps(store: IntakeStore, monkeypatch: pytest.MonkeyPatch, max_bytes: int) -> None:
    monkeypatch.setattr(memory, "TRIM_STEP", 3)
    monkeypatch.setattr(sqlite_intake, "TRIM_STEP", 3)
    store.commit(batch([row(number) for number in range(1, 9)], []))
    steps = []
    for _ in range(10):
        trimmed = store.trim(before_ns=100, max_bytes=max_bytes)
        steps.append(trimmed.rows)
        if not trimmed.more:
            break
    assert sum(steps) == 8
    assert max(steps) <= 3
    assert drain(store) == []


def test_positions_go_on_after_everything_was_dropped(store: IntakeStore) -> None:
    store.commit(batch([row(1), row(2)], []))
    last = store.read_after(0, 10)[-1].position
    store.trim(before_ns=0, max_bytes=0)
    store.commit(batch([row(3)]))
    (entry,) = store.read_after(0, 10)
    assert entry.position > last
    assert store.read_after(last, 10) == [entry]
    assert store.cursor("last_values") == last


def test_values_saved_over_an_empty_journal_leave_the_cursor(store: IntakeStore) -> None:
    store.commit(batch([row(1)], []))
    before = store.cursor("last_values")
    store.trim(before_ns=0, max_bytes=0)
    store.commit(batch([], []))
    assert store.cursor("last_values") == before


def test_bytes_in_use_follow_the_rows(store: IntakeStore) -> None:
    empty = store.size_bytes()
    store.commit(batch([row(number, size=5_000) for number in range(50)]))
    full = store.size_bytes()
    assert full - empty >= 250_000
    store.trim(before_ns=0, max_bytes=0)
    assert store.size_bytes() < empty + 50_000


def test_a_store_says_how_far_it_reaches(store: IntakeStore) -> None:
    assert store.extent()._replace(size_bytes=0) == Extent(0, None, None, 0, {"last_values": 0})
    store.commit(batch([row(number) for number in range(1, 5)], []))
    store.move_cursor("history", 2)
    reach = store.extent()
    assert reach == Extent(store.size_bytes(), 1, 1, 4, {"last_values": 4, "history": 2})
    store.trim(before_ns=2, max_bytes=10**9)
    assert (store.extent().first, store.extent().first_ns) == (2, 2)


def test_a_closed_store_says_so_and_closes_again(store: IntakeStore) -> None:
    store.commit(batch([row(1)]))
    store.close()
    store.close()
    calls: list[Callable[[], object]] = [
        store.load,
        lambda: store.commit(batch([])),
        lambda: store.cursor("last_values"),
        lambda: store.move_cursor("history", 1),
        lambda: store.read_after(0, 1),
        lambda: store.trim(before_ns=0, max_bytes=0),
        store.size_bytes,
        store.extent,
    ]
    for call in calls:
        with pytest.raises(StoreError):
            call()


def test_a_hub_goes_on_from_its_store(opener: Opener) -> None:
    world = World(opener())
    machine = Machine(world).join()
    machine.read(temperature=20, note="Süd")
    world.pass_time(35)
    machine.read(temperature=21)
    world.pass_time(2)
    again = machine.make("data", r={"temperature": 99})
    world.receive(*again)
    world.pass_time(2)
    world.kill()
    assert machine.value("temperature") == 99
    assert machine.value("note") == "Süd"
    assert world.refusal_of(*again) == "duplicate"
    world.store.close()


# --- on disk only ----------------------------------------------------------------------------


def test_a_file_that_is_opened_again_holds_everything(tmp_path: Path) -> None:
    path = tmp_path / "site" / "intake.db"
    first = SqliteIntake(path)
    first.commit(batch([row(1)], [("press-07", b"v")], [("press-07", b"s")], [("press-07", b"m")]))
    first.move_cursor("history", 1)
    first.close()
    again = SqliteIntake(path)
    assert drain(again) == [row(1)]
    assert again.load() == [Kept("press-07", b"s", b"m", b"v")]
    assert again.cursor("history") == again.cursor("last_values") == 1
    again.close()


def test_a_batch_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    store = SqliteIntake(tmp_path / "intake.db")
    broken = batch([row(1), row(2)._replace(topic=None)])  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        store.commit(broken)
    assert drain(store) == []
    assert store.load() == []
    store.commit(batch([row(3)]))
    assert [one.seq for one in drain(store)] == [3]
    store.close()


def test_a_file_that_dies_without_a_close_holds_what_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "intake.db"
    dying = SqliteIntake(path)
    dying.commit(batch([row(1)]))
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tmp_path.glob("intake.db*"):
        (copy / file.name).write_bytes(file.read_bytes())
    dying.close()
    survivor = SqliteIntake(copy / "intake.db")
    assert drain(survivor) == [row(1)]
    survivor.close()


def test_a_file_that_is_no_database_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "intake.db"
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(StoreError) as error:
        SqliteIntake(path)
    assert error.value.facts["path"] == str(path)


def test_a_folder_that_cannot_be_made_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError):
        SqliteIntake(tmp_path / "file" / "intake.db")


def test_a_trim_that_fails_does_not_stand_in_the_way_of_the_next_commit(tmp_path: Path) -> None:
    path = tmp_path / "intake.db"
    store = SqliteIntake(path)
    store.commit(batch([row(1)], []))
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TRIGGER no BEFORE DELETE ON frames BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(StoreError):
        store.trim(before_ns=100, max_bytes=10**9)
    store.commit(batch([row(2)]))
    assert [one.seq for one in drain(store)] == [1, 2]
    store.close()


def test_a_number_that_no_database_holds_is_told_so(tmp_path: Path) -> None:
    store = SqliteIntake(tmp_path / "intake.db")
    with pytest.raises(StoreError):
        store.commit(batch([row(1)._replace(skew_ns=2**63)]))
    store.commit(batch([row(2)]))
    assert len(drain(store)) == 1
    store.close()


@pytest.mark.parametrize("state", [b"", b"[]", b"{}", b'{"device":{"window":[1]}}'])
def test_what_cannot_be_understood_is_an_error_and_never_a_fresh_window(state: bytes) -> None:
    plant = World().plant
    with pytest.raises(StoreError, match="press-07"):
        plant.restore([Kept("press-07", state, None, None)], {"press-07": {1: bytes(32)}})


# --- beside the writer -------------------------------------------------------------------------


def test_a_reader_beside_the_writer_sees_what_is_durable(tmp_path: Path) -> None:
    path = tmp_path / "intake.db"
    with closing(SqliteIntake(path)) as store, closing(JournalReader(path)) as reader:
        assert reader.read_after(0, 10) == []
        store.commit(batch([row(1), row(2)]))
        assert [entry.row for entry in reader.read_after(0, 10)] == [row(1), row(2)]
        assert [entry.position for entry in reader.read_after(1, 10)] == [2]


def test_a_reader_says_in_words_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the journal cannot be read"):
        JournalReader(tmp_path / "nothing.db")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE other (x)").connection.close()
    with closing(JournalReader(tmp_path / "other.db")) as reader, pytest.raises(StoreError, match="cannot be read"):
        reader.read_after(0, 1)
