"""Every history store keeps the same promises (`history.store.HistoryStore`)."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from iiot_engine.errors import StoreError
from iiot_engine.history.rollup import Bucket
from iiot_engine.history.rows import Column, Origin, Rows
from iiot_engine.history.store import Figures, KeptDossier, Series, Spoiled, Taking
from iiot_engine.ports import JournalRow
from iiot_engine.stores import sqlite_history
from iiot_engine.stores.sqlite_history import SqliteHistory

DAY_NS = 86_400 * 1_000_000_000
START_NS = 20_000 * DAY_NS
EVER = (0, 1 << 62)


def rows(*times: int, **columns: list[Any]) -> Rows:
    count = len(times)
    origin = Origin([1] * count, list(range(1, count + 1)), [1] * count, [0] * count, [0] * count)
    return Rows([START_NS + at for at in times], origin, {key: Column(one, None) for key, one in columns.items()})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "iiot" / "history.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteHistory]:
    with closing(SqliteHistory(path)) as found:
        yield found


def values(store: SqliteHistory, name: str, channel: str, first_ns: int = 0, last_ns: int = EVER[1]) -> list[Any]:
    return [value for piece in store.read(name, channel, first_ns, last_ns) for value in piece.column.values]


def seal(store: SqliteHistory, least: int = 1) -> int:
    """Seal all that is long enough, as if all figures had been made."""
    if fresh := store.fresh(1_000):
        store.put_figures([], fresh[-1].place)
    return store.seal(least)


def test_a_new_store_is_empty(store: SqliteHistory) -> None:
    assert store.position() == 0
    assert store.dossiers() == {}
    assert values(store, "press", "temperature") == []
    assert store.times("press", "temperature", *EVER) == []
    assert store.seal() == 0


def test_everything_of_a_call_is_there_after_it(path: Path) -> None:
    row = JournalRow(5, "press-07", "iiot/press-07/data", 1, 3, 4, 0, None, None, b"{}")
    with closing(SqliteHistory(path)) as store:
        store.take(Taking(7, [("press", rows(1, 2, t=[1.0, 2.0]))], [("press-07", b"[1]")], [("press-07", b"{}")]))
        store.take(Taking(9, [("press", rows(3, t=[3.0]))], [("press-07", b"[2]")], [], [Spoiled(row, "shape")]))
    with closing(SqliteHistory(path)) as store:
        assert store.position() == 9
        assert store.dossiers() == {"press-07": KeptDossier(b"[2]", b"{}")}
        assert values(store, "press", "t") == [1.0, 2.0, 3.0]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT reason, device_id, message FROM spoiled").fetchall() == [("shape", "press-07", b"{}")]


def test_only_pieces_of_the_time_that_was_asked_for_are_read(store: SqliteHistory) -> None:
    for at in range(4):
        store.take(Taking(at, [("press", rows(at * 10, at * 10 + 5, t=[at, at]))]))
    assert values(store, "press", "t", START_NS + 12, START_NS + 24) == [1, 1, 2, 2]
    assert store.times("press", "t", START_NS + 12, START_NS + 20) == [START_NS + 15, START_NS + 20]
    seal(store)
    assert store.times("press", "t", START_NS + 12, START_NS + 20) == [START_NS + 15, START_NS + 20]


def test_the_tail_of_a_device_is_sealed_when_it_is_long_enough(store: SqliteHistory) -> None:
    store.take(Taking(1, [("press", rows(*range(10), t=list(range(10)))), ("oven", rows(1, t=[1]))]))
    assert seal(store, 10) == 10
    assert store.seal(10) == 0
    assert values(store, "press", "t") == list(range(10))
    assert values(store, "oven", "t") == [1]
    assert values(store, "press", "nothing") == []


def test_rows_that_came_late_are_sealed_in_their_order_and_by_day(store: SqliteHistory) -> None:
    store.take(Taking(1, [("press", rows(DAY_NS, DAY_NS + 1, t=[3, 4]))]))
    store.take(Taking(2, [("press", rows(5, t=[2], u=[7]))]))
    seal(store)
    pieces = list(store.read("press", "t", *EVER))
    assert [piece.times_ns for piece in pieces] == [[START_NS + 5], [START_NS + DAY_NS, START_NS + DAY_NS + 1]]
    assert values(store, "press", "u") == [7], "no room is spent on a day without a value"


def test_a_call_that_fails_leaves_nothing_behind(store: SqliteHistory) -> None:
    with pytest.raises(StoreError):
        store.take(Taking(1 << 70, [("press", rows(1, t=[1.0]))]))
    assert store.position() == 0
    assert values(store, "press", "t") == []
    store.take(Taking(1, [("press", rows(2, t=[2.0]))]))
    assert values(store, "press", "t") == [2.0]


def test_a_file_that_is_no_history_is_said_in_words(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * 5_000)
    with pytest.raises(StoreError, match="the history cannot be opened"):
        SqliteHistory(path)


def test_a_damaged_chunk_is_said_in_words(store: SqliteHistory, path: Path) -> None:
    store.take(Taking(1, [("press", rows(*range(10), t=list(range(10))))]))
    seal(store)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE columns SET body = x'0102'")
        db.commit()
    with pytest.raises(StoreError, match="the history cannot be read"):
        values(store, "press", "t")


def test_the_size_is_what_is_used(store: SqliteHistory) -> None:
    before = store.size_bytes()
    store.take(Taking(1, [("press", rows(*range(sqlite_history.SEAL_ROWS), t=list(range(sqlite_history.SEAL_ROWS))))]))
    grown = store.size_bytes()
    assert grown > before
    assert store.seal() == 0, "no figure was made of them yet"
    assert seal(store, sqlite_history.SEAL_ROWS) == sqlite_history.SEAL_ROWS
    assert store.size_bytes() < grown


# --- figures ----------------------------------------------------------------------------------


def bucket(at: int, value: float = 1.0, size: int = 1) -> Bucket:
    return Bucket(START_NS + at, value, size)


def test_rows_are_fresh_until_figures_are_made_of_them(store: SqliteHistory) -> None:
    store.take(Taking(1, [("press", rows(1, t=[1])), ("oven", rows(2, t=[2]))]))
    first, second = store.fresh(10)
    assert (first.name, second.name) == ("press", "oven")
    assert store.fresh(1) == [first]
    store.put_figures([Figures("press", "t", "mean/60", [bucket(0)])], first.place)
    assert store.fresh(10) == [second]
    assert store.figures("press", "t", "mean/60", *EVER) == [bucket(0)]


def test_a_bucket_is_written_over_the_one_of_its_time(store: SqliteHistory) -> None:
    store.put_figures([Figures("press", "t", "mean/60", [bucket(0), bucket(60), bucket(2 * DAY_NS)])])
    store.put_figures([Figures("press", "t", "mean/60", [bucket(60, 7.5, 3), bucket(30)])])
    assert store.figures("press", "t", "mean/60", START_NS + 30, EVER[1]) == [
        bucket(30),
        bucket(60, 7.5, 3),
        bucket(2 * DAY_NS),
    ]
    assert store.figures("press", "t", "max/60", *EVER) == []
    assert store.figures("oven", "t", "mean/60", *EVER) == []


def test_what_was_made_of_all_rows_is_noted(path: Path) -> None:
    with closing(SqliteHistory(path)) as store:
        store.take(Taking(1, [("press", rows(1, t=[1], u=[2]))]))
        store.note_figure("press", "t", "mean/60")
        store.note_figure("press", "t", "mean/60")
    with closing(SqliteHistory(path)) as store:
        assert sorted(store.series()) == [
            Series("press", "t", frozenset({"mean/60"}), 0),
            Series("press", "u", frozenset(), 0),
        ]
        assert store.extent("press") == (START_NS + 1, START_NS + 1)
        assert store.extent("oven") is None


def test_several_channels_are_read_together(store: SqliteHistory) -> None:
    store.take(Taking(1, [("press", rows(1, 2, t=[1, 2], u=[3, 4], v=[5, 6]))]))
    before = list(store.rows("press", ["t", "u", "w"], *EVER))
    assert [set(found.columns) for found in before] == [{"t", "u"}]
    seal(store)
    assert list(store.rows("press", ["t", "u", "w"], *EVER)) == before


# --- room -------------------------------------------------------------------------------------


def test_old_rows_of_one_channel_go_and_the_others_stay(store: SqliteHistory) -> None:
    store.take(Taking(1, [("press", rows(0, DAY_NS, 2 * DAY_NS, t=[0, 1, 2], u=[0, 1, 2]))]))
    seal(store)
    assert store.raw_from("press", "t") == store.raw_from("oven", "t") == 0
    store.drop_raw("press", "t", START_NS + 2 * DAY_NS)
    assert values(store, "press", "t") == [2]
    assert values(store, "press", "u") == [0, 1, 2]
    assert store.raw_from("press", "t") == START_NS + 2 * DAY_NS
    store.drop_raw("press", "t", START_NS)
    assert store.raw_from("press", "t") == START_NS + 2 * DAY_NS, "what is gone does not come back"
    store.drop_raw("press", "u", START_NS + 2 * DAY_NS)
    assert store.extent("press") == (START_NS + 2 * DAY_NS, START_NS + 2 * DAY_NS)


def test_old_figures_go_by_the_day(store: SqliteHistory) -> None:
    store.put_figures([Figures("press", "t", "mean/60", [bucket(0), bucket(DAY_NS), bucket(2 * DAY_NS)])])
    store.drop_figures("press", "t", "mean/60", START_NS + 2 * DAY_NS - 1)
    assert store.figures("press", "t", "mean/60", *EVER) == [bucket(DAY_NS), bucket(2 * DAY_NS)]
