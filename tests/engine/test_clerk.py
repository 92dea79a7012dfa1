"""History at work: what the disk refuses comes again, and figures and room are seen to in their time."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from iiot_engine.archive import clerk
from iiot_engine.archive.clerk import Clerk
from iiot_engine.archive.dossier import Described
from iiot_engine.errors import StoreError
from iiot_engine.history.keeping import Aggregate, Keeping
from iiot_engine.history.store import Taking
from iiot_engine.stores.sqlite_history import SqliteHistory
from iiot_engine.values import NS_PER_S
from tests.builders import Machine, World

EVER = (0, 1 << 62)
MEAN = Aggregate(function="mean", period_s=60)


class Disk(SqliteHistory):
    """A history whose disk can be full."""

    is_full = False

    def take(self, taking: Taking) -> None:
        if self.is_full:
            raise StoreError("the history cannot be written: disk full", path="")
        super().take(taking)


class Office:
    """A clerk with a journal that grows."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.press = Machine(self.world).join()
        self.store = Disk(folder / "history.sqlite")
        self.keeping = Keeping(aggregates=(MEAN,))
        described = {self.press.id: Described(name="press")}
        self.clerk = Clerk(self.world.store, self.store, described, lambda _name, _channel: self.keeping)

    def measure(self, count: int) -> None:
        for _ in range(count):
            self.press.read(strokes=self.press.index)
            self.world.pass_time(1, step_s=1)

    def keep(self) -> None:
        self.clerk.keep(self.world.steady_ns, self.world.now.wall_ns)

    @property
    def strokes(self) -> list[int]:
        pieces = self.store.read("press", "strokes", *EVER)
        return [value for piece in pieces for value in piece.column.values]

    @property
    def minutes(self) -> int:
        return len(self.store.figures("press", "strokes", MEAN.name, *EVER))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    found = Office(tmp_path)
    with closing(found.store):
        yield found


def test_everything_is_read_in_steps(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clerk, "ENTRIES", 5)
    monkeypatch.setattr(clerk, "BATCHES", 2)
    office.measure(20)
    steps = 0
    while office.clerk.read():
        steps += 1
    assert steps >= 2
    assert office.strokes == list(range(1, 21))
    assert (office.clerk.tally.rows, office.clerk.tally.spoiled) == (20, 0)
    assert office.clerk.tally.position == office.store.position()
    assert not office.clerk.read()


def test_what_the_disk_refuses_comes_again(office: Office) -> None:
    office.measure(3)
    office.clerk.read()
    office.measure(3)
    office.store.is_full = True
    for _ in range(2):
        with pytest.raises(StoreError):
            office.clerk.read()
    office.store.is_full = False
    office.measure(3)
    office.clerk.read()
    assert office.strokes == list(range(1, 10))


def test_figures_are_made_each_minute(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clerk, "FRESH", 1)
    office.measure(30)
    office.clerk.read()
    office.keep()
    made = office.minutes
    assert made >= 1
    office.measure(50)
    office.clerk.read()
    office.keep()
    assert office.minutes == made, "not before the minute is over"
    office.measure(20)
    office.clerk.read()
    office.keep()
    assert office.minutes > made


def test_a_change_of_mind_is_seen_to_at_once(office: Office) -> None:
    office.keeping = Keeping()
    office.measure(10)
    office.clerk.read()
    office.keep()
    assert office.minutes == 0
    office.keeping = Keeping(aggregates=(MEAN,))
    office.world.steady_ns += NS_PER_S
    office.keep()
    assert office.minutes == 0
    office.clerk.look_over()
    office.keep()
    assert office.minutes >= 1
