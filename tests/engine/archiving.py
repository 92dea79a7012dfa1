"""A history store beside a hub on the bench."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from iiot_engine.archive.archivist import Archivist
from iiot_engine.archive.dossier import Described
from iiot_engine.stores.sqlite_history import SqliteHistory
from iiot_engine.values import NS_PER_S
from tests.builders import Machine, World

AT_ONCE = 7
"""Entries of one call: little enough that tests need several."""
FOREVER = (0, 1 << 62)


class Archive:
    """A history store beside a world, filled from its journal."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.store = SqliteHistory(folder / "history.sqlite")
        self.described: dict[str, Described] = {}
        self.spoiled: list[tuple[str, str]] = []
        self.start()

    def start(self) -> None:
        """Begin where the store ended: after a crash, too."""
        self.archivist = Archivist(self.store.dossiers(), self.described, self.store.times)

    def describe(self, device_id: str, **decided: Any) -> None:
        """People decided about a device."""
        self.described[device_id] = Described(name=f"page-{device_id}", **decided)

    def follow(self, *, most: int | None = None) -> None:
        """Take in what the journal holds, or so many batches of it."""
        self.world.pass_time(2)
        batches = 0
        while entries := self.world.store.read_after(self.store.position(), AT_ONCE):
            if batches == most:
                return
            taking = self.archivist.read(entries)
            self.store.take(taking)
            self.spoiled += [(spoiled.row.device_id, spoiled.reason) for spoiled in taking.spoiled]
            batches += 1

    def readings(self, device_id: str, channel: str) -> list[tuple[float, Any, int]]:
        """Seconds since the start of the test, value and standing of each reading, in the order of time."""
        found = []
        for piece in self.store.read(f"page-{device_id}", channel, *FOREVER):
            column = piece.column
            standing = column.quality or [0] * len(column.values)
            times = [(time_ns - START_NS) / NS_PER_S for time_ns in piece.times_ns]
            found += zip(times, column.values, standing, strict=True)
        return sorted((one for one in found if one[1] is not None or one[2]), key=lambda one: one[0])

    def values(self, device_id: str, channel: str) -> list[Any]:
        """Values in the order of their time."""
        return [value for _, value, _ in self.readings(device_id, channel)]


START_NS = World().now.wall_ns


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    found = Archive(World(), tmp_path)
    with closing(found.store):
        yield found


def a_press(archive: Archive, **options: Any) -> Machine:
    machine = Machine(archive.world, **options).join()
    archive.describe(machine.id)
    return machine
