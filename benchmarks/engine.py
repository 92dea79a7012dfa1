"""The engine alone: a plant with its devices, a clock that the benchmark moves, and a real store."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from secrets import token_bytes
from typing import Final, NamedTuple

from iiot_engine.effects import Commit, Effect
from iiot_engine.plant import Plant
from iiot_engine.stores.sqlite_intake import SqliteIntake
from iiot_engine.values import NS_PER_MS, NS_PER_S, Discovery, Leaf, Now, Settings
from iiot_engine.wire.topics import topic_of

from .device import Device

PREFIX: Final = "bench"
FIRST_NS: Final = 2 * NS_PER_S
"""The first message comes so long after the fleet has joined."""
TICK_NS: Final = NS_PER_S // 10
SETTINGS: Final = Settings(prefix=PREFIX, discovery=Discovery.VERIFIED)


class Sent(NamedTuple):
    """One message, and when it comes."""

    device: Device
    topic: str
    message: bytes
    now: Now


class Engine:
    """A plant that its devices have joined."""

    def __init__(self, folder: Path, devices: int, channels: int = 1) -> None:
        self.start_ns: Final = time.time_ns()
        self.fleet_key: Final = token_bytes(32)
        born_ns = self.start_ns - 3600 * NS_PER_S
        self.devices: Final = [Device(number, self.fleet_key, born_ns, channels) for number in range(1, devices + 1)]
        self.plant: Final = Plant(SETTINGS, token_bytes, self.fleet_key)
        self.store: Final = SqliteIntake(folder / "intake.sqlite")
        self.commit_s = 0.0
        for device in self.devices:
            self._join(device, self._now(0))
        self._perform(self.plant.tick(self._now(NS_PER_S)), self._now(NS_PER_S))
        self.commit_s = 0.0

    def messages(self, count: int, rate: float, make: Callable[[Device, int], bytes] = Device.data) -> list[Sent]:
        """Sign data messages ahead, all devices in turn, `rate` a second."""
        found = []
        for number in range(count):
            device = self.devices[number % len(self.devices)]
            now = self._now(FIRST_NS + int(number * NS_PER_S / rate))
            message = make(device, now.wall_ns - NS_PER_MS)
            found.append(Sent(device, topic_of(PREFIX, device.id, Leaf.DATA), message, now))
        return found

    def take(self, messages: Sequence[Sent]) -> None:
        """Feed messages and ten ticks a second to the plant, and commit what it gives out."""
        on_message, tick = self.plant.on_message, self.plant.tick
        due_ns = 0
        for _, topic, message, now in messages:
            on_message(topic, message, now)
            if now.steady_ns >= due_ns:
                due_ns = now.steady_ns + TICK_NS
                self._perform(tick(now), now)

    def stop(self) -> None:
        """Commit everything, and close the store."""
        now = self._now(2 * 3600 * NS_PER_S)
        self._perform(self.plant.flush(now), now)
        self.store.close()

    def _join(self, device: Device, now: Now) -> None:
        self.plant.adopt(device.id, {1: device.key}, now)
        for leaf, message in (
            (Leaf.HEARTBEAT, device.heartbeat(now.wall_ns)),
            (Leaf.MANIFEST, device.manifest(now.wall_ns)),
            (Leaf.DATA, device.data(now.wall_ns)),
        ):
            self.plant.on_message(topic_of(PREFIX, device.id, leaf), message, now)

    def _now(self, after_ns: int) -> Now:
        return Now(wall_ns=self.start_ns + after_ns, steady_ns=NS_PER_S + after_ns)

    def _perform(self, effects: list[Effect], now: Now) -> None:
        for effect in effects:
            if isinstance(effect, Commit):
                before = time.process_time()
                self.store.commit(effect.batch)
                self.commit_s += time.process_time() - before
                self.plant.committed(effect.batch, now)
