"""The real engine in a hub that can be killed between any two things, with a disk that is slow or fails."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from iiot_engine.effects import Commit, Effect, Publish
from iiot_engine.plant import Member, Plant
from iiot_engine.ports import Batch, IntakeStore, JournalRow
from iiot_engine.stores.memory import MemoryIntake
from iiot_engine.stores.sqlite_intake import SqliteIntake
from iiot_engine.values import Now, Settings

from .rows import NS

SHM: Final = Path("/dev/shm")


class Disk:
    """The store, and what becomes of it when the process ends at once."""

    def __init__(self, *, is_real: bool) -> None:
        self._folder = None
        self.store: IntakeStore
        if not is_real:
            self.store = MemoryIntake()
            return
        self._folder = tempfile.TemporaryDirectory(prefix="iiot-model-", dir=SHM if SHM.is_dir() else None)
        self._lives = 0
        self.store = SqliteIntake(self._path)

    @property
    def _path(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name) / f"{self._lives}.sqlite"

    def crash(self) -> None:
        """What was written stays, as the files lie there; nobody closes anything."""
        if self._folder is None:
            return
        left, dead = self._path, self.store
        self._lives += 1
        for ending in ("", "-wal"):
            part = Path(f"{left}{ending}")
            if part.exists():
                shutil.copyfile(part, f"{self._path}{ending}")
        dead.close()
        self.store = SqliteIntake(self._path)

    def close(self) -> None:
        """The history is over."""
        self.store.close()
        if self._folder is not None:
            self._folder.cleanup()


class Hub:
    """One hub over all its lives. What it publishes goes to `publish`, what it decides to `witness`."""

    def __init__(
        self,
        disk: Disk,
        keys: dict[str, bytes],
        settings: Settings,
        random: Random,
        publish: Callable[[Publish], None],
    ) -> None:
        self.disk = disk
        self.keys: dict[str, dict[int, bytes]] = {}
        self._known = {device_id: {1: key} for device_id, key in keys.items()}
        self.settings = settings
        self.random = random
        self.publish = publish
        self.wall_error_ns = 0
        """How far its clock is ahead of the truth."""
        self.clock_steps = 0
        """How often its clock was set."""
        self.slow = 0.0
        self.failing = 0.0
        self.flying: tuple[Batch, int, bool] | None = None
        """A commit under way: when it ends, and whether it fails."""
        self._step: str = "kept"
        """Of the last step of its clock: `open` until a batch was closed after it, then `flying` until that is kept."""
        self.has_lost_time = False
        """Its clock stepped and nobody could know: while it was dead, just before it died, or when what it knew of its
        devices was from before its start. Until somebody has taken note."""
        self.plant: Plant | None = None
        self.committed: list[Batch] = []
        """Batches that became durable since somebody looked."""

    def now(self, true_ns: int) -> Now:
        """Its clocks."""
        return Now(wall_ns=true_ns + self.wall_error_ns, steady_ns=true_ns)

    def start(self, true_ns: int) -> None:
        """Begin a life with what is on the disk."""
        plant = Plant(self.settings, self.random.randbytes, None)
        store = self.disk.store
        plant.restore(store.load(), self.keys)
        position = store.cursor("last_values")
        while entries := store.read_after(position, 500):
            plant.replay(entries)
            position = entries[-1].position
        self.plant = plant
        plant.set_connected(True, self.now(true_ns))
        self.perform(plant.start(self.now(true_ns)), true_ns)

    def adopt(self, true_ns: int) -> None:
        """A person approves all devices."""
        assert self.plant is not None
        for device_id, keys in self._known.items():
            self.keys[device_id] = keys
            self.perform(self.plant.adopt(device_id, keys, self.now(true_ns)), true_ns)

    def set_clock(self, seconds: int) -> None:
        """Its clock steps, while it lives or while it is dead."""
        self.wall_error_ns += seconds * NS
        self.clock_steps += 1
        self.has_lost_time |= self.plant is None or any(
            not clock.is_ours for member in self.plant.members.values() for clock in member.device.clocks.values()
        )
        self._step = "open"

    def kill(self) -> None:
        """Kill it: a commit under way is on the disk, or it is not; nobody was told either way."""
        if self.flying is not None:
            batch, _, fails = self.flying
            if not fails and self.random.random() < 0.5:
                self._write(batch)
            self.flying = None
        self.has_lost_time |= self._step != "kept"
        self.plant = None
        self.disk.crash()

    def receive(self, topic: str, message: bytes, true_ns: int, *, retained: bool = False) -> list[Effect]:
        """The broker delivers a message."""
        assert self.plant is not None
        return self.perform(self.plant.on_message(topic, message, self.now(true_ns), retained=retained), true_ns)

    def tick(self, true_ns: int) -> None:
        """Let time pass in it."""
        if self.plant is None:
            return
        if self.flying is not None and true_ns >= self.flying[1]:
            self._finish(true_ns)
        self.perform(self.plant.tick(self.now(true_ns)), true_ns)

    def perform(self, effects: list[Effect], true_ns: int) -> list[Effect]:
        """Do what the plant asks for."""
        for effect in effects:
            match effect:
                case Commit(batch):
                    assert self.flying is None, "two commits at a time"
                    self._step = "flying" if self._step == "open" else self._step
                    takes = self.random.randrange(20 * NS) if self.random.random() < self.slow else 0
                    self.flying = (batch, true_ns + takes, self.random.random() < self.failing)
                    if not takes:
                        self._finish(true_ns)
                case Publish():
                    self.publish(effect)
                case _:
                    pass
        return effects

    def _finish(self, true_ns: int) -> None:
        assert self.flying is not None
        assert self.plant is not None
        (batch, _, fails), self.flying = self.flying, None
        if fails:
            self._step = "open" if self._step == "flying" else self._step
            self.perform(self.plant.not_committed(batch, "disk full", self.now(true_ns)), true_ns)
            return
        self._write(batch)
        self.perform(self.plant.committed(batch, self.now(true_ns)), true_ns)

    def _write(self, batch: Batch) -> None:
        self.disk.store.commit(batch)
        self._step = "kept" if self._step == "flying" else self._step
        self.committed.append(batch)

    def members(self) -> list[Member]:
        """What it knows of all devices."""
        assert self.plant is not None
        return list(self.plant.members.values())

    def member(self, device_id: str) -> Member:
        """What it knows of a device."""
        assert self.plant is not None
        return self.plant.members[device_id]

    def journal(self) -> list[JournalRow]:
        """Everything that is durable."""
        return [entry.row for entry in self.disk.store.read_after(0, 10_000_000)]
